//! The bodies that pass through the gateway, frame by frame, never gathered.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use panoply::limits::GuardedBody;
use pin_project_lite::pin_project;

use crate::nonce::Stamped;
use crate::proxy::Lease;
use crate::wire::Outlet;

/// Why a request's body could not be passed on whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was longer than the limit.
    TooLarge,
    /// The client sent something that is no body, or went away.
    Broken,
    /// The client sent nothing more.
    Stalled,
}

/// What has happened to a request's body so far; shared between the body and who sends it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    fault: Cell<Option<Fault>>,
    frames: Cell<u64>,
    ended: Cell<bool>,
    waits: Cell<bool>,
}

impl Progress {
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// Whether the client has been asked for more and has not sent it yet.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.waits.get()
    }

    /// Nobody waits for the client any longer.
    pub(crate) fn give_up(&self) {
        self.fault.set(Some(Fault::Stalled));
    }

    /// A number that grows as the body passes, and whether all of it has.
    pub(crate) fn mark(&self) -> (u64, bool) {
        (self.frames.get(), self.ended.get())
    }
}

/// The error of a body that must not be passed on as if it were whole.
#[derive(Debug, thiserror::Error)]
#[error("the client's request body was refused or broke off")]
pub(crate) struct Refused;

/// A request's body as the client sends it, up to a limit.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// What the login guard has read, and the app is still to have.
    read: VecDeque<Frame<Bytes>>,
    inner: Option<Incoming>,
    left: u64,
    progress: Rc<Progress>,
    trailers: Outlet,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, limit: u64) -> Self {
        let progress = Rc::<Progress>::default();
        progress.ended.set(inner.is_end_stream());
        Self {
            read: VecDeque::new(),
            inner: Some(inner),
            left: limit,
            progress,
            trailers: Outlet::default(),
        }
    }

    /// No body at all.
    pub(crate) fn empty() -> Self {
        let progress = Rc::<Progress>::default();
        progress.ended.set(true);
        Self {
            read: VecDeque::new(),
            inner: None,
            left: 0,
            progress,
            trailers: Outlet::default(),
        }
    }

    /// The body as it came, of which the login guard may have read some or all.
    pub(crate) fn from_guarded(body: GuardedBody<Self>) -> Self {
        let (read, body) = body.into_parts();
        let mut body = body.unwrap_or_else(Self::empty);
        body.read.extend(read);
        body
    }

    pub(crate) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// Where its trailers go, from now on.
    pub(crate) fn set_trailers(&mut self, outlet: Outlet) {
        self.trailers = outlet;
    }

    fn refuse(&self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Refused>>> {
        self.progress.fault.set(Some(fault));
        Poll::Ready(Some(Err(Refused)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Refused;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refused>>> {
        if let Some(frame) = self.read.pop_front() {
            // Counted when it was read.
            let frame = self.trailers.pass(frame);
            return Poll::Ready(frame.map(Ok));
        }
        let Some(inner) = self.inner.as_mut() else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(inner).poll_frame(cx);
        self.progress.waits.set(polled.is_pending());
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return self.refuse(Fault::Broken),
            None => {
                self.progress.ended.set(true);
                return Poll::Ready(None);
            }
        };
        self.progress.frames.set(self.progress.frames.get() + 1);
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return self.refuse(Fault::TooLarge),
        }
        let frame = self.trailers.pass(frame);
        self.progress
            .ended
            .set(frame.is_none() || self.is_end_stream());
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.inner.as_ref();
        let rest = rest.map_or(SizeHint::with_exact(0), Body::size_hint);
        if self.read.is_empty() {
            return rest;
        }
        let data = self.read.iter().filter_map(Frame::data_ref);
        let read: u64 = data.map(|data| data.len() as u64).sum();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint.set_lower(rest.lower().saturating_add(read));
        hint
    }
}

pin_project! {
    /// An answer's body: the app's, or one of our own.
    #[project = Projected]
    pub(crate) enum ResponseBody {
        /// A page of ours.
        Whole { #[pin] body: Full<Bytes> },
        /// The app's, as it comes; the lease returns its connection to the pool.
        App { #[pin] body: Incoming, lease: Option<Lease> },
        /// The app's page, with the placeholder replaced by the nonce.
        Stamped { #[pin] body: Stamped<Incoming>, lease: Option<Lease> },
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole {
            body: Full::new(bytes),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let (frame, ended, lease) = match self.project() {
            Projected::Whole { body } => {
                return body
                    .poll_frame(cx)
                    .map(|frame| frame.map(|f| f.map_err(|e| match e {})));
            }
            Projected::App { mut body, lease } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                (frame, body.is_end_stream(), lease)
            }
            Projected::Stamped { mut body, lease } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                (frame, body.is_end_stream(), lease)
            }
        };
        if (ended || frame.is_none())
            && let Some(lease) = lease.take()
        {
            lease.give_back();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { body } => body.is_end_stream(),
            Self::App { body, .. } => body.is_end_stream(),
            Self::Stamped { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { body } => body.size_hint(),
            Self::App { body, .. } => body.size_hint(),
            Self::Stamped { body, .. } => body.size_hint(),
        }
    }
}
