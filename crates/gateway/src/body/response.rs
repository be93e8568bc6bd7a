//! The body of an answer, the app's or one of our own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::{AppBody, Broken, longer};
use crate::nonce::Stamped;

/// An answer's body: the app's, or one of our own.
#[derive(Debug)]
pub(crate) enum ResponseBody {
    /// As it comes.
    Plain(AppBody),
    /// The app's page, with the placeholder replaced by the nonce.
    Stamped(Box<Stamped<AppBody>>),
    /// One that has been looked into.
    Begun(Box<Begun>),
}

/// A body of which the beginning has been taken off already.
#[derive(Debug)]
pub(crate) struct Begun {
    first: Bytes,
    trailers: Option<Frame<Bytes>>,
    rest: ResponseBody,
}

impl ResponseBody {
    /// `rest` behind what has been taken off it, the trailers too if they have come.
    pub(crate) fn begun(first: Bytes, trailers: Option<Frame<Bytes>>, rest: Self) -> Self {
        Self::Begun(Box::new(Begun {
            first,
            trailers,
            rest,
        }))
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Plain(AppBody::Whole(Full::new(bytes)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Plain(body) => Pin::new(body).poll_frame(cx),
            Self::Stamped(body) => Pin::new(&mut **body).poll_frame(cx),
            Self::Begun(body) => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Stamped(body) => body.is_end_stream(),
            Self::Begun(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Stamped(body) => body.size_hint(),
            Self::Begun(body) => body.size_hint(),
        }
    }
}

impl Body for Begun {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.first)))));
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        Poll::Ready(ready!(Pin::new(&mut self.rest).poll_frame(cx)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.trailers.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        longer(self.rest.size_hint(), self.first.len())
    }
}
