//! One login on its way: read, reserved, answered, settled.
//! Long because every step of it is one state of one future.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use panoply_core::{ClientAddress, Refusal, RequestId};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::{End, GuardedBody, Reading};
use super::config::{OnOutage, Otherwise};
use super::layer::{LoginLayer, Reserved, Settings};
use super::outcome::{self, Answer, Outcome};
use super::route::By;
use super::steps::{
    bad, claim, claim_if_login, crowded, fail, settle, too_long, too_many, too_slow,
};
use super::trail::Trail;
use crate::original::original;

use super::{Attempt, Denied, LoginGuard, LoginReport, LoginVerdict, Refused};

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How the app came to give no answer.
enum Fall<E> {
    Panicked(Box<dyn Any + Send>),
    Failed(E),
}

pin_project! {
    /// The future of [`LoginService`](super::LoginService).
    pub struct LoginFuture<S, B, R>
    where
        S: Service<Request<GuardedBody<B>>>,
        B: Body,
        R: Body,
    {
        #[pin]
        way: Way<S, B, R>,
    }
}

pin_project! {
    /// What is no login goes straight on, and pays nothing for what a login needs.
    #[project = WayProjection]
    enum Way<S, B, R>
    where
        S: Service<Request<GuardedBody<B>>>,
        B: Body,
        R: Body,
    {
        Passed { #[pin] call: S::Future },
        Guarded { guarded: Pin<Box<Guarded<S, B, R>>> },
    }
}

pin_project! {
    struct Guarded<S, B, R>
    where
        S: Service<Request<GuardedBody<B>>>,
        B: Body,
        R: Body,
    {
        #[pin]
        state: State<S::Future, B, R, S::Error>,
        service: Option<S>,
        guard: Option<(LoginGuard, Arc<Settings>)>,
        verdict: LoginVerdict,
        attempt: Option<Attempt>,
        asked: http::HeaderMap,
        trail: Trail,
        id: Option<RequestId>,
        https: bool,
        path: String,
        would_refuse: Option<Refused>,
        by: By,
        // Is no login after all.
        passes: bool,
    }

    impl<S, B, R> PinnedDrop for Guarded<S, B, R>
    where
        S: Service<Request<GuardedBody<B>>>,
        B: Body,
        R: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            // Whoever does not wait for the answers is told of all the same.
            if let Some(attempt) = this.project().attempt.take() {
                fail(attempt);
            }
        }
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B, R, E>
    where
        B: Body,
        R: Body,
    {
        Reading { #[pin] body: Reading<B>, parts: Option<Parts>, patience: Pin<Box<tokio::time::Sleep>> },
        Reserving { claim: Later<Result<Attempt, Denied>>, request: Option<Request<GuardedBody<B>>> },
        Calling { #[pin] call: F },
        Peeking { #[pin] body: Reading<R>, parts: Option<http::response::Parts>, patience: Pin<Box<tokio::time::Sleep>> },
        Settling { settled: Later<Option<String>>, response: Option<Response<GuardedBody<R>>> },
        Fallen { settled: Later<Option<String>>, fall: Option<Fall<E>> },
        Over,
    }
}

impl<S, B, R> LoginFuture<S, B, R>
where
    S: Service<Request<GuardedBody<B>>>,
    B: Body<Data = Bytes>,
    R: Body,
{
    pub(super) fn passed(call: S::Future) -> Self {
        Self {
            way: Way::Passed { call },
        }
    }

    pub(super) fn guarded(
        service: S,
        request: Request<B>,
        guard: LoginGuard,
        settings: Arc<Settings>,
        by: By,
    ) -> Self {
        let (mut parts, body) = request.into_parts();
        // What the handler says is for all that count.
        let verdict = parts.extensions.get::<LoginVerdict>().cloned();
        let verdict = verdict.unwrap_or_default();
        parts.extensions.insert(verdict.clone());
        Reserved::note(&mut parts.extensions, &guard);
        let client = parts.extensions.get::<ClientAddress>();
        let patience = Box::pin(tokio::time::sleep(settings.read_for));
        let sharing = client.map(ClientAddress::network);
        let guarded = Guarded {
            service: Some(service),
            guard: Some((guard, settings)),
            verdict,
            attempt: None,
            asked: parts.headers.clone(),
            trail: Trail::default(),
            id: parts.extensions.get::<RequestId>().copied(),
            https: client.is_some_and(ClientAddress::is_https),
            path: original(&parts.extensions, &parts.uri).path().to_owned(),
            would_refuse: None,
            by,
            passes: false,
            state: State::Reading {
                body: Reading::new(body, LoginLayer::MOST_BODY).sharing(sharing),
                parts: Some(parts),
                patience,
            },
        };
        Self {
            way: Way::Guarded {
                guarded: Box::pin(guarded),
            },
        }
    }
}

impl<S, B, R> Future for LoginFuture<S, B, R>
where
    S: Service<Request<GuardedBody<B>>, Response = Response<R>>,
    B: Body<Data = Bytes> + Unpin,
    R: Body<Data = Bytes> + Unpin,
{
    type Output = Result<Response<GuardedBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            WayProjection::Passed { call } => {
                let response = ready!(call.poll(cx))?;
                Poll::Ready(Ok(response.map(GuardedBody::untouched)))
            }
            WayProjection::Guarded { guarded } => guarded.as_mut().poll(cx),
        }
    }
}

impl<S, B, R> Future for Guarded<S, B, R>
where
    S: Service<Request<GuardedBody<B>>, Response = Response<R>>,
    B: Body<Data = Bytes> + Unpin,
    R: Body<Data = Bytes> + Unpin,
{
    type Output = Result<Response<GuardedBody<R>>, S::Error>;

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each step, in their order"
    )]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let refuse = |refusal: Refusal, asked: &http::HeaderMap, id: Option<RequestId>| {
            let refusal = match id {
                Some(id) => refusal.with_id(id),
                None => refusal,
            };
            Poll::Ready(Ok(refusal.into_response(asked).map(GuardedBody::from)))
        };
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Reading {
                    mut body,
                    parts,
                    patience,
                } => {
                    let end = match body.as_mut().poll(cx) {
                        Poll::Ready(end) => end,
                        Poll::Pending => {
                            ready!(patience.as_mut().poll(cx));
                            if *this.by != By::End {
                                return refuse(too_slow(), this.asked, *this.id);
                            }
                            End::TooLong
                        }
                    };
                    let (Some(mut parts), Some((guard, settings))) =
                        (parts.take(), this.guard.clone())
                    else {
                        return Poll::Pending;
                    };
                    let read = match end {
                        End::Whole => Ok(Some(body.bytes())),
                        End::TooLong | End::Crowded if *this.by == By::End => Ok(None),
                        End::TooLong => Err(too_long()),
                        End::Crowded => Err(crowded()),
                        End::Broken => Err(bad("The body of the login broke off.")),
                    };
                    let claim = read.and_then(|read| match (*this.by, read) {
                        (By::End, read) => claim_if_login(&guard, &settings, &parts, read),
                        (_, read) => {
                            claim(&guard, &settings, &parts, read.unwrap_or_default()).map(Some)
                        }
                    });
                    let claim = match claim {
                        Ok(Some(claim)) => claim,
                        Ok(None) => {
                            let read = std::mem::replace(body.get_mut(), Reading::new_empty());
                            let request = Request::from_parts(parts, read.into_body(end));
                            let Some(mut service) = this.service.take() else {
                                return Poll::Pending;
                            };
                            *this.passes = true;
                            this.state.set(State::Calling {
                                call: service.call(request),
                            });
                            continue;
                        }
                        Err(refusal) => return refuse(refusal, this.asked, *this.id),
                    };
                    // An answer that is compressed could not be read.
                    parts.headers.remove(ACCEPT_ENCODING);
                    *this.trail = Trail::clear(&mut parts);
                    let empty = Reading::new_empty();
                    let mut read = std::mem::replace(body.get_mut(), empty);
                    // It waits for the store with all that it has read.
                    let share = read.take_share();
                    let request = Request::from_parts(parts, read.into_body(end));
                    State::Reserving {
                        claim: Box::pin(async move {
                            let claimed = guard.claim(claim).await;
                            drop(share);
                            claimed
                        }),
                        request: Some(request),
                    }
                }
                StateProjection::Reserving { claim, request } => {
                    let claim = ready!(claim.as_mut().poll(cx));
                    let (Some(request), Some((_, settings))) =
                        (request.take(), this.guard.as_ref())
                    else {
                        return Poll::Pending;
                    };
                    match claim {
                        Ok(attempt) => {
                            settings.away.is_over();
                            *this.attempt = Some(attempt);
                        }
                        Err(Denied::Refused(refused)) => {
                            settings.away.is_over();
                            tracing::debug!(
                                rule = refused.rule,
                                block = %refused.block,
                                count = refused.count,
                                retry_after_ms = refused.retry_after.map(|time| time.as_millis()),
                                dry_run = settings.dry_run,
                                verdict = "refused",
                                "login"
                            );
                            if !settings.dry_run {
                                return refuse(too_many(&refused), this.asked, *this.id);
                            }
                            refused.tell(&settings.tried);
                            *this.would_refuse = Some(refused);
                        }
                        Err(Denied::Store(error)) => {
                            // Once until it is back: whoever guesses would fill the log.
                            if settings.away.begins() {
                                tracing::warn!(%error, "the store is away, logins cannot be counted");
                            } else {
                                tracing::debug!(%error, "the store is away, logins cannot be counted");
                            }
                            if settings.on_outage == OnOutage::Refuse && !settings.dry_run {
                                let status = StatusCode::SERVICE_UNAVAILABLE;
                                let detail = "Logins are not possible at the moment.";
                                let refusal = Refusal::new(status, "login/outage", detail)
                                    .with_retry_after(Duration::from_secs(1));
                                return refuse(refusal, this.asked, *this.id);
                            }
                        }
                    }
                    let Some(mut service) = this.service.take() else {
                        return Poll::Pending;
                    };
                    State::Calling {
                        call: service.call(request),
                    }
                }
                StateProjection::Calling { call } => {
                    // It panics on as it would have: nothing here is looked at again.
                    let polled = catch_unwind(AssertUnwindSafe(|| call.poll(cx)));
                    let answered = match polled {
                        Ok(polled) => ready!(polled).map_err(Fall::Failed),
                        Err(panic) => Err(Fall::Panicked(panic)),
                    };
                    let Some((_, settings)) = this.guard.as_ref() else {
                        return Poll::Pending;
                    };
                    let response = match answered {
                        Ok(response) => response,
                        Err(fall) => {
                            // It has verified nothing, as with an answer of 5xx, unless the handler has said so:
                            // one that makes whoever is wrong wait may be cut off by a time limit.
                            let said = this.verdict.said();
                            let outcome = said.map_or(Outcome::Neither, |said| said.outcome);
                            let (attempt, otherwise) = (this.attempt.take(), settings.otherwise);
                            let settled = async move { settle(attempt?, outcome, otherwise).await };
                            this.state.set(State::Fallen {
                                settled: Box::pin(settled),
                                fall: Some(fall),
                            });
                            continue;
                        }
                    };
                    if *this.passes {
                        this.state.set(State::Over);
                        return Poll::Ready(Ok(response.map(GuardedBody::untouched)));
                    }
                    let (parts, body) = response.into_parts();
                    let needs = this.verdict.said().is_none()
                        && *this.by != By::Head
                        && settings.reader.needs_body(parts.status, &parts.headers);
                    let bound = if needs { LoginLayer::MOST_ANSWER } else { 0 };
                    let patience = if needs {
                        settings.peek_for
                    } else {
                        Duration::ZERO
                    };
                    State::Peeking {
                        body: Reading::new(body, bound),
                        parts: Some(parts),
                        patience: Box::pin(tokio::time::sleep(patience)),
                    }
                }
                StateProjection::Peeking {
                    mut body,
                    parts,
                    patience,
                } => {
                    let end = if body.is_wanted() {
                        match body.as_mut().poll(cx) {
                            Poll::Ready(end) => end,
                            // What streams on is read as far as it has come.
                            Poll::Pending => {
                                ready!(patience.as_mut().poll(cx));
                                End::TooLong
                            }
                        }
                    } else {
                        End::TooLong
                    };
                    let (Some(mut parts), Some((_, settings))) =
                        (parts.take(), this.guard.as_ref())
                    else {
                        return Poll::Pending;
                    };
                    let read = || {
                        let bytes = body.bytes();
                        let answer = Answer {
                            status: parts.status,
                            headers: &parts.headers,
                            body: &bytes,
                            whole: end == End::Whole && !this.trail.is_without_body(),
                            trail: this.trail,
                            at: this.path.as_str(),
                        };
                        if *this.by == By::Head {
                            return outcome::read_by_head(&answer);
                        }
                        let read = settings.reader.read(&answer, &settings.route);
                        match *this.by {
                            By::End => outcome::read_by_end(read, &answer),
                            _ => read,
                        }
                    };
                    let read = this.verdict.said().unwrap_or_else(read);
                    this.trail.restore(&mut parts.headers);
                    let path = std::mem::take(this.path);
                    settings.readings.note(&path, parts.status, read);
                    let names = |attempt: &Attempt| !attempt.who().users().is_empty();
                    if !this.attempt.as_ref().is_none_or(names) {
                        settings.readings.note_nameless(&path, read);
                    }
                    tracing::debug!(
                        status = parts.status.as_u16(),
                        read_as = %read.outcome,
                        because = read.reason,
                        "login"
                    );
                    let report = LoginReport::new(read, this.would_refuse.take());
                    parts.extensions.insert(report);
                    let body = std::mem::replace(body.get_mut(), Reading::new_empty());
                    let response = Response::from_parts(parts, body.into_body(end));
                    let Some(attempt) = this.attempt.take() else {
                        // Let through without being counted.
                        this.state.set(State::Over);
                        return Poll::Ready(Ok(response));
                    };
                    let otherwise = if *this.by == By::Head {
                        Otherwise::Refund
                    } else {
                        settings.otherwise
                    };
                    State::Settling {
                        settled: Box::pin(settle(attempt, read.outcome, otherwise)),
                        response: Some(response),
                    }
                }
                StateProjection::Settling { settled, response } => {
                    let cookie = ready!(settled.as_mut().poll(cx));
                    let Some(mut response) = response.take() else {
                        return Poll::Pending;
                    };
                    if let Some(cookie) = cookie {
                        let (name, secure) = if *this.https {
                            (LoginLayer::DEVICE_COOKIE_BY_HTTPS, "; Secure")
                        } else {
                            (LoginLayer::DEVICE_COOKIE, "")
                        };
                        let value = format!(
                            "{name}={cookie}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}"
                        );
                        if let Ok(value) = HeaderValue::from_str(&value) {
                            response.headers_mut().append(SET_COOKIE, value);
                        }
                    }
                    this.state.set(State::Over);
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Fallen { settled, fall } => {
                    ready!(settled.as_mut().poll(cx));
                    match fall.take() {
                        Some(Fall::Panicked(panic)) => resume_unwind(panic),
                        Some(Fall::Failed(error)) => return Poll::Ready(Err(error)),
                        None => return Poll::Pending,
                    }
                }
                StateProjection::Over => return Poll::Pending,
            };
            this.state.set(next);
        }
    }
}

impl<S, B, R> std::fmt::Debug for LoginFuture<S, B, R>
where
    S: Service<Request<GuardedBody<B>>>,
    B: Body,
    R: Body,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginFuture").finish_non_exhaustive()
    }
}
