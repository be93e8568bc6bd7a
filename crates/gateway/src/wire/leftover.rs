//! What a client still sends over HTTP/2 when nobody wants more of it.
//!
//! A request may be answered before all of it has come, as where it is refused. To end its stream at once is allowed
//! (RFC 9113 §8.1), but a client that sees the reset before the answer takes it for a failure, as curl does. So a
//! little of the rest is taken, as a server over HTTP/1.1 does before it closes.

use std::cell::RefCell;
use std::future::Future as _;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use super::InFlight;

/// Bytes that are taken: a form's, and a small document's.
const MOST: usize = 64 << 10;

/// How long it may take to come.
const LONGEST: Duration = Duration::from_secs(2);

/// The body of a request, on a connection that is in use for as long; its drop leaves the rest to be taken.
#[derive(Debug)]
pub(crate) struct Upload {
    /// None once it has broken off.
    body: Option<Incoming>,
    in_flight: Option<InFlight>,
    leftover: Weak<Leftover>,
}

/// Where the rest is left, for as long as the stream has a task.
#[derive(Debug, Default)]
pub(super) struct Leftover(RefCell<Option<(Incoming, Option<InFlight>)>>);

impl Upload {
    pub(super) fn new(body: Incoming, in_flight: InFlight, leftover: &Rc<Leftover>) -> Self {
        Self {
            body: Some(body),
            in_flight: Some(in_flight),
            leftover: Rc::downgrade(leftover),
        }
    }

    /// The next frame; nothing at its end, and an error where it is none.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Some(Err(BrokenOff)));
        };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        let ended = body.is_end_stream();
        if ended || matches!(polled, Poll::Ready(None)) {
            self.in_flight.take();
        }
        match polled {
            // A stream that is reset with NO_ERROR ends here as if it were whole, which only an
            // answer may (RFC 9113 §8.1).
            Poll::Ready(None) if !ended => {
                self.body = None;
                Poll::Ready(Some(Err(BrokenOff)))
            }
            Poll::Ready(Some(Err(_))) => {
                self.body = None;
                Poll::Ready(Some(Err(BrokenOff)))
            }
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_some_and(Incoming::is_end_stream)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        { self.body.as_ref() }.map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

/// It has broken off.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl Drop for Upload {
    fn drop(&mut self) {
        let rest = { self.body.take() }.filter(|body| !body.is_end_stream());
        if let (Some(body), Some(leftover)) = (rest, self.leftover.upgrade()) {
            leftover.0.replace(Some((body, self.in_flight.take())));
        }
    }
}

impl Leftover {
    /// What is left, to be taken.
    pub(super) fn rest(&self) -> Option<Rest> {
        let (body, in_flight) = self.0.take()?;
        Some(Rest {
            body,
            _in_flight: in_flight,
            left: MOST,
            until: Box::pin(sleep(LONGEST)),
        })
    }
}

/// The rest while it is taken.
#[derive(Debug)]
pub(super) struct Rest {
    body: Incoming,
    _in_flight: Option<InFlight>,
    left: usize,
    until: Pin<Box<Sleep>>,
}

impl Rest {
    /// Takes what has come; ready when that is all, or enough.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let Some(Ok(frame)) = frame else {
                return Poll::Ready(());
            };
            let length = frame.data_ref().map_or(0, Bytes::len);
            match self.left.checked_sub(length) {
                Some(left) => self.left = left,
                None => return Poll::Ready(()),
            }
        }
        self.until.as_mut().poll(cx)
    }
}
