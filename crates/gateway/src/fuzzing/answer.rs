//! An answer of the app's is the same in whatever pieces it comes.

use bytes::BytesMut;
use http::{HeaderMap, Method, StatusCode};

use crate::http1::{Decoder, Extent};
use crate::proxy::http1::Head;
use crate::spares::Spares;

/// What is made of bytes that an app has sent.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Read {
    /// More is needed.
    Partly,
    Refused,
    Answer {
        status: StatusCode,
        headers: HeaderMap,
        extent: Extent,
        body: Vec<u8>,
        trailers: Option<HeaderMap>,
        /// What comes behind it; nothing when more of it is needed.
        rest: Option<Vec<u8>>,
    },
}

/// Bytes, the last of which says in pieces of what size they come.
pub fn answer(data: &[u8]) {
    let Some((size, bytes)) = data.split_last() else {
        return;
    };
    let whole = read([bytes]);
    let size = usize::from(*size).max(1);
    for size in [size, 1] {
        let pieces = read(bytes.chunks(size));
        // What was passed on before the rest proved to be wrong is cut off, which the client sees.
        assert!(
            whole == pieces,
            "{whole:?}, but {pieces:?} in pieces of {size}"
        );
    }
    if let Read::Answer {
        headers, extent, ..
    } = whole
    {
        assert!(!headers.contains_key("connection") && !headers.contains_key("transfer-encoding"));
        let one = headers.get_all("content-length").iter().count();
        assert!(one <= 1 && (one == 0 || extent != Extent::Chunked));
    }
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let (mut bytes, spares) = (BytesMut::new(), Spares::default());
    let mut head: Option<(Head, Decoder)> = None;
    let (mut body, mut trailers) = (Vec::new(), None);
    for piece in pieces {
        bytes.extend_from_slice(piece);
        if head.is_none() {
            match Head::take(&mut bytes, &Method::GET, &spares, |_, _| {}) {
                Ok(Some(taken)) if taken.status != StatusCode::SWITCHING_PROTOCOLS => {
                    let decoder = Decoder::new(taken.extent);
                    head = Some((taken, decoder));
                }
                Ok(Some(_)) | Err(_) => return Read::Refused,
                Ok(None) => {}
            }
        }
        let Some((_, decoder)) = &mut head else {
            continue;
        };
        loop {
            match decoder.decode(&mut bytes) {
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) => body.extend_from_slice(&data),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                },
                Ok(None) => break,
                Err(_) => return Read::Refused,
            }
        }
    }
    match head {
        None => Read::Partly,
        Some((head, decoder)) => Read::Answer {
            status: head.status,
            headers: head.headers,
            extent: head.extent,
            body,
            trailers,
            rest: decoder.is_done().then(|| bytes.to_vec()),
        },
    }
}
