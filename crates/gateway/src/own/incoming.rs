//! The body of a request, as a service of this process reads it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{mpsc, oneshot};

use crate::body::RequestBody;

/// The body of a request, as a [`Server`](crate::Server)'s service reads it: within the limits of the configuration,
/// and without an end if it has broken off.
///
/// What nobody has begun to read is not asked for: a client that waits for leave
/// (`Expect: 100-continue`, RFC 9110 §10.1.1) has none until then.
#[derive(Debug)]
pub struct Incoming(Kind);

/// Why a request's body has not come whole.
///
/// What the service answers then with a status from 400 on, the client sees as the gateway's own refusal: 413 for a
/// body that is too long, 408 for one that does not come, 400 for one that is broken.
#[derive(Debug, thiserror::Error)]
#[error("the request's body was refused, or broke off")]
#[non_exhaustive]
pub struct IncomingError;

#[derive(Debug)]
enum Kind {
    Empty,
    /// All of it.
    Here(VecDeque<Frame<Bytes>>),
    /// From the connection, which is of one thread, while this may be of any.
    Passed(Passed),
    /// Of a connection that may become another protocol's.
    Switching(hyper::body::Incoming),
}

#[derive(Debug)]
struct Passed {
    frames: mpsc::Receiver<Piece>,
    /// Says that somebody reads.
    begin: Option<oneshot::Sender<()>>,
    /// Held as long as somebody may.
    _alive: Arc<()>,
    left: SizeHint,
    ended: bool,
}

/// A piece of a body, or its end, which is told apart from the end of whoever passes it on.
type Piece = Option<Result<Frame<Bytes>, IncomingError>>;

impl Incoming {
    #[cfg(test)]
    pub(super) const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// What `body` has, and the body itself until somebody reads it; to be called on the thread of its connection.
    pub(super) fn of(mut body: RequestBody) -> (Self, Option<Unread>) {
        if body.is_end_stream() {
            return (Self(Kind::Empty), None);
        }
        if let Some(whole) = body.take_whole() {
            return (Self(Kind::Here(whole)), None);
        }
        let (to, frames) = mpsc::channel(1);
        let (begin, is_read) = oneshot::channel();
        let alive = Arc::new(());
        let passed = Passed {
            frames,
            begin: Some(begin),
            _alive: Arc::clone(&alive),
            left: body.size_hint(),
            ended: false,
        };
        let body = Rc::new(RefCell::new(Some(body)));
        let unread = Rc::clone(&body);
        tokio::task::spawn_local(async move {
            if is_read.await.is_ok() {
                pass(&body, to).await;
            }
            body.take();
        });
        let unread = Unread {
            body: unread,
            alive,
        };
        (Self(Kind::Passed(passed)), Some(unread))
    }
}

/// What is left of a body that somebody may read.
#[derive(Debug)]
pub(super) struct Unread {
    body: Rc<RefCell<Option<RequestBody>>>,
    alive: Arc<()>,
}

impl Unread {
    /// Lets go of it if nobody can read it any more: its client is then not asked to send it, and told at once whether
    /// the connection lasts.
    pub(super) fn settle(self) {
        if Arc::strong_count(&self.alive) == 1 {
            self.body.take();
        }
    }
}

/// Hands over what comes, as fast as it is read.
async fn pass(body: &RefCell<Option<RequestBody>>, to: mpsc::Sender<Piece>) {
    let next = |cx: &mut Context<'_>| match &mut *body.borrow_mut() {
        Some(body) => Pin::new(body).poll_frame(cx).map_err(|_| IncomingError),
        // Nobody reads it any more.
        None => Poll::Ready(Some(Err(IncomingError))),
    };
    loop {
        let frame = tokio::select! {
            biased;
            () = to.closed() => return,
            frame = poll_fn(next) => frame,
        };
        let is_last = !matches!(frame, Some(Ok(_)));
        if to.send(frame).await.is_err() || is_last {
            return;
        }
    }
}

impl From<hyper::body::Incoming> for Incoming {
    fn from(body: hyper::body::Incoming) -> Self {
        Self(Kind::Switching(body))
    }
}

impl Passed {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IncomingError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(begin) = self.begin.take() {
            // Who is to pass it on may have ended, which is seen below.
            let _ = begin.send(());
        }
        let piece = ready!(self.frames.poll_recv(cx));
        // Without a word it has not ended.
        let frame = piece.unwrap_or(Some(Err(IncomingError)));
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            let mut left = SizeHint::new();
            if let Some(upper) = self.left.upper() {
                left.set_upper(upper.saturating_sub(length));
            }
            left.set_lower(self.left.lower().saturating_sub(length));
            self.left = left;
        } else {
            self.ended = true;
            self.frames.close();
        }
        Poll::Ready(frame)
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = IncomingError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IncomingError>>> {
        match &mut self.get_mut().0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Here(frames) => Poll::Ready(frames.pop_front().map(Ok)),
            Kind::Passed(passed) => passed.poll_frame(cx),
            Kind::Switching(body) => {
                let polled = Pin::new(body).poll_frame(cx);
                polled.map(|frame| frame.map(|frame| frame.map_err(|_| IncomingError)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Here(frames) => frames.is_empty(),
            Kind::Passed(passed) => passed.ended || passed.left.exact() == Some(0),
            Kind::Switching(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Here(frames) => {
                let data = frames.iter().filter_map(Frame::data_ref);
                SizeHint::with_exact(data.map(|data| data.len() as u64).sum())
            }
            Kind::Passed(passed) => passed.left,
            Kind::Switching(body) => body.size_hint(),
        }
    }
}
