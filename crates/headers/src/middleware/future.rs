//! The answer to one request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY};
use http::{Response, StatusCode};
use panoply_core::PageOfItsOwn;
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
        if let Poll::Ready(Ok(response)) = &mut polled {
            let own = has_a_policy_of_its_own(response);
            if own || !*this.apart || !this.rendered.set_apart(this.plan, response) {
                let status = response.status();
                this.rendered
                    .apply(this.plan, status, response.headers_mut());
                if own {
                    // It would be told of what that policy lets run, as if the site's pages needed it.
                    let headers = response.headers_mut();
                    headers.remove(CONTENT_SECURITY_POLICY_REPORT_ONLY);
                }
            }
        }
        polled
    }
}

/// Whether it is a page of ours that does more than say why something was refused, and says what may run in it.
fn has_a_policy_of_its_own<R>(response: &Response<R>) -> bool {
    response.status() == StatusCode::FORBIDDEN
        && response.extensions().get::<PageOfItsOwn>().is_some()
        && response.headers().contains_key(CONTENT_SECURITY_POLICY)
}
