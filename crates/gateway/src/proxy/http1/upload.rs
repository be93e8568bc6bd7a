//! A request on its way out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use tokio::io::AsyncWrite;

use super::request::Extent;
use crate::body::RequestBody;
use crate::http1::Queue;

/// The head and the body of a request, as far as they have not been written.
#[derive(Debug)]
pub(in crate::proxy) struct Upload {
    queue: Queue,
    body: RequestBody,
    state: State,
    bare: bool,
    begun: bool,
    /// How often something was taken from the client, or by the app.
    moved: u64,
    /// Whether it has been seen what of the body is at hand.
    looked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of the body are still to come.
    Sized(u64),
    /// The last chunk is still to come.
    Chunked,
    /// Nothing more is to come.
    Ended,
    /// All of it is on its way.
    Out,
}

/// Why a request did not go out whole.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The connection takes no more.
    Io(io::Error),
    /// The client's own body is not to be passed on, or ended early; who sent it knows why.
    Body,
}

impl Upload {
    pub(super) fn new(head: Vec<u8>, body: RequestBody, extent: Extent) -> Self {
        let state = match extent {
            Extent::Empty | Extent::Sized(0) => State::Ended,
            Extent::Sized(length) => State::Sized(length),
            Extent::Chunked => State::Chunked,
        };
        Self {
            queue: Queue::new(head),
            body,
            state,
            bare: state == State::Ended,
            begun: false,
            moved: 0,
            looked: false,
        }
    }

    /// A number that grows whenever some of it goes on.
    pub(super) const fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether any of it may have reached the app.
    pub(super) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether it is a head alone.
    pub(super) const fn is_bare(&self) -> bool {
        self.bare
    }

    /// Whether all of it is out.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Out
    }

    /// Makes a request without a body as if none of it had been written.
    pub(super) const fn again(&mut self) {
        self.queue.again();
        self.begun = false;
        if matches!(self.state, State::Out) {
            self.state = State::Ended;
        }
    }

    /// What can be used for the next head.
    pub(super) fn into_text(self) -> Vec<u8> {
        self.queue.into_text()
    }

    /// Writes until all of it is out.
    pub(super) fn poll<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<Result<(), Stopped>> {
        // A body that is at hand goes out with its head.
        if !std::mem::replace(&mut self.looked, true)
            && !matches!(self.state, State::Ended | State::Out)
            && let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx)
        {
            self.take(frame)?;
        }
        while self.state != State::Out {
            let left = self.queue.left();
            let written = self.queue.poll(cx, to);
            self.moved += u64::from(self.queue.left() < left);
            self.begun |= self.queue.has_begun();
            ready!(written).map_err(Stopped::Io)?;
            let flushed = Pin::new(&mut *to).poll_flush(cx).map_err(Stopped::Io)?;
            if self.state == State::Ended {
                // TLS keeps what the connection does not take.
                ready!(flushed);
                self.state = State::Out;
                break;
            }
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            self.take(frame)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Makes the next piece ready.
    fn take<E>(&mut self, frame: Option<Result<Frame<Bytes>, E>>) -> Result<(), Stopped> {
        let frame = frame.transpose().map_err(|_| Stopped::Body)?;
        match (frame.map(Frame::into_data), self.state) {
            (Some(Ok(data)), State::Sized(left)) => {
                let left = left.checked_sub(data.len() as u64);
                // Its end need not be waited for.
                self.state = match left.ok_or(Stopped::Body)? {
                    0 => State::Ended,
                    left => State::Sized(left),
                };
                self.queue.data(data);
            }
            (Some(Ok(data)), State::Chunked) if !data.is_empty() => {
                let last = self.body.is_end_stream();
                self.queue.chunk(data, last);
                if last {
                    self.state = State::Ended;
                }
            }
            // What is shorter than its length says must not pass for whole.
            (None | Some(Err(_)), State::Sized(_)) => return Err(Stopped::Body),
            (None, State::Chunked) => self.end(&HeaderMap::new()),
            (Some(Err(trailers)), State::Chunked) => {
                self.end(&trailers.into_trailers().unwrap_or_default());
            }
            (_, State::Ended | State::Out) | (Some(Ok(_)), State::Chunked) => {}
        }
        Ok(())
    }

    fn end(&mut self, trailers: &HeaderMap) {
        self.queue.end(trailers);
        self.state = State::Ended;
    }
}
