//! Limits of requests as a tower layer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use panoply_core::{
    Action, ClientAddress, CounterKey, CounterKeys, CounterStore, Decision, Op, Refusal, RequestId,
    Rule, StoreError, Subject,
};
use pin_project_lite::pin_project;
use smallvec::SmallVec;
use tower_layer::Layer;
use tower_service::Service;

use super::config::{Algorithm, LimitConfig, ShowHeaders};
use super::headers;
use crate::Error;
use crate::login::canonical;

/// Who is logged in, for limits with the key `user`; put into the request's extensions by whoever
/// knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitedUser(String);

impl LimitedUser {
    /// The user of that name or number.
    pub fn new(user: impl Into<String>) -> Self {
        Self(user.into())
    }
}

/// Limits requests: all limits that a request falls under are asked in one decision, and where one
/// refuses none is spent.
///
/// When the store is away, requests go on uncounted: a limit of requests protects the app from too
/// much, which an outage of its own must not do worse. Insure the store with
/// [`Insured`](crate::Insured) to keep a limit.
#[derive(Debug, Clone)]
pub struct LimitLayer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn CounterStore>,
    keys: CounterKeys,
    limits: Vec<Limit>,
}

/// One limit, checked.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) path: String,
    pub(super) below: bool,
    pub(super) methods: Vec<Method>,
    pub(super) rule: Rule,
    pub(super) keys: Vec<Key>,
    pub(super) cost: u32,
    pub(super) algorithm: Algorithm,
    pub(super) headers: ShowHeaders,
    pub(super) dry_run: bool,
}

/// What requests are told apart by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Client,
    User,
    Path,
    Header(HeaderName),
}

/// The limits of one request, by number, with their keys.
type Asked = SmallVec<[(usize, CounterKey); 2]>;

impl LimitLayer {
    /// A layer with these limits; nodes that share the store share the keys' secret.
    ///
    /// # Errors
    ///
    /// When a limit is wrong.
    pub fn new(
        limits: impl IntoIterator<Item = LimitConfig>,
        store: Arc<dyn CounterStore>,
        keys: CounterKeys,
    ) -> Result<Self, Error> {
        let limits: Result<Vec<Limit>, Error> =
            limits.into_iter().map(LimitConfig::check).collect();
        Ok(Self(Arc::new(Inner {
            store,
            keys,
            limits: limits?,
        })))
    }

    fn asked<B>(&self, request: &Request<B>) -> (Asked, Option<ClientAddress>) {
        if self.0.limits.is_empty() {
            return (Asked::new(), None);
        }
        let path = canonical(request.uri().path());
        let client = request.extensions().get::<ClientAddress>().cloned();
        let mut asked = Asked::new();
        for (number, limit) in self.0.limits.iter().enumerate() {
            if limit.covers(request.method(), &path) {
                asked.push((number, self.key(limit, number, request, &path)));
            }
        }
        (asked, client)
    }

    fn key<B>(&self, limit: &Limit, number: usize, request: &Request<B>, path: &str) -> CounterKey {
        let client = request.extensions().get::<ClientAddress>();
        let client = client
            .map(|client| client.network().to_string())
            .unwrap_or_default();
        let part = |key: &Key| -> (u8, Vec<u8>) {
            let of_client = || (b'c', client.clone().into_bytes());
            match key {
                Key::Client => of_client(),
                Key::Path => (b'p', path.as_bytes().to_vec()),
                Key::User => match request.extensions().get::<LimitedUser>() {
                    Some(LimitedUser(user)) => (b'u', user.clone().into_bytes()),
                    None => of_client(),
                },
                Key::Header(name) => match request.headers().get(name) {
                    Some(value) => (b'h', value.as_bytes().to_vec()),
                    None => of_client(),
                },
            }
        };
        let number = number.to_le_bytes();
        let mut parts = vec![number.to_vec()];
        for key in &limit.keys {
            let (kind, mut value) = part(key);
            value.insert(0, kind);
            parts.push(value);
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        self.0.keys.key(limit.rule.name(), &parts)
    }

    /// What is asked of limits that hold (`dry` is false) or are only tried out.
    fn ops(&self, asked: &Asked, subject: Subject, dry: bool) -> SmallVec<[Op<'_>; 2]> {
        let op = |(number, key): &(usize, CounterKey)| {
            let limit = self
                .0
                .limits
                .get(*number)
                .filter(|limit| limit.dry_run == dry)?;
            let cost = limit.cost;
            let action = match limit.algorithm {
                Algorithm::Window => Action::Reserve { cost, member: None },
                Algorithm::Gcra => Action::Gcra { cost },
            };
            Some(Op::new(*key, &limit.rule, action).about(subject))
        };
        asked.iter().filter_map(op).collect()
    }

    async fn decide(self, asked: Asked, subject: Subject) -> Result<Decision, StoreError> {
        // Each by itself: what is only tried out must not undo what holds.
        for op in self.ops(&asked, subject, true) {
            let decision = self.0.store.decide(&[op]).await?;
            if !decision.is_granted() {
                tracing::warn!(
                    limit = op.rule.name(),
                    "a request would have been refused, but dry_run is on"
                );
            }
        }
        self.0.store.decide(&self.ops(&asked, subject, false)).await
    }

    /// The limits that hold, in the order of the decision's states.
    fn limits(&self, asked: &Asked) -> SmallVec<[&Limit; 2]> {
        let limit = |(number, _): &(usize, CounterKey)| self.0.limits.get(*number);
        let holds = asked
            .iter()
            .filter_map(limit)
            .filter(|limit| !limit.dry_run);
        holds.collect()
    }

    /// The refusal of a decision, if it is one.
    fn refusal(&self, asked: &Asked, decision: &Decision) -> Option<Refusal> {
        let limits = self.limits(asked);
        let refused = limits.iter().zip(decision.states());
        let (limit, state) = refused
            .filter(|(_, state)| !state.allowed)
            .max_by_key(|(_, state)| state.until)?;
        let after = decision.wait(state).unwrap_or(Duration::from_hours(24));
        tracing::debug!(
            rule = limit.rule.name(),
            retry_after_ms = after.as_millis(),
            verdict = "refused",
            "limit"
        );
        let detail = "Too many requests. Try again later.";
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "limits/request", detail);
        Some(refusal.with_retry_after(after))
    }
}

