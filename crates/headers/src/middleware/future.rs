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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Request;
    use tower::{ServiceExt as _, service_fn};
    use tower_layer::Layer as _;

    use super::*;
    use crate::Headers;

    #[tokio::test]
    async fn a_page_of_ours_with_a_policy_of_its_own_is_reported_to_nobody() {
        let sent = async |mark: bool| {
            let app = service_fn(move |_: Request<()>| {
                let response = Response::builder().status(StatusCode::FORBIDDEN);
                let response = response.header("content-security-policy", "default-src 'none'");
                let mut response = response.body(()).unwrap();
                if mark {
                    response.extensions_mut().insert(PageOfItsOwn::new());
                }
                async { Ok::<_, Infallible>(response) }
            });
            let learning = Headers::helmet().csp(|policy| policy.report_only(true));
            let layer = learning.build().unwrap().layer();
            let answer = layer.layer(app).oneshot(Request::new(())).await.unwrap();
            let has = |name| answer.headers().contains_key(name);
            assert!(has("content-security-policy") && has("x-frame-options"));
            has("content-security-policy-report-only")
        };
        assert!(sent(false).await && !sent(true).await);
    }
}
