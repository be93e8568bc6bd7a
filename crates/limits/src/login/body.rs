//! Bodies that are read by the guard and go on as they came.

use std::collections::VecDeque;
use std::io::Read;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::gathered::Gathered;
use super::room::{Room, Share};

pin_project! {
    /// A body of which the guard has read the beginning, or all, or nothing: what came, then whatever is still to
    /// come, frame by frame.
    #[derive(Debug)]
    pub struct GuardedBody<B>
    where
        B: Body,
    {
        read: VecDeque<Frame<Bytes>>,
        #[pin]
        rest: Option<B>,
        ended: bool,
        // How it broke off while it was read: who reads it again is told.
        error: Option<Box<B::Error>>,
    }
}

impl<B: Body> GuardedBody<B> {
    /// A body that nobody has read.
    pub(crate) const fn untouched(body: B) -> Self {
        Self {
            read: VecDeque::new(),
            rest: Some(body),
            ended: false,
            error: None,
        }
    }

    /// What was read, and the body that it came from, which may have more.
    pub fn into_parts(self) -> (VecDeque<Frame<Bytes>>, Option<B>) {
        (self.read, self.rest)
    }
}

impl<B: Body> From<Bytes> for GuardedBody<B> {
    fn from(bytes: Bytes) -> Self {
        let frame = (!bytes.is_empty()).then(|| Frame::data(bytes));
        Self {
            read: frame.into_iter().collect(),
            rest: None,
            ended: true,
            error: None,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for GuardedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        if let Some(frame) = this.read.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(*error)));
        }
        match this.rest.as_mut().as_pin_mut() {
            Some(rest) if !*this.ended => rest.poll_frame(cx),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let rest = self.rest.as_ref().filter(|_| !self.ended);
        self.read.is_empty() && self.error.is_none() && rest.is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.read.iter().map(length).sum();
        let rest = self.rest.as_ref().filter(|_| !self.ended);
        let rest = rest.map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        // How long it would have been nobody knows.
        if let Some(upper) = rest.upper().filter(|_| self.error.is_none()) {
            hint.set_upper(upper.saturating_add(read));
        }
        hint.set_lower(rest.lower().saturating_add(read));
        hint
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.remaining() as u64)
}

pin_project! {
    /// Reads a body up to a bound, and keeps it.
    #[derive(Debug)]
    pub(super) struct Reading<B>
    where
        B: Body,
    {
        data: Gathered,
        trailers: Option<Frame<Bytes>>,
        length: u64,
        pieces: usize,
        bound: u64,
        room: Sharing,
        #[pin]
        rest: Option<B>,
        error: Option<Box<B::Error>>,
    }
}

/// Of which room a body takes a share.
#[derive(Debug)]
enum Sharing {
    Not,
    /// Of that which is for logins, once it is longer than an ordinary one.
    With(Option<IpAddr>),
    Holds(Box<Share>),
}

impl Sharing {
    #[cold]
    fn grow_to(&mut self, length: u64) -> bool {
        if let Self::With(client) = *self {
            *self = Self::Holds(Box::new(Room::of_process().share(client)));
        }
        match self {
            Self::Holds(share) => share.grow_to(length),
            Self::Not | Self::With(_) => true,
        }
    }
}

/// How reading a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is all there.
    Whole,
    /// It is longer than the bound.
    TooLong,
    /// There is no room for more of it.
    Crowded,
    /// It broke off.
    Broken,
}

impl<B: Body<Data = Bytes>> Reading<B> {
    pub(super) fn new(body: B, bound: u64) -> Self {
        Self {
            data: Gathered::default(),
            trailers: None,
            length: 0,
            pieces: 0,
            bound,
            room: Sharing::Not,
            rest: Some(body),
            error: None,
        }
    }

    /// The same of a body of `client`'s that has to share room with others.
    pub(super) fn sharing(self, client: Option<IpAddr>) -> Self {
        let room = Sharing::With(client);
        Self { room, ..self }
    }

    /// What it holds of the room, for as long as its bytes are kept.
    pub(super) fn take_share(&mut self) -> Option<Box<Share>> {
        match std::mem::replace(&mut self.room, Sharing::Not) {
            Sharing::Holds(share) => Some(share),
            Sharing::Not | Sharing::With(_) => None,
        }
    }

    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let mut this = self.project();
        let Some(body) = this.rest.as_mut().as_pin_mut() else {
            return Poll::Ready(End::Whole);
        };
        let mut body = body;
        if body.size_hint().lower() > *this.bound {
            return Poll::Ready(End::TooLong);
        }
        loop {
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    *this.length += length(&frame);
                    *this.pieces += 1;
                    match frame.into_data() {
                        Ok(data) => this.data.push(data),
                        Err(trailers) => *this.trailers = Some(trailers),
                    }
                    // Many empty frames are as much as a long body.
                    if *this.length > *this.bound || *this.pieces > MOST_FRAMES {
                        return Poll::Ready(End::TooLong);
                    }
                    if *this.length > Room::FREE && !this.room.grow_to(*this.length) {
                        return Poll::Ready(End::Crowded);
                    }
                }
                Some(Err(error)) => {
                    *this.error = Some(Box::new(error));
                    return Poll::Ready(End::Broken);
                }
                None => return Poll::Ready(End::Whole),
            }
        }
    }

    /// How it broke off.
    pub(super) fn take_error(&mut self) -> Option<Box<B::Error>> {
        self.error.take()
    }

    /// What is left when a body has been taken out.
    pub(super) fn new_empty() -> Self {
        Self {
            data: Gathered::default(),
            trailers: None,
            length: 0,
            pieces: 0,
            bound: 0,
            room: Sharing::Not,
            rest: None,
            error: None,
        }
    }

    /// Whether any of it is to be read.
    pub(super) const fn is_wanted(&self) -> bool {
        self.bound > 0
    }

    /// The bytes that were read.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.data.as_slice().to_vec()
    }
}

