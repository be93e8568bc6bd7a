//! What the server makes of bytes, without a connection around it.

use bytes::BytesMut;
use http::StatusCode;

use super::head::{Bounds, PARSED, skip_empty, take};
use crate::http1::{Decoder, Malformed};
use crate::spares::Spares;
use crate::wire::framing::Violation;

/// Where the bytes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Between two requests.
    Between,
    /// In a head.
    Head,
    /// In a body, its chunks and trailers included.
    Body,
    /// With a head that is refused.
    Refused(StatusCode, Option<Violation>),
    /// With a body that cannot be read on.
    Malformed(Malformed),
}

/// The bodies of the requests in `pieces` that are whole, and where that ends.
pub(crate) fn replay<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Stop) {
    let bounds = Bounds {
        bytes: 64 << 10,
        headers: PARSED,
    };
    let (mut bytes, mut bodies) = (BytesMut::new(), Vec::new());
    let spares = Spares::default();
    let mut body: Option<(Decoder, Vec<u8>)> = None;
    for piece in pieces {
        bytes.extend_from_slice(piece);
        loop {
            if let Some((decoder, data)) = &mut body {
                match decoder.decode(&mut bytes) {
                    Err(malformed) => return (bodies, Stop::Malformed(malformed)),
                    Ok(Some(frame)) => {
                        data.extend_from_slice(&frame.into_data().unwrap_or_default());
                    }
                    Ok(None) if !decoder.is_done() => break,
                    Ok(None) => {}
                }
                if decoder.is_done() {
                    bodies.extend(body.take().map(|(_, data)| data));
                }
                continue;
            }
            skip_empty(&mut bytes);
            if bytes.is_empty() {
                break;
            }
            match take(&mut bytes, bounds, &spares) {
                Ok(None) => break,
                Ok(Some(head)) => body = Some((Decoder::new(head.extent), Vec::new())),
                Err(refused) => {
                    return (bodies, Stop::Refused(refused.status, refused.violation));
                }
            }
        }
    }
    let stop = match (&body, bytes.is_empty()) {
        (Some(_), _) => Stop::Body,
        (None, true) => Stop::Between,
        (None, false) => Stop::Head,
    };
    (bodies, stop)
}
