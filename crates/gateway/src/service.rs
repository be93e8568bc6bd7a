//! The innermost service: a request that the suit has let in, to the app and back.

mod target;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, StatusCode};
use panoply::limits::{GuardedBody, LoginVerdict, may_take_steps};
use panoply_core::{AppTime, ClientAddress, Nonce, Refusal};
use tower_service::Service;

use crate::body::{RequestBody, ResponseBody};
use crate::config::{Affinity, FrameworkErrors};
use crate::intake::Asked;
use crate::own::{Calling, Failed, Resident, switch};
use crate::proxy::told::Back;
use crate::proxy::{
    self, AppStream, Below, Client, Failure, Forwarding, Pool, Pools, Upstream, scheme, upgrade,
};
use crate::settings::{Allowance, Live};
use crate::shared::Shared;
use crate::unguarded::Suspect;

use target::{Target, Targets};

/// Takes a request to the app.
#[derive(Debug, Clone)]
pub(crate) struct AppService(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    targets: Targets,
    /// What answers in the place of the main app.
    own: Option<Resident>,
    /// Whether the framework's own error pages are the site's to replace.
    hides_framework: bool,
    /// Whether logins are guarded at all, so that one which is not is worth a word.
    minds_logins: bool,
}

impl AppService {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        live: &Live,
        (pools, routed): (&Rc<Pools>, &[Rc<Pools>]),
        own: Option<Resident>,
    ) -> Self {
        Self(Rc::new(Inner {
            targets: Targets::new(shared, live, (pools, routed)),
            shared: Arc::clone(shared),
            own,
            hides_framework: live.framework_errors == FrameworkErrors::Replace,
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
        let mut by_https = scheme::Asked::of(&request, &inner.shared.settled);
        let number = inner.targets.find(&request);
        let target = inner.targets.get(number);
        if target.tells_http {
            scheme::tell_by_http(&mut request);
            by_https = by_https.map(scheme::Asked::of_http);
        }
        let told = target.upstream.host.as_ref();
        let back = told.and_then(|told| Back::of(&request, told).map(Box::new));
        let method = request.method().clone();
        let suspect = { inner.minds_logins }
            .then(|| Suspect::of(&request, &inner.shared.unguarded))
            .flatten();
        let stripped = target.stripped.as_ref();
        let mut astray = stripped.is_some() && may_take_steps(request.uri().path());
        let below = stripped.map(|prefix| Box::new(Below::ask(&mut request, prefix)));
        astray |= stripped.is_some_and(|prefix| prefix.is_there_again(&request));
        // The guard gives one to each login that it lets through.
        let is_login = request.extensions().get::<LoginVerdict>().is_some();
        let state = match inner.own.as_ref().filter(|_| number == 0) {
            _ if astray => Err(leads_out()),
            None => inner.forward(target, request).map(State::Forwarding),
            Some(own) if upgrade(request.headers(), request.version()).is_some() => {
                inner.switch(own, request).map(State::Switching)
            }
            Some(own) => Ok(State::Calling(inner.call(own, request))),
        };
        let state = state.unwrap_or_else(|refusal| State::Refused(Some(Box::new(refusal))));
        Box::new(AppFuture {
            inner,
            number,
            asked: Some(asked),
            by_https,
            back,
            below,
            method,
            awaits_login: is_login,
            suspect,
            time: None,
            state,
        })
    }
}

/// What is told whoever asks an app that is not told of its path for what may not be below that.
fn leads_out() -> Refusal {
    let detail = "The path of this request may lead out of where it begins.";
    Refusal::new(StatusCode::BAD_REQUEST, "route/steps", detail)
}

impl Inner {
    /// Sends a request on.
    fn forward(
        &self,
        target: &Target,
        request: Request<RequestBody>,
    ) -> Result<Forwarding, Refusal> {
        let client = match target.affinity {
            Affinity::None => None,
            Affinity::Client => request.extensions().get::<ClientAddress>(),
        };
        let client = client.map(|client| Client::of(client.network()));
        let choice = target.pools.choose(client);
        proxy::forward(choice, &target.upstream, request).map_err(|failure| self.refusal(&failure))
    }

    /// Sends a request that asks for another protocol to a service of this process.
    fn switch(
        &self,
        own: &Resident,
        request: Request<RequestBody>,
    ) -> Result<Box<Switching>, Refusal> {
        let main = &self.targets.main;
        let switched = switch(own, &request).map_err(Failure::Descriptors);
        let switching = switched.and_then(|(stream, failed)| {
            let stream = AppStream::Unix(stream);
            let forwarding =
                proxy::forward_over(stream, main.pools.common(), &main.upstream, request)?;
            Ok(Box::new(Switching { forwarding, failed }))
        });
        switching.map_err(|failure| self.refusal(&failure))
    }

    /// Hands a request to a service of this process.
    fn call(&self, own: &Resident, mut request: Request<RequestBody>) -> Box<Called> {
        let Target {
            pools, upstream, ..
        } = &self.targets.main;
        let allowance = { upstream.by_path }.then(|| request.extensions_mut().remove());
        let times = { allowance.flatten() }.map_or(upstream.times, |own: Allowance| own.times);
        let stamp = upstream.placeholder.as_ref().map(|placeholder| {
            let target = request.uri().clone();
            Stamp {
                placeholder: Rc::clone(placeholder),
                nonce: request.extensions().get().cloned(),
                in_parts: proxy::ask_for_all(target.path(), request.headers_mut()),
            }
        });
        proxy::to_service(&mut request);
        let calling = Calling::new(own, request, pools.common(), times);
        Box::new(Called { calling, stamp })
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
    /// Of the app that it is for.
    number: usize,
    asked: Option<Asked>,
    by_https: Option<scheme::Asked>,
    /// By what is led back who is led to the host that the app was told.
    back: Option<Box<Back>>,
    /// What the answer is put below of an app that is not told of it.
    below: Option<Box<Below>>,
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

/// A request that a service of this process has, and where a nonce belongs in its answer.
#[derive(Debug)]
struct Called {
    calling: Calling,
    stamp: Option<Stamp>,
}

/// What goes out in place of the placeholder that `headers` names.
#[derive(Debug)]
struct Stamp {
    placeholder: Rc<str>,
    nonce: Option<Nonce>,
    in_parts: bool,
}

impl Called {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        pool: &Pool,
    ) -> Poll<(Result<Response<ResponseBody>, Failure>, AppTime)> {
        let (answer, time) = ready!(self.calling.poll(cx, pool));
        let answer = answer.and_then(|answer| match self.stamp.take() {
            Some(Stamp {
                placeholder,
                nonce,
                in_parts,
            }) => proxy::stamped(answer, &placeholder, nonce, in_parts),
            None => Ok(answer.map(ResponseBody::Plain)),
        });
        Poll::Ready((answer, time))
    }
}

/// A request that asks a service of this process for another protocol.
#[derive(Debug)]
struct Switching {
    forwarding: Forwarding,
    failed: Failed,
}

impl Switching {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &Upstream,
    ) -> Poll<(Result<Response<ResponseBody>, Failure>, AppTime)> {
        let (answer, time) = ready!(self.forwarding.poll(cx, upstream));
        let answer = answer.map_err(|failure| match (failure, self.failed.take()) {
            // It closed the connection because of that.
            (Failure::Broken(_), Some(own)) => own,
            (failure, _) => failure,
        });
        Poll::Ready((answer, time))
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large one, and the whole is boxed"
)]
enum State {
    Forwarding(Forwarding),
    /// To a service of this process.
    Calling(Box<Called>),
    /// To one, with the connection.
    Switching(Box<Switching>),
    Refused(Option<Box<Refusal>>),
    /// What may be a page of the framework's own is looked at.
    Hiding(Pin<Box<dyn Future<Output = Response<ResponseBody>>>>),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forwarding(_) => "Forwarding",
            Self::Calling(_) => "Calling",
            Self::Switching(_) => "Switching",
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
                let polled = forwarding.poll(cx, &self.inner.targets.get(self.number).upstream);
                let (answer, time) = ready!(polled);
                self.time = Some(time.at(self.number));
                answer.map_err(|failure| self.inner.refusal(&failure))
            }
            State::Calling(called) => {
                let (answer, time) =
                    ready!(called.poll(cx, self.inner.targets.main.pools.common()));
                self.time = Some(time);
                answer.map_err(|failure| self.inner.refusal(&failure))
            }
            State::Switching(switching) => {
                let polled = switching.poll(cx, &self.inner.targets.main.upstream);
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
            if let Some(below) = &self.below {
                below.put(answer.headers_mut());
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
