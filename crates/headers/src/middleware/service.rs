//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, Version};
use tower_service::Service;

use super::ResponseFuture;
use crate::render::Everywhere;

/// A service whose responses get headers; made by a [`HeadersLayer`](crate::HeadersLayer).
#[derive(Debug, Clone)]
pub struct HeadersService<S> {
    inner: S,
    rendered: Everywhere,
    apart: bool,
}

impl<S> HeadersService<S> {
    pub(super) const fn new(inner: S, rendered: Everywhere, apart: bool) -> Self {
        Self {
            inner,
            rendered,
            apart,
        }
    }
}

impl<S, B, R> Service<Request<B>> for HeadersService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let rendered = Arc::clone(self.rendered.of(&request));
        let plan = rendered.plan(&mut request);
        // HTTP/2 has no lines.
        let apart = self.apart && request.version() <= Version::HTTP_11;
        let inner = self.inner.call(request);
        ResponseFuture::new(inner, rendered, plan, apart)
    }
}
