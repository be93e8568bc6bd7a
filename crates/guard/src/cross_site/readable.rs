//! Refusals that a page of another origin can read.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use panoply_core::Refusal;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::CrossSiteGuard;

/// Lets pages of the [origins](super::CrossSiteConfig::origins) that may cause requests read why one was refused, and
/// when to come back. To them a browser tells of an answer without `Access-Control-Allow-Origin` no more than that
/// the network failed.
///
/// What the app answers is left alone: whom it lets read what, it says itself.
#[derive(Debug, Clone)]
pub struct ReadableLayer(CrossSiteGuard);

impl ReadableLayer {
    /// A layer that goes by the origins of this guard.
    pub const fn new(guard: CrossSiteGuard) -> Self {
        Self(guard)
    }
}

impl<S> Layer<S> for ReadableLayer {
    type Service = ReadableService<S>;

    fn layer(&self, inner: S) -> ReadableService<S> {
        ReadableService {
            inner,
            guard: self.0.clone(),
        }
    }
}

/// The service that [`ReadableLayer`] makes.
#[derive(Debug, Clone)]
pub struct ReadableService<S> {
    inner: S,
    guard: CrossSiteGuard,
}

impl<S, B, R> Service<Request<B>> for ReadableService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ReadableFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let origin = self.guard.listed_origin(request.headers()).cloned();
        ReadableFuture {
            call: self.inner.call(request),
            origin,
        }
    }
}

pin_project! {
    /// The future of [`ReadableService`].
    #[derive(Debug)]
    pub struct ReadableFuture<F> {
        #[pin]
        call: F,
        origin: Option<HeaderValue>,
    }
}

impl<F, R, E> Future for ReadableFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut polled = this.call.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut polled
            && let Some(origin) = this.origin.take()
            && response.extensions().get::<Refusal>().is_some()
        {
            tell(response.headers_mut(), origin);
        }
        polled
    }
}

/// What of a refusal is worth reading beside its words.
static EXPOSED: [HeaderName; 6] = [
    RETRY_AFTER,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

fn tell(headers: &mut HeaderMap, origin: HeaderValue) {
    // Whoever stands within and says so itself knows better.
    if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    let there = EXPOSED.iter().filter(|name| headers.contains_key(*name));
    let there: Vec<&str> = there.map(HeaderName::as_str).collect();
    if let Ok(names) = HeaderValue::from_str(&there.join(", "))
        && !names.is_empty()
    {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    headers.append(VARY, HeaderValue::from_static("origin"));
}
