//! The innermost service: a request that the suit has let in, to the app and back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use panoply::limits::GuardedBody;
use panoply_core::Refusal;
use tower_service::Service;

use crate::body::{RequestBody, ResponseBody};
use crate::config::{AppOrigin, FrameworkErrors};
use crate::intake::Asked;
use crate::proxy::{self, Failure, Forwarding, Pool, Upstream, scheme};
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
    /// Whether the app is told its own origin by HTTP.
    tells_http: bool,
}

impl AppService {
    pub(crate) fn new(shared: Arc<Shared>, live: &Live, pool: Rc<Pool>) -> Self {
        let upstream = Upstream {
            response_timeout: live.response_timeout,
            stall_timeout: live.limits.patience.stall,
            h2c: live.h2c,
            placeholder: live.placeholder.as_deref().map(Rc::from),
            headers: live.suit.headers().clone(),
        };
        Self(Rc::new(Inner {
            shared,
            pool,
            upstream,
            hides_framework: live.framework_errors == FrameworkErrors::Replace,
            tells_http: live.origin == AppOrigin::Http,
        }))
    }
}

impl Service<Request<GuardedBody<RequestBody>>> for AppService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    // Boxed, since it is moved through all layers.
    type Future = Box<AppFuture>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<GuardedBody<RequestBody>>) -> Self::Future {
        let inner = Rc::clone(&self.0);
        let mut request = request.map(RequestBody::from_guarded);
        let asked = Asked::of(&request);
        let by_https = scheme::Asked::of(&request, &inner.shared.settled);
        if inner.tells_http {
            scheme::tell_by_http(&mut request);
        }
        let method = request.method().clone();
        let state = match inner.forward(request) {
            Ok(forwarding) => State::Forwarding(forwarding),
            Err(refusal) => State::Refused(Some(Box::new(refusal))),
        };
        Box::new(AppFuture {
            inner,
            asked: Some(asked),
            by_https,
            method,
            state,
        })
    }
}

impl Inner {
    /// Sends a request on, if the app is there.
    fn forward(&self, request: Request<RequestBody>) -> Result<Forwarding, Refusal> {
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
            .map_err(|failure| self.refusal(&failure))
    }

    /// What the client is told of it, and the log.
    fn refusal(&self, failure: &Failure) -> Refusal {
        let cause = failure.causes();
        if matches!(
            failure,
            Failure::Broken(_) | Failure::NotHttp2 | Failure::Unasked | Failure::Coded
        ) {
            // Nobody else knows why: to the app all was well.
            let now = self.shared.clock.monotonic();
            self.shared.troubles.tell(failure, cause, now);
        } else {
            tracing::debug!(error = %failure, cause, "the app gave no answer");
        }
        failure.refusal()
    }
}

/// The future of [`AppService`].
///
/// Written out, since it is made for each request: one that the compiler makes of nested functions has room
/// for what each of them was given, five thousand bytes in all.
#[derive(Debug)]
pub(crate) struct AppFuture {
    inner: Rc<Inner>,
    asked: Option<Asked>,
    by_https: Option<scheme::Asked>,
    method: Method,
    state: State,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large one, and the whole is boxed"
)]
enum State {
    Forwarding(Forwarding),
    Refused(Option<Box<Refusal>>),
    /// What may be a page of the framework's own is looked at.
    Hiding(Pin<Box<dyn Future<Output = Response<ResponseBody>>>>),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forwarding(_) => "Forwarding",
            Self::Refused(_) => "Refused",
            Self::Hiding(_) => "Hiding",
        })
    }
}

impl Future for AppFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let answer = match &mut this.state {
            State::Forwarding(forwarding) => {
                ready!(forwarding.poll(cx, &this.inner.pool, &this.inner.upstream))
                    .map_err(|failure| this.inner.refusal(&failure))
            }
            State::Refused(refusal) => match refusal.take() {
                Some(refusal) => Err(*refusal),
                None => return Poll::Pending,
            },
            State::Hiding(hiding) => return hiding.as_mut().poll(cx).map(Ok),
        };
        // Polled again after its end, which a future may answer as it likes.
        let Some(asked) = this.asked.take() else {
            return Poll::Pending;
        };
        let answer = answer.map(|mut answer| {
            if let Some(by_https) = &this.by_https {
                by_https.lead_by_https(answer.headers_mut());
                by_https.tell(
                    answer.status(),
                    answer.headers(),
                    &this.inner.shared.settled,
                );
            }
            answer
        });
        match answer {
            Ok(answer) if this.inner.hides_framework && proxy::may_be_framework_error(&answer) => {
                let method = this.method.clone();
                let hiding =
                    async move { proxy::without_framework_error(answer, &method, asked).await };
                this.state = State::Hiding(Box::pin(hiding));
                Pin::new(this).poll(cx)
            }
            Ok(answer) => Poll::Ready(Ok(answer)),
            Err(refusal) => Poll::Ready(Ok(asked.answer(refusal).map(ResponseBody::from))),
        }
    }
}
