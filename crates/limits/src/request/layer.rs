//! Limits of requests as a tower layer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use panoply_core::{
    Action, CounterKey, CounterKeys, CounterStore, Decision, HostNames, Networks, Op, PathIndex,
    Refusal, Rule, StoreError, Subject,
};
use smallvec::SmallVec;
use tower_layer::Layer;
use tower_service::Service;

use super::config::{Algorithm, LimitConfig, ShowHeaders};
use super::future::LimitFuture;
use super::headers::Standing;
use super::key::client;
use super::place::have;
use crate::Error;
use crate::outage::Outage;
use crate::tried::{Told, Tried};

mod alike;
pub(crate) mod asked;

/// Who is logged in, for limits with the key `user`; put into the request's extensions by whoever
/// knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitedUser(String);

impl LimitedUser {
    /// The user of that name or number.
    pub fn new(user: impl Into<String>) -> Self {
        Self(user.into())
    }

    pub(super) const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Limits requests: all limits that a request falls under are asked in one decision, and where one
/// refuses none is spent.
///
/// When the store is away, requests go on uncounted: a limit of requests protects the app from too
/// much, which an outage of its own must not do worse. Insure the store with
/// [`Insured`](crate::Insured) to keep a limit.
///
/// A client is whom the client layer has found. Where none stands around it is the peer, of a
/// [`Connection`](panoply_core::Connection) or, with the feature `axum`, of `ConnectInfo`: behind a proxy all clients are
/// that one then.
#[derive(Debug, Clone)]
pub struct LimitLayer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn CounterStore>,
    keys: CounterKeys,
    limits: Vec<Limit>,
    index: PathIndex,
    /// Whether one of them is only tried out.
    tries_out: bool,
    /// Whether it was said that clients cannot be told apart.
    told: AtomicBool,
    away: Outage,
}

/// One limit, checked.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) path: String,
    pub(super) below: bool,
    pub(super) methods: Vec<Method>,
    /// The names under which it holds; all of the site's without any.
    pub(super) names: Option<HostNames>,
    /// What tells it from limits of the same path in other layers, unless it has a name and is for all of the site's.
    pub(super) sign: u64,
    /// What tells it from others of the layer with the same path and sign: by what it counts, and how many before it
    /// have the same in this as well. Its place among all would change with a limit that has nothing to do with it, and
    /// everybody would have fresh points.
    pub(super) alike: u64,
    pub(super) rule: Rule,
    /// How many preflights pass, which are counted by themselves.
    pub(super) preflights: Rule,
    pub(super) keys: Vec<Key>,
    pub(super) cost: u32,
    pub(super) algorithm: Algorithm,
    pub(super) headers: ShowHeaders,
    /// Who is not limited.
    pub(super) exempt: Networks,
    pub(super) dry_run: bool,
    pub(super) tried: Tried,
    /// What `RateLimit-Policy` says of it.
    pub(super) policy: HeaderValue,
    /// How `RateLimit` begins with it, up to the number that is left.
    pub(super) standing: Box<[u8]>,
}

/// What requests are told apart by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Client,
    User,
    Path,
    Header(HeaderName),
}

/// The limits of one request.
pub(super) type Asked = SmallVec<[Counted; 2]>;

/// One of them, by number, with the key under which the request is counted, as a preflight or as any other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    number: usize,
    key: CounterKey,
    preflight: bool,
}

#[cfg(test)]
impl Counted {
    pub(super) const fn key(&self) -> CounterKey {
        self.key
    }
}

/// What is to become of a request.
pub(super) enum Verdict {
    /// It goes on, and its answer tells how the client stands.
    Passes(Standing),
    /// It is answered so.
    Refused(Response<Bytes>),
}

impl LimitLayer {
    /// A layer with these limits; nodes that share the store share the keys' secret.
    ///
    /// # Errors
    ///
    /// When a limit is wrong, or has the [name](LimitConfig::name) of another for the same domains.
    pub fn new(
        limits: impl IntoIterator<Item = LimitConfig>,
        store: Arc<dyn CounterStore>,
        keys: CounterKeys,
    ) -> Result<Self, Error> {
        let limits = alike::checked(limits)?;
        Ok(Self(Arc::new(Inner {
            tries_out: limits.iter().any(|limit| limit.dry_run),
            told: AtomicBool::new(false),
            away: Outage::default(),
            store,
            keys,
            index: PathIndex::new(limits.iter().map(|limit| without_root(&limit.path))),
            limits,
        })))
    }

    pub(super) fn keys(&self) -> &CounterKeys {
        &self.0.keys
    }

