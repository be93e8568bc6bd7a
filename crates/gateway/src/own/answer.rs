//! The body of a service's answer.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::BoxError;
use crate::body::AppBody;

/// One that does not come at once.
pub(crate) struct OwnBody {
    /// What has come of it already.
    first: Option<Bytes>,
    rest: Rest,
}

type Rest = Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>;

/// Whether an answer has none, whoever has asked (RFC 9110 §6.4.1).
pub(super) fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// `answer` without its body, of which it tells the length: over HTTP/2 what is sent all the same breaks the stream.
pub(super) fn without_body<B: Body>(answer: Response<B>) -> Response<AppBody> {
    let (mut parts, body) = answer.into_parts();
    if parts.status == StatusCode::NO_CONTENT {
        // axum has set it, and whoever reads it waits for as much (RFC 9110 §8.6).
        parts.headers.remove(CONTENT_LENGTH);
    } else if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        let length = || HeaderValue::from(length);
        parts.headers.entry(CONTENT_LENGTH).or_insert_with(length);
    }
    Response::from_parts(parts, AppBody::default())
}

/// What there is of `body`: most are there as a whole.
pub(super) async fn taken<B>(body: B) -> AppBody
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() {
        return AppBody::default();
    }
    let mut body = Box::pin(body);
    let first = poll_fn(|cx| Poll::Ready(body.as_mut().poll_frame(cx))).await;
    let first = match first {
        Poll::Pending => None,
        Poll::Ready(None) => return AppBody::default(),
        Poll::Ready(Some(frame)) => Some(frame.map_err(Into::into)),
    };
    match first {
        Some(Ok(frame)) if frame.is_data() => {
            let data = frame.into_data().unwrap_or_default();
            if body.is_end_stream() {
                return AppBody::Whole(Full::new(data));
            }
            own(Some(data), Box::pin(Erased(body)))
        }
        Some(odd) => own(None, Box::pin(Odd(Some(odd)))),
        None => own(None, Box::pin(Erased(body))),
    }
}

fn own(first: Option<Bytes>, rest: Rest) -> AppBody {
    AppBody::Own(Box::new(OwnBody { first, rest }))
}

/// A body whose error is of any kind.
struct Erased<B>(Pin<Box<B>>);

impl<B> Body for Erased<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = self.0.as_mut().poll_frame(cx);
        polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// Trailers without a body, or an error before it has begun.
struct Odd(Option<Result<Frame<Bytes>, BoxError>>);

impl Body for Odd {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.take())
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

impl Body for OwnBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self.rest.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.size_hint();
        let Some(first) = &self.first else {
            return rest;
        };
        let first = first.len() as u64;
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint.set_lower(rest.lower().saturating_add(first));
        hint
    }
}

impl fmt::Debug for OwnBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnBody")
    }
}
