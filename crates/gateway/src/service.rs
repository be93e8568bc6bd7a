//! The innermost service: a request that the suit has let in, to the app and back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use panoply::limits::GuardedBody;
use panoply_core::Refusal;
use tower_service::Service;

use crate::body::{RequestBody, ResponseBody};
use crate::config::FrameworkErrors;
use crate::intake::Asked;
use crate::proxy::{self, Failure, Pool, Upstream};
use crate::settings::Live;
use crate::shared::{AppState, Shared};

/// Takes a request to the app.
#[derive(Debug, Clone)]
pub(crate) struct AppService(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    pool: Rc<Pool>,
    upstream: Upstream,
    /// Whether the framework's own error pages are the site's to replace.
    hides_framework: bool,
}

impl AppService {
    pub(crate) fn new(shared: Arc<Shared>, live: &Live, pool: Rc<Pool>) -> Self {
        let upstream = Upstream {
            response_timeout: live.response_timeout,
            stall_timeout: live.limits.patience.stall,
            h2c: live.h2c,
            placeholder: live.placeholder.as_deref().map(Rc::from),
        };
        Self(Rc::new(Inner {
            shared,
            pool,
            upstream,
            hides_framework: live.framework_errors == FrameworkErrors::Replace,
        }))
    }
}

impl Service<Request<GuardedBody<RequestBody>>> for AppService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<GuardedBody<RequestBody>>) -> Self::Future {
        let inner = Rc::clone(&self.0);
        let request = request.map(RequestBody::from_guarded);
        Box::pin(async move { Ok(inner.answer(request).await) })
    }
}

impl Inner {
    async fn answer(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        let asked = Asked::of(&request);
        let method = request.method().clone();
        match self.pass(request).await {
            Ok(answer) if self.hides_framework && proxy::may_be_framework_error(&answer) => {
                proxy::without_framework_error(answer, &method, asked).await
            }
            Ok(answer) => answer,
            Err(refusal) => asked.answer(refusal).map(ResponseBody::from),
        }
    }

    async fn pass(&self, request: Request<RequestBody>) -> Result<Response<ResponseBody>, Refusal> {
        match **self.shared.app.load() {
            AppState::Up(address) => self.pool.move_to(address),
            AppState::Starting => {
                let detail = "The application behind this address is starting. Try again shortly.";
                return Err(
                    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "app/starting", detail)
                        .with_retry_after(Duration::from_secs(1)),
                );
            }
        }
        proxy::forward(&self.pool, &self.upstream, request)
            .await
            .map_err(|failure| {
                let cause = failure.causes();
                if matches!(
                    failure,
                    Failure::Broken(_) | Failure::NotHttp2 | Failure::Unasked | Failure::Coded
                ) {
                    // Nobody else knows why: to the app all was well.
                    tracing::warn!(error = %failure, cause, "the app gave no answer");
                } else {
                    tracing::debug!(error = %failure, cause, "the app gave no answer");
                }
                failure.refusal()
            })
    }
}
