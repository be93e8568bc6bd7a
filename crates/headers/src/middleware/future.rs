//! The answer to one request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

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
        let mut response = ready!(this.inner.poll(cx))?;
        if *this.apart && this.rendered.set_apart(this.plan, &mut response) {
            return Poll::Ready(Ok(response));
        }
        let status = response.status();
        this.rendered
            .apply(this.plan, status, response.headers_mut());
        Poll::Ready(Ok(response))
    }
}
