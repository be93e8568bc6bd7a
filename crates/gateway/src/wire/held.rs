//! An answer's body on its way to the client over HTTP/2.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::streams::{Taking, piece};
use super::trailers;
use super::watch::InFlight;
use crate::body::longer;

pin_project! {
    /// A body that keeps its stream in flight until it has been sent.
    #[derive(Debug)]
    pub(super) struct Held<B> {
        #[pin]
        inner: B,
        in_flight: InFlight,
        taking: Option<Taking>,
        // What is left of a frame that goes out in pieces.
        rest: Bytes,
    }
}

impl<B> Held<B> {
    pub(super) fn new(inner: B, in_flight: InFlight, taking: Option<Taking>) -> Self {
        Self {
            inner,
            in_flight,
            taking,
            rest: Bytes::new(),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if let Some(taking) = this.taking {
            taking.asked();
        }
        if this.rest.is_empty() {
            let frame = ready!(this.inner.as_mut().poll_frame(cx)?);
            let Some(frame) = frame.and_then(trailers::pass) else {
                return Poll::Ready(None);
            };
            match (&this.taking, frame.into_data()) {
                (Some(_), Ok(data)) => *this.rest = data,
                (None, Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                (_, Err(trailers)) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        if let Some(taking) = this.taking {
            taking.handed();
        }
        let data = piece(this.rest, this.inner.is_end_stream());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        longer(self.inner.size_hint(), self.rest.len())
    }
}
