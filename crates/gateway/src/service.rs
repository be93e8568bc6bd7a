//! The innermost service: a request that the suit has let in, to the app and back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use panoply::limits::{GuardedBody, LoginVerdict};
use panoply_core::{AppTime, Refusal};
use tower_service::Service;

use crate::body::{RequestBody, ResponseBody};
use crate::config::{AppOrigin, FrameworkErrors};
use crate::intake::Asked;
use crate::proxy::told::Back;
use crate::proxy::{self, Failure, Forwarding, Pool, Reach, Upstream, scheme};
use crate::settings::Live;
use crate::shared::Shared;
use crate::unguarded::Suspect;

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
    /// Whether logins are guarded at all, so that one which is not is worth a word.
    minds_logins: bool,
}

impl AppService {
    pub(crate) fn new(shared: Arc<Shared>, live: &Live, pool: Rc<Pool>) -> Self {
        let upstream = Upstream {
            times: live.times,
            by_path: !live.path_limits.is_empty(),
            h2c: live.h2c,
            host: live.app_host.clone(),
            placeholder: live.placeholder.as_deref().map(Rc::from),
            headers: live.suit.headers().clone(),
            reach: Reach::new(Arc::clone(&shared), live.app_patience),
        };
        Self(Rc::new(Inner {
            shared,
            pool,
            upstream,
            hides_framework: live.framework_errors == FrameworkErrors::Replace,
            tells_http: live.origin == AppOrigin::Http,
            minds_logins: live.suit.login().guards().next().is_some(),
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
        let told = inner.upstream.host.as_ref();
        let back = told.and_then(|told| Back::of(&request, told).map(Box::new));
        let method = request.method().clone();
        let suspect = { inner.minds_logins }
            .then(|| Suspect::of(&request, &inner.shared.unguarded))
            .flatten();
        // The guard gives one to each login that it lets through.
        let is_login = request.extensions().get::<LoginVerdict>().is_some();
        let state = match inner.forward(request) {
            Ok(forwarding) => State::Forwarding(forwarding),
            Err(refusal) => State::Refused(Some(Box::new(refusal))),
        };
        Box::new(AppFuture {
            inner,
            asked: Some(asked),
            by_https,
            back,
            method,
            awaits_login: is_login,
            suspect,
            time: None,
            state,
        })
    }
}

impl Inner {
    /// Sends a request on.
    fn forward(&self, request: Request<RequestBody>) -> Result<Forwarding, Refusal> {
        self.pool.move_to(self.shared.app.load().address());
        proxy::forward(&self.pool, &self.upstream, request)
            .map_err(|failure| self.refusal(&failure))
    }

    /// What the client is told of it, and the log.
    fn refusal(&self, failure: &Failure) -> Refusal {
        let cause = failure.causes();
        if failure.is_news() {
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
    /// By what is led back who is led to the host that the app was told.
    back: Option<Box<Back>>,
    method: Method,
    /// Whether it is a login, and not answered yet.
    awaits_login: bool,
    /// Whether it may be a login that nobody guards.
    suspect: Option<Suspect>,
    /// How long the app took, once it has answered.
    time: Option<AppTime>,
    state: State,
}

impl Drop for AppFuture {
    fn drop(&mut self) {
        if self.awaits_login {
            self.inner.shared.metrics.login_abandoned();
        }
    }
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
        let mut answer = ready!(this.poll_answer(cx));
        this.awaits_login = false;
        if let Some(time) = this.time.take() {
            answer.extensions_mut().insert(time);
        }
        Poll::Ready(Ok(answer))
    }
}

impl AppFuture {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Response<ResponseBody>> {
        let answer = match &mut self.state {
            State::Forwarding(forwarding) => {
                let polled = forwarding.poll(cx, &self.inner.pool, &self.inner.upstream);
                let (answer, time) = ready!(polled);
                self.time = Some(time);
                answer.map_err(|failure| self.inner.refusal(&failure))
            }
            State::Refused(refusal) => match refusal.take() {
                Some(refusal) => Err(*refusal),
                None => return Poll::Pending,
            },
            State::Hiding(hiding) => return hiding.as_mut().poll(cx),
        };
        // Polled again after its end, which a future may answer as it likes.
        let Some(asked) = self.asked.take() else {
            return Poll::Pending;
        };
        let answer = answer.map(|mut answer| {
            if let Some(back) = &self.back {
                back.lead(answer.headers_mut());
            }
            if let Some(by_https) = &self.by_https {
                by_https.lead_by_https(answer.headers_mut());
                by_https.tell(
                    answer.status(),
                    answer.headers(),
                    &self.inner.shared.settled,
                );
            }
            answer
        });
        if let (Ok(answer), Some(suspect)) = (&answer, self.suspect.take()) {
            suspect.tell(answer.status(), &self.inner.shared.unguarded);
        }
        match answer {
            Ok(answer) if self.inner.hides_framework && proxy::may_be_framework_error(&answer) => {
                let method = self.method.clone();
                let hiding =
                    async move { proxy::without_framework_error(answer, &method, asked).await };
                self.state = State::Hiding(Box::pin(hiding));
                self.poll_answer(cx)
            }
            Ok(answer) => Poll::Ready(answer),
            Err(refusal) => Poll::Ready(asked.answer(refusal).map(ResponseBody::from)),
        }
    }
}