    /// Says in the log, once, that one client cannot be told from another.
    pub(super) fn tell_of_nobody(&self) {
        if !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "requests are limited that carry no client address, so all clients are counted as one: \
                 the suit or a ClientLayer must stand around the limits, and be served with the peer's \
                 address (into_make_service_with_connect_info::<SocketAddr>())"
            );
        }
    }

    /// What is asked of a limit, if it is one that holds (`dry` is false) or is only tried out.
    fn op(&self, asked: &Counted, subject: Subject, dry: bool) -> Option<Op<'_>> {
        let limit = self.0.limits.get(asked.number);
        let limit = limit.filter(|limit| limit.dry_run == dry)?;
        let cost = limit.cost;
        let action = match limit.algorithm {
            Algorithm::Window => Action::Reserve { cost, member: None },
            Algorithm::Gcra => Action::Gcra { cost },
        };
        let op = Op::new(asked.key, limit.rule(asked.preflight), action);
        Some(op.about(subject).write_behind())
    }

    fn ops(&self, asked: &Asked, subject: Subject, dry: bool) -> SmallVec<[Op<'_>; 2]> {
        let op = |asked: &Counted| self.op(asked, subject, dry);
        asked.iter().filter_map(op).collect()
    }

    /// The decision, if it is there without waiting.
    fn decide_now(&self, asked: &Asked, subject: Subject) -> Option<Result<Decision, StoreError>> {
        if self.0.tries_out {
            return None;
        }
        if let [one] = asked.as_slice() {
            return self.0.store.decide_now(&[self.op(one, subject, false)?]);
        }
        self.0.store.decide_now(&self.ops(asked, subject, false))
    }

    async fn decide(self, asked: Asked, subject: Subject) -> Result<Decision, StoreError> {
        // Each by itself: what is only tried out must not undo what holds.
        let tried = self.limits(&asked, true);
        for (op, limit) in self.ops(&asked, subject, true).into_iter().zip(tried) {
            let decision = self.0.store.decide(&[op]).await?;
            if !decision.is_granted() {
                limit.tell();
            }
        }
        self.0.store.decide(&self.ops(&asked, subject, false)).await
    }

    /// What a decision means for the request that it is about.
    pub(super) fn verdict<B>(
        &self,
        asked: &Asked,
        decided: Result<Decision, StoreError>,
        request: &Request<B>,
    ) -> Verdict {
        let decision = match decided {
            Ok(decision) => {
                if self.0.away.is_over() {
                    tracing::warn!("the store is back, requests are counted again");
                }
                decision
            }
            Err(error) => {
                // Once until it is back: a line for each request would be a flood.
                if self.0.away.begins() {
                    tracing::warn!(%error, "the store is away, requests are not counted");
                } else {
                    tracing::debug!(%error, "the store is away, requests are not counted");
                }
                return Verdict::Passes(Standing::default());
            }
        };
        let limits = self.limits(asked, false);
        // What a preflight is answered nobody reads but the browser.
        let mut standing = if asked.iter().any(|asked| asked.preflight) {
            Standing::default()
        } else {
            Standing::new(&limits, &decision)
        };
        match refusal(&limits, &decision) {
            Some(refusal) => {
                let mut answer = refusal.answer_to(request);
                standing.tell(answer.headers_mut());
                Verdict::Refused(answer)
            }
            None => Verdict::Passes(standing),
        }
    }

    /// The limits that hold (`dry` is false) or are only tried out, in the order of the decision's states.
    fn limits(&self, asked: &Asked, dry: bool) -> SmallVec<[&Limit; 2]> {
        let limit = |asked: &Counted| self.0.limits.get(asked.number);
        let holds = asked
            .iter()
            .filter_map(limit)
            .filter(|limit| limit.dry_run == dry);
        holds.collect()
    }
}

/// The refusal of a decision, if it is one.
fn refusal(limits: &[&Limit], decision: &Decision) -> Option<Refusal> {
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

/// A path without the slash of the root, as it stands in an index.
pub(crate) fn without_root(path: &str) -> &str {
    if path == "/" { "" } else { path }
}

/// Numbers those that are alike; by their paths, as they may change places.
impl Limit {
    /// What a request is counted by.
    const fn rule(&self, preflight: bool) -> &Rule {
        if preflight {
            &self.preflights
        } else {
            &self.rule
        }
    }

    /// Whether it is for a request to its path (`whole`) or below it.
    fn covers<B>(&self, request: &Request<B>, whole: bool) -> bool {
        (whole || self.below) && have(&self.methods, request)
    }

    /// Whether it does not hold for whom the request is from.
    fn spares<B>(&self, request: &Request<B>) -> bool {
        let from = || Some(client(request.extensions())?.ip());
        !self.exempt.is_empty() && from().is_some_and(|client| self.exempt.contains(client))
    }

    /// Says that it would have refused a request, or how many since it was said.
    fn tell(&self) {
        let limit = self.rule.name();
        match self.tried.note("") {
            Some(Told::One) => tracing::warn!(
                limit,
                "a request would have been refused, but dry_run is on"
            ),
            Some(Told::Many(requests, within)) => tracing::warn!(
                limit,
                requests,
                within_s = within.as_secs(),
                "more requests would have been refused, but dry_run is on"
            ),
            None => {}
        }
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
        let asked = self.layer.asked(&request);
        if asked.is_empty() {
            return LimitFuture::passed(self.inner.call(request), Standing::default());
        }
        let client = client(request.extensions());
        let subject = client.map_or(Subject::Hidden, |client| Subject::Client(client.network()));
        if let Some(decided) = self.layer.decide_now(&asked, subject) {
            return match self.layer.verdict(&asked, decided, &request) {
                Verdict::Passes(standing) => {
                    LimitFuture::passed(self.inner.call(request), standing)
                }
                Verdict::Refused(answer) => LimitFuture::refused(answer),
            };
        }
        // The one that is ready goes into the future; its clone stays and is made ready again.
        let clone = self.inner.clone();
        let service = std::mem::replace(&mut self.inner, clone);
        let decided = self.layer.clone().decide(asked.clone(), subject);
        LimitFuture::deciding(decided, service, request, self.layer.clone(), asked)
    }
}
