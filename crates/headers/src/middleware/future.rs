//! The answer to one request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use crate::render::{Plan, Rendered};

pin_project! {
    /// The response of the service within, with headers.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        rendered: Arc<Rendered>,
        plan: Plan,
        apart: bool,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, rendered: Arc<Rendered>, plan: Plan, apart: bool) -> Self {
        Self {
            inner,
            rendered,
            plan,
            apart,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Changed where it lies: a response is large to be moved.
        let mut polled = this.inner.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut polled
            && !(*this.apart && this.rendered.set_apart(this.plan, response))
        {
            let status = response.status();
            this.rendered
                .apply(this.plan, status, response.headers_mut());
        }
        polled
    }
}