const MOST_FRAMES: usize = 16_384;

impl<B: Body<Data = Bytes> + Unpin> Reading<B> {
    /// The body again, as it came.
    pub(super) fn into_body(self, end: End) -> GuardedBody<B> {
        let data = self.data.into_bytes();
        let data = (!data.is_empty()).then(|| Frame::data(data));
        GuardedBody {
            read: data.into_iter().chain(self.trailers).collect(),
            rest: self.rest,
            // Polled again, some bodies that have failed come to an end.
            ended: !matches!(end, End::TooLong | End::Crowded),
            error: self.error,
        }
    }
}

/// Why a body cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// In an encoding that is not known, in several, or broken.
    Unknown,
    /// Longer than the bound once it is decoded.
    TooLong,
}

/// The body as the app will read it.
pub(super) fn decoded(headers: &HeaderMap, body: Vec<u8>, bound: u64) -> Result<Vec<u8>, Coding> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(body);
    };
    let coding = coding.to_str().map_err(|_| Coding::Unknown)?.trim();
    if codings.next().is_some() {
        return Err(Coding::Unknown);
    }
    let body = body.as_slice();
    match coding.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body.to_vec()),
        "gzip" | "x-gzip" => inflated(flate2::read::MultiGzDecoder::new(body), bound),
        "deflate" => match inflated(flate2::read::ZlibDecoder::new(body), bound) {
            // Some take it without its wrapping, as the first browsers sent it.
            Err(Coding::Unknown) => inflated(flate2::read::DeflateDecoder::new(body), bound),
            done => done,
        },
        "br" => inflated(brotli_decompressor::Decompressor::new(body, 4096), bound),
        _ => Err(Coding::Unknown),
    }
}

fn inflated(reader: impl Read, bound: u64) -> Result<Vec<u8>, Coding> {
    let mut bytes = Vec::new();
    let read = reader.take(bound + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > bound {
        return Err(Coding::TooLong);
    }
    read.map(|_| bytes).map_err(|_| Coding::Unknown)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(coding: &'static str, body: Vec<u8>, bound: usize) -> Result<Vec<u8>, Coding> {
        let coding = HeaderValue::from_static(coding);
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding)]);
        decoded(&headers, body, bound as u64)
    }

    /// A body that comes in these pieces.
    struct Pieces(VecDeque<Frame<Bytes>>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    #[test]
    fn many_small_pieces_are_kept_as_one() {
        let text: Vec<u8> = (b'a'..=b'z').cycle().take(10_000).collect();
        let piece = |bytes: &[u8]| Frame::data(Bytes::copy_from_slice(bytes));
        for size in [1, 7, 10_000] {
            let mut pieces: VecDeque<_> = text.chunks(size).map(piece).collect();
            pieces.push_front(piece(b""));
            pieces.push_back(piece(b""));
            pieces.push_back(Frame::trailers(HeaderMap::new()));
            let mut reading = Box::pin(Reading::new(Pieces(pieces), 10_000));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert_eq!(reading.as_mut().poll(&mut cx), Poll::Ready(End::Whole));
            assert_eq!(reading.bytes(), text);
            let body = Pin::into_inner(reading).into_body(End::Whole);
            let (read, _) = body.into_parts();
            let data = read.front().and_then(Frame::data_ref);
            assert_eq!(data.map(|data| &data[..]), Some(&text[..]), "{size}");
            assert_eq!(read.len(), 2, "{size}");
            assert!(read.back().is_some_and(Frame::is_trailers));
        }
    }

    proptest! {
        #[test]
        fn what_was_compressed_is_read_within_its_bound(
            body in prop::collection::vec(any::<u8>(), 1..400), times in 1..50_usize, level in 0..10_u32,
        ) {
            let body = body.repeat(times);
            let level = Compression::new(level);
            let mut gzip = GzEncoder::new(Vec::new(), level);
            gzip.write_all(&body).unwrap();
            let mut zlib = ZlibEncoder::new(Vec::new(), level);
            zlib.write_all(&body).unwrap();
            let mut bare = DeflateEncoder::new(Vec::new(), level);
            bare.write_all(&body).unwrap();
            for (coding, compressed) in [
                ("X-Gzip", gzip.finish().unwrap()),
                ("deflate", zlib.finish().unwrap()),
                ("deflate", bare.finish().unwrap()),
            ] {
                let whole = read(coding, compressed.clone(), body.len());
                prop_assert_eq!(whole.as_ref(), Ok(&body));
                let less = read(coding, compressed, body.len() - 1);
                prop_assert_eq!(less, Err(Coding::TooLong));
            }
        }
    }
}
