//! One login on its way: read, reserved, answered, settled.
//! Long because every step of it is one state of one future.

use std::any::Any;
use std::error::Error;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use panoply_core::{ClientAddress, Refusal, RequestId};
use pin_project_lite::pin_project;
use smallvec::SmallVec;
use tower_service::Service;

use super::body::{End, GuardedBody, Reading};
use super::guards::{Guarding, Guards, claims, may_be_none, reserve, settle_all};
use super::layer::{LoginLayer, Reserved};
use super::outcome::{Answer, Outcome, Read};
use super::steps::{broken, crowded, too_long, too_slow};
use super::trail::Trail;
use super::{LoginReport, LoginVerdict};
use crate::original::original;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

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
        guards: Guards,
        verdict: LoginVerdict,
        asked: http::HeaderMap,
        trail: Trail,
        id: Option<RequestId>,
        https: bool,
        path: String,
        // Is no login after all.
        passes: bool,
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
        Reserving { reserved: Later<Result<Guards, Refusal>>, request: Option<Request<GuardedBody<B>>> },
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

    pub(super) fn guarded(service: S, request: Request<B>, guards: Guards) -> Self {
        let (mut parts, body) = request.into_parts();
        // What the handler says is for all that count.
        let verdict = parts.extensions.get::<LoginVerdict>().cloned();
        let verdict = verdict.unwrap_or_default();
        parts.extensions.insert(verdict.clone());
        for one in &guards {
            Reserved::note(&mut parts.extensions, &one.guard);
        }
        let client = parts.extensions.get::<ClientAddress>();
        let read_for = guards.first().map(|one| one.settings.read_for);
        let patience = Box::pin(tokio::time::sleep(read_for.unwrap_or_default()));
        let sharing = client.map(ClientAddress::network);
        let guarded = Guarded {
            service: Some(service),
            guards,
            verdict,
            asked: parts.headers.clone(),
            trail: Trail::default(),
            id: parts.extensions.get::<RequestId>().copied(),
            https: client.is_some_and(ClientAddress::is_https),
            path: original(&parts.extensions, &parts.uri).path().to_owned(),
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
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
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
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
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
                            if !may_be_none(this.guards) {
                                return refuse(too_slow(), this.asked, *this.id);
                            }
                            End::TooLong
                        }
                    };
                    let Some(mut parts) = parts.take() else {
                        return Poll::Pending;
                    };
                    let read = match end {
                        End::Whole => Ok(Some(body.bytes())),
                        End::TooLong | End::Crowded if may_be_none(this.guards) => Ok(None),
                        End::TooLong => Err(too_long()),
                        End::Crowded => Err(crowded()),
                        End::Broken => Err(broken(body.as_mut().get_mut().take_error())),
                    };
                    let guards = &mut *this.guards;
                    let claims = match read.and_then(|read| claims(guards, &parts, read)) {
                        Ok(claims) if !claims.is_empty() => claims,
                        Ok(_) => {
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
                    let guards = std::mem::take(this.guards);
                    State::Reserving {
                        reserved: Box::pin(async move {
                            let reserved = reserve(guards, claims).await;
                            drop(share);
                            reserved
                        }),
                        request: Some(request),
                    }
                }
                StateProjection::Reserving { reserved, request } => {
                    let reserved = ready!(reserved.as_mut().poll(cx));
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    match reserved {
                        Ok(guards) => *this.guards = guards,
                        Err(refusal) => return refuse(refusal, this.asked, *this.id),
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
                    let response = match answered {
                        Ok(response) => response,
                        Err(fall) => {
                            // It has verified nothing, as with an answer of 5xx, unless the handler has said so:
                            // one that makes whoever is wrong wait may be cut off by a time limit.
                            let said = this.verdict.said();
                            let outcome = said.map_or(Outcome::Neither, |said| said.outcome);
                            let guards = std::mem::take(this.guards);
                            let outcomes = SmallVec::from_elem(outcome, guards.len());
                            this.state.set(State::Fallen {
                                settled: Box::pin(settle_all(guards, outcomes)),
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
                    let status = Refusal::decided(parts.status, &parts.extensions);
                    let mut guards = this.guards.iter();
                    let needs = guards.find(|one| one.needs_body(status, &parts.headers));
                    let needs = needs.filter(|_| this.verdict.said().is_none());
                    let bound = needs.map_or(0, |_| LoginLayer::MOST_ANSWER);
                    let patience = needs.map_or(Duration::ZERO, |one| one.settings.peek_for);
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
                    let Some(mut parts) = parts.take() else {
                        return Poll::Pending;
                    };
                    let path = std::mem::take(this.path);
                    let bytes = body.bytes();
                    // What a layer within refuses a gRPC client with looks right by its own.
                    let status = Refusal::decided(parts.status, &parts.extensions);
                    let answer = Answer {
                        status,
                        headers: &parts.headers,
                        body: &bytes,
                        whole: end == End::Whole && !this.trail.is_without_body(),
                        trail: this.trail,
                        at: &path,
                    };
                    let said = this.verdict.said();
                    let guards = std::mem::take(this.guards);
                    let read = |one: &Guarding| said.unwrap_or_else(|| one.read(&answer));
                    let reads: SmallVec<[Read; 1]> = guards.iter().map(read).collect();
                    for (one, read) in guards.iter().zip(&reads) {
                        one.note(&path, status, *read);
                        tracing::debug!(
                            status = status.as_u16(),
                            read_as = %read.outcome,
                            because = read.reason,
                            "login"
                        );
                    }
                    this.trail.restore(&mut parts.headers);
                    if let Some(read) = reads.first() {
                        let would_refuse = guards.iter().find_map(|one| one.would_refuse);
                        let report = LoginReport::new(*read, would_refuse);
                        parts.extensions.insert(report);
                    }
                    let body = std::mem::replace(body.get_mut(), Reading::new_empty());
                    let response = Response::from_parts(parts, body.into_body(end));
                    if guards.iter().all(|one| one.attempt.is_none()) {
                        // Let through without being counted.
                        this.state.set(State::Over);
                        return Poll::Ready(Ok(response));
                    }
                    let outcomes = reads.iter().map(|read| read.outcome).collect();
                    State::Settling {
                        settled: Box::pin(settle_all(guards, outcomes)),
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
