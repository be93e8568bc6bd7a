//! The body of a service's answer.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};

use super::BoxError;
use crate::body::{AppBody, longer};

/// One that does not come at once.
pub(crate) struct OwnBody {
    /// What has come of it already.
    first: Option<Result<Frame<Bytes>, BoxError>>,
    rest: Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>,
}

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
    let mut body = Box::pin(body.map_err(Into::into));
    let first = poll_fn(|cx| Poll::Ready(body.as_mut().poll_frame(cx))).await;
    let first = match first {
        Poll::Pending => None,
        Poll::Ready(None) => return AppBody::default(),
        Poll::Ready(Some(Ok(frame))) if frame.is_data() && body.is_end_stream() => {
            return AppBody::Whole(Full::new(frame.into_data().unwrap_or_default()));
        }
        Poll::Ready(frame) => frame,
    };
    AppBody::Own(Box::new(OwnBody { first, rest: body }))
}

impl Body for OwnBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => self.rest.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.size_hint();
        let first = { self.first.as_ref() }.and_then(|first| first.as_ref().ok()?.data_ref());
        longer(rest, first.map_or(0, Bytes::len))
    }
}

impl fmt::Debug for OwnBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnBody")
    }
}
