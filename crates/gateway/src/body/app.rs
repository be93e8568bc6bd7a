//! The body of an answer as the app gives it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::own::OwnBody;
use crate::proxy::{Turn, http1};

/// What the app sends, or we in its place; boxed, since answers are moved a dozen times.
#[derive(Debug)]
pub(crate) enum AppBody {
    /// Over a connection of its own.
    Http1(Box<http1::Answer>),
    /// Over one that others use too, with its place there.
    Http2(Box<Shared>),
    /// Of a service of this process.
    Own(Box<OwnBody>),
    /// All of it, come with its head, or a page of ours.
    Whole(Full<Bytes>),
}

/// A body over a connection that others use too, and its place there.
#[derive(Debug)]
pub(crate) struct Shared {
    body: Incoming,
    turn: Option<Turn>,
    broken: bool,
}

impl AppBody {
    /// The body of an answer over HTTP/2, with its place there until it has ended.
    pub(crate) fn http2(body: Incoming, turn: Option<Turn>) -> Self {
        Self::Http2(Box::new(Shared {
            body,
            turn,
            broken: false,
        }))
    }
}

impl Default for AppBody {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

/// Why the rest of an answer does not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// Over HTTP/1.1.
    #[error(transparent)]
    Http1(#[from] http1::Error),
    /// Over HTTP/2.
    #[error(transparent)]
    Http2(#[from] hyper::Error),
    /// In this process.
    #[error("the service's answer broke off: {0}")]
    Own(Box<dyn std::error::Error + Send + Sync>),
    /// It had broken off before.
    #[error("the rest of the app's answer had broken off")]
    Early,
}

/// A body that is there does not fail.
fn sound<T>(frame: Option<Result<T, Infallible>>) -> Option<Result<T, Broken>> {
    frame.map(|frame| frame.map_err(|never| match never {}))
}

impl Body for AppBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map(sound),
            Self::Http1(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Broken::from),
            Self::Own(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Broken::Own),
            Self::Http2(body) => {
                let Shared { body, turn, broken } = &mut **body;
                if *broken {
                    // What hyper gives after an error is an end, which could be taken for its own.
                    return Poll::Ready(Some(Err(Broken::Early)));
                }
                let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
                if frame.is_none() || body.is_end_stream() {
                    // Another may have its place.
                    turn.take();
                }
                *broken = matches!(frame, Some(Err(_)));
                Poll::Ready(frame.map(|frame| frame.map_err(Broken::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(shared) => shared.body.is_end_stream() && !shared.broken,
            Self::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Http1(body) => body.size_hint(),
            Self::Http2(shared) => shared.body.size_hint(),
            Self::Own(body) => body.size_hint(),
        }
    }
}
