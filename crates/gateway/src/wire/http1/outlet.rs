//! An answer on its way to the client.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode, Version};
use http_body::{Body, Frame};
use hyper::ext::ReasonPhrase;
use panoply_headers::Apart;
use tokio::io::{AsyncRead, AsyncWrite};

use super::inlet::Inlet;
use crate::http1::{Queue, field, has_token};
use crate::wire::trailers;

/// What of a request its answer depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) head: bool,
    pub(super) version: Version,
    /// Whether the connection is to last.
    pub(super) lasts: bool,
    /// Whether trailers are welcome.
    pub(super) trailers: bool,
}

/// How an answer's body goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of it are still to come.
    Sized(u64),
    /// Its last chunk is still to come.
    Chunked,
    /// The connection ends with it.
    Close,
    Done,
}

/// The head and the body of an answer, as far as they are not out.
#[derive(Debug)]
pub(super) struct Outlet {
    queue: Queue,
    state: State,
    lasts: bool,
    trailers: bool,
    /// Whether it has been seen what of the body is at hand.
    looked: bool,
}

impl Outlet {
    /// Writes the head of `response` into `text`, dated `date`, behind what is `before` it.
    pub(super) fn new<B: Body>(
        response: &Response<B>,
        asked: Asked,
        mut text: Vec<u8>,
        before: &[u8],
        date: &[u8],
    ) -> Self {
        let status = response.status();
        let headers = response.headers();
        let switching = status == StatusCode::SWITCHING_PROTOCOLS;
        let closes = headers
            .get_all(CONNECTION)
            .iter()
            .any(|value| has_token(value, b"close"));
        let http_11 = asked.version == Version::HTTP_11;
        let length = length(headers);
        let exact = response.body().size_hint().exact();
        let bodiless = status.is_informational() || status == StatusCode::NO_CONTENT;
        let without = asked.head || bodiless || status == StatusCode::NOT_MODIFIED;
        let state = match (without, length.or(exact)) {
            (true, _) | (false, Some(0)) => State::Done,
            (false, Some(length)) => State::Sized(length),
            (false, None) if http_11 => State::Chunked,
            (false, None) => State::Close,
        };
        let lasts = asked.lasts && !closes && state != State::Close && !switching;

        text.clear();
        text.extend_from_slice(before);
        start(&mut text, response, http_11);
        for (name, value) in headers {
            let ours = *name == CONNECTION && !switching
                || *name == TRANSFER_ENCODING
                || *name == CONTENT_LENGTH;
            if !ours {
                field(&mut text, name.as_str().as_bytes(), value.as_bytes());
            }
        }
        match (state, length.or(exact)) {
            (State::Chunked, _) => field(&mut text, b"transfer-encoding", b"chunked"),
            // Of what is not sent the app alone knows the length (RFC 9110 §8.6).
            (State::Done, Some(0)) if without && length.is_none() => {}
            (_, Some(length)) if !bodiless => {
                let mut digits = itoa::Buffer::new();
                field(
                    &mut text,
                    b"content-length",
                    digits.format(length).as_bytes(),
                );
            }
            _ => {}
        }
        match (lasts, http_11) {
            (true, false) => field(&mut text, b"connection", b"keep-alive"),
            (false, true) if !switching => field(&mut text, b"connection", b"close"),
            _ => {}
        }
        if !headers.contains_key(DATE) {
            field(&mut text, b"date", date);
        }
        if let Some(apart) = response.extensions().get::<Apart>() {
            text.extend_from_slice(apart.lines());
        }
        text.extend_from_slice(b"\r\n");
        Self {
            queue: Queue::new(text),
            state,
            lasts,
            trailers: asked.trailers,
            looked: false,
        }
    }

    /// Whether another request may follow.
    pub(super) const fn lasts(&self) -> bool {
        self.lasts
    }

    /// Whether nothing but the end of the connection tells where the answer ends.
    pub(super) fn ends_with_the_connection(&self) -> bool {
        self.state == State::Close
    }

    /// Room for the next head.
    pub(super) fn into_text(self) -> Vec<u8> {
        self.queue.into_text()
    }

    /// Writes as much as there is; `Ready` when all of it is out.
    pub(super) fn poll<B, T>(
        &mut self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut B>,
        inlet: &Inlet<T>,
    ) -> Poll<io::Result<()>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        T: AsyncRead + AsyncWrite + Unpin,
    {
        // A piece that is at hand goes out with the head.
        let mut ready = !std::mem::replace(&mut self.looked, true);
        loop {
            ready |= self.queue.is_written();
            if self.state != State::Done && std::mem::take(&mut ready) {
                let Poll::Ready(frame) = body.as_mut().poll_frame(cx) else {
                    ready!(inlet.poll_write(|to| self.queue.poll(cx, to)))?;
                    ready!(inlet.poll_write(|to| Pin::new(to).poll_flush(cx)))?;
                    return Poll::Pending;
                };
                let frame = frame.transpose().map_err(io::Error::other)?;
                self.take(frame, &*body)?;
            }
            ready!(inlet.poll_write(|to| self.queue.poll(cx, to)))?;
            if self.state == State::Done {
                return inlet.poll_write(|to| Pin::new(to).poll_flush(cx));
            }
        }
    }

    /// Makes the next piece ready.
    fn take<B: Body>(&mut self, frame: Option<Frame<Bytes>>, body: &B) -> io::Result<()> {
        let data = match frame.map(Frame::into_data).transpose() {
            Ok(data) => data,
            Err(frame) => {
                let mut fields = frame.into_trailers().unwrap_or_default();
                trailers::permit(&mut fields);
                return self.end(&fields);
            }
        };
        let Some(data) = data else {
            return self.end(&HeaderMap::new());
        };
        match self.state {
            State::Sized(left) => {
                let left = left.checked_sub(data.len() as u64).ok_or_else(longer)?;
                self.state = if left == 0 {
                    State::Done
                } else {
                    State::Sized(left)
                };
                self.queue.data(data);
            }
            State::Chunked if !data.is_empty() => {
                let last = body.is_end_stream();
                self.queue.chunk(data, last);
                if last {
                    self.state = State::Done;
                }
            }
            State::Close => self.queue.data(data),
            State::Chunked | State::Done => {}
        }
        Ok(())
    }

    fn end(&mut self, fields: &HeaderMap) -> io::Result<()> {
        match self.state {
            State::Sized(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            State::Chunked if self.trailers => self.queue.end(fields),
            State::Chunked => self.queue.end(&HeaderMap::new()),
            State::Close | State::Done => {}
        }
        self.state = State::Done;
        Ok(())
    }
}

/// An answer that says more than its length would be taken for the next one.
fn longer() -> io::Error {
    io::Error::other("the answer is longer than its Content-Length")
}

fn start<B>(text: &mut Vec<u8>, response: &Response<B>, http_11: bool) {
    let status = response.status();
    let said: Option<&ReasonPhrase> = response.extensions().get();
    let usual = || status.canonical_reason().unwrap_or("").as_bytes();
    let reason = said.map_or_else(usual, ReasonPhrase::as_bytes);
    let version: &[u8] = if http_11 { b"HTTP/1.1 " } else { b"HTTP/1.0 " };
    for part in [version, status.as_str().as_bytes(), b" ", reason, b"\r\n"] {
        text.extend_from_slice(part);
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