impl Limit {
    fn covers(&self, method: &Method, path: &str) -> bool {
        let covers_path = match path.strip_prefix(self.path.as_str()) {
            Some("") => true,
            Some(rest) => self.below && (self.path == "/" || rest.starts_with('/')),
            None => false,
        };
        covers_path && (self.methods.is_empty() || self.methods.contains(method))
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> LimitService<S> {
        LimitService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`LimitLayer`] makes.
#[derive(Debug, Clone)]
pub struct LimitService<S> {
    inner: S,
    layer: LimitLayer,
}

impl<S, B, R> Service<Request<B>> for LimitService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = LimitFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (asked, client) = self.layer.asked(&request);
        if asked.is_empty() {
            let call = self.inner.call(request);
            return LimitFuture {
                state: State::Calling { call },
                told: None,
            };
        }
        // The one that is ready goes into the future; its clone stays and is made ready again.
        let clone = self.inner.clone();
        let service = std::mem::replace(&mut self.inner, clone);
        let subject = client.map_or(Subject::Hidden, |client| Subject::Client(client.network()));
        let decided = self.layer.clone().decide(asked.clone(), subject);
        LimitFuture {
            state: State::Deciding {
                decided: Box::pin(decided),
                waiting: Some(Box::new((service, request))),
            },
            told: Some(Box::new((self.layer.clone(), asked, None))),
        }
    }
}

/// The limits that were asked, and what was decided.
type Told = Box<(LimitLayer, Asked, Option<Decision>)>;

pin_project! {
    /// The future of [`LimitService`].
    pub struct LimitFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
        told: Option<Told>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, B> {
        Deciding {
            decided: Pin<Box<dyn Future<Output = Result<Decision, StoreError>> + Send>>,
            waiting: Option<Box<(S, Request<B>)>>,
        },
        Calling { #[pin] call: F },
    }
}

impl<S, B, R> Future for LimitFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let (decision, waiting) = match this.state.as_mut().project() {
                StateProjection::Deciding { decided, waiting } => {
                    (ready!(decided.as_mut().poll(cx)), waiting.take())
                }
                StateProjection::Calling { call } => {
                    let mut response = ready!(call.poll(cx))?;
                    tell(this.told.as_deref(), response.headers_mut());
                    return Poll::Ready(Ok(response));
                }
            };
            let Some((mut service, request)) = waiting.map(|waiting| *waiting) else {
                return Poll::Pending;
            };
            match decision {
                Ok(decision) => {
                    let refusal = this
                        .told
                        .as_ref()
                        .and_then(|told| told.0.refusal(&told.1, &decision));
                    if let Some(told) = this.told {
                        told.2 = Some(decision);
                    }
                    if let Some(refusal) = refusal {
                        let refusal = match request.extensions().get::<RequestId>() {
                            Some(id) => refusal.with_id(*id),
                            None => refusal,
                        };
                        let response = refusal.into_response(request.headers());
                        let mut response = response.map(R::from);
                        tell(this.told.as_deref(), response.headers_mut());
                        return Poll::Ready(Ok(response));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the store is away, requests are not counted");
                }
            }
            this.state.set(State::Calling {
                call: service.call(request),
            });
        }
    }
}

fn tell(told: Option<&(LimitLayer, Asked, Option<Decision>)>, headers: &mut HeaderMap) {
    if let Some((layer, asked, Some(decision))) = told {
        headers::write(&layer.limits(asked), decision, headers);
    }
}

impl<S, B> std::fmt::Debug for LimitFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LimitFuture").finish_non_exhaustive()
    }
}
