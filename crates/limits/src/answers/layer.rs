//! The layer that counts answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use panoply_core::spelling::canonical;
use panoply_core::{
    AskedForm, ClientAddress, CounterKeys, CounterStore, Networks, PathIndex, Rule, StoreError,
};
use smallvec::SmallVec;
use tower_layer::Layer;
use tower_service::Service;

use super::caused::is_caused;
use super::config::ProbesConfig;
use super::future::AnswerFuture;
use super::noted::Noted;
use super::probes::is_probe;
use super::spares::{Of, Spares};
use crate::access::paths_meant;
use crate::blocklist::PREFIX;
use crate::names::Hosts;
use crate::original::original;
use crate::outage::Outage;
use crate::request::{Place, above, is_preflight, without_root};
use crate::tried::{Told, Tried};
use crate::{Blocklist, Error, LimitConfig};

/// Counts answers of the app, and holds a client out that is given too many that count: a [`BlockLayer`] of the same
/// list around it then refuses whatever the client asks for, with 429.
///
/// What a limit counts is an answer with one of its statuses, by the app itself, to a path that the client has not
/// had counted in this window. Not counted are a browser's preflights, WebSocket handshakes, what a page has it load or
/// fetch ahead, and what another site's page has it ask for. Of probes only GET and HEAD count. Where many ask at once no more than the points of such answers are seen, and no more
/// than were under way when the last was given have reached the app.
///
/// While the store is away nothing is counted, as by a [`LimitLayer`](crate::LimitLayer), and who is held stays so.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use panoply_core::{CounterKeys, ManualClock};
/// use panoply_limits::{AnswerLayer, BlockLayer, Blocklist, LimitConfig, ProbesConfig};
/// use panoply_store_memory::MemoryStore;
///
/// let store = Arc::new(MemoryStore::builder().clock(ManualClock::new()).build());
/// let list = Blocklist::new(store, CounterKeys::new([7; 16]));
/// let minute = Duration::from_secs(60);
/// let scanners = LimitConfig::new(50, minute).name("scanners").answers([403, 404]).lock(60 * minute);
/// let answers = AnswerLayer::new([scanners], ProbesConfig::new(), list.clone())?;
/// let blocks = BlockLayer::new(list).sparing(answers.spares().clone());
/// // ServiceBuilder::new().layer(client).layer(blocks).layer(answers).service(app)
/// # let _ = (blocks, answers);
/// # Ok::<(), panoply_limits::Error>(())
/// ```
///
/// [`BlockLayer`]: crate::BlockLayer
#[derive(Debug, Clone)]
pub struct AnswerLayer {
    inner: Arc<Inner>,
    spares: Spares,
}

#[derive(Debug)]
struct Inner {
    list: Blocklist,
    limits: Vec<Limit>,
    /// Of those that are for paths of the site.
    index: PathIndex,
    /// Whether one of them is for paths of the site, and not only for probes.
    has_places: bool,
    tries_out: bool,
    /// Whether it was said that clients cannot be told apart.
    told: AtomicBool,
    away: Outage,
}

/// One limit, checked.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) what: What,
    /// That of its rule.
    pub(super) name: Arc<str>,
    pub(super) answers: SmallVec<[StatusCode; 8]>,
    /// Whether each request counts, and not each path.
    pub(super) each: bool,
    /// What tells it from limits without a name in other layers.
    pub(super) sign: u64,
    pub(super) rule: Rule,
    pub(super) exempt: Networks,
    pub(super) dry_run: bool,
    pub(super) tried: Tried,
    /// What the log says of whom it locks.
    pub(super) why: &'static str,
}

/// What is asked for, that a limit counts.
#[derive(Debug)]
pub(super) enum What {
    /// What scanners ask for.
    Probes,
    /// What lies here.
    At(Place),
}

impl Limit {
    /// Where it is for; those that are for a place come first.
    fn path(&self) -> Option<&str> {
        match &self.what {
            What::At(place) => Some(place.path()),
            What::Probes => None,
        }
    }

    /// Says that it would have held a client out, or how often since it was said.
    pub(super) fn tell(&self) {
        let limit = self.rule.name();
        match self.tried.note("") {
            Some(Told::One) => tracing::warn!(
                limit,
                "a client would have been held out for what it was answered, but dry_run is on"
            ),
            Some(Told::Many(answers, within)) => tracing::warn!(
                limit,
                answers,
                within_s = within.as_secs(),
                "more answers would have been refused, but dry_run is on"
            ),
            None => {}
        }
    }
}

impl AnswerLayer {
    /// A layer with those of `limits` that [count answers](LimitConfig::answers), and what scanners ask for; who is
    /// held out is on `list`, in the store of which is counted.
    ///
    /// # Errors
    ///
    /// When a limit is wrong, or counts requests and not answers.
    pub fn new(
        limits: impl IntoIterator<Item = LimitConfig>,
        probes: ProbesConfig,
        list: Blocklist,
    ) -> Result<Self, Error> {
        let mut checked: Vec<Limit> = Vec::new();
        for limit in limits {
            checked.push(limit.check_answers()?);
        }
        let probes = probes.check()?;
        let is_taken = |(number, limit): &(usize, &Limit)| {
            let mut others = checked.iter().take(*number).chain(&probes);
            others.any(|other| other.rule.name() == limit.rule.name())
        };
        if let Some((number, limit)) = checked.iter().enumerate().find(is_taken) {
            let name = limit.rule.name();
            let name = name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
            return Err(Error::NameTaken { number, name });
        }
        checked.extend(probes);
        let exempt = { checked.iter() }.map(|limit| Of {
            rule: Arc::clone(&limit.name),
            exempt: limit.exempt.clone(),
            holds: !limit.dry_run,
        });
        let spares = Spares::of(exempt);
        Ok(Self {
            spares,
            inner: Arc::new(Inner {
                list,
                has_places: checked
                    .iter()
                    .any(|limit| matches!(limit.what, What::At(_))),
                tries_out: checked.iter().any(|limit| limit.dry_run),
                index: PathIndex::new(checked.iter().filter_map(Limit::path).map(without_root)),
                limits: checked,
                told: AtomicBool::new(false),
                away: Outage::default(),
            }),
        })
    }

    /// Never counts, and so never holds out, what a proxy asks for itself, as whether the service is well.
    #[must_use]
    pub fn sparing(
        mut self,
        proxies: impl Fn(&ClientAddress) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.spares = self.spares.and(proxies);
        self
    }

    /// Who is held out by none of these limits, for [`BlockLayer::sparing`](crate::BlockLayer::sparing).
    pub const fn spares(&self) -> &Spares {
        &self.spares
    }

    pub(super) fn limit(&self, number: usize) -> Option<&Limit> {
        self.inner.limits.get(number)
    }

    pub(super) fn list(&self) -> &Blocklist {
        &self.inner.list
    }

    pub(super) fn store(&self) -> &dyn CounterStore {
        self.inner.list.store()
    }

    pub(super) fn keys(&self) -> &CounterKeys {
        self.inner.list.keys()
    }

    pub(super) fn tries_out(&self) -> bool {
        self.inner.tries_out
    }

    pub(super) fn tell_of_outage(&self, error: &StoreError) {
        // Once until it is back: a line for each answer would be a flood.
        if self.inner.away.begins() {
            tracing::warn!(%error, "the store is away, answers are not counted");
        }
    }

    pub(super) fn tell_of_return(&self) {
        if self.inner.away.is_over() {
            tracing::warn!("the store is back, answers are counted again");
        }
    }

    /// What is to be kept of a request, if its answer may count.
    fn note<B>(&self, request: &Request<B>) -> Option<Box<Noted>> {
        let inner = &*self.inner;
        let uri = original(request.extensions(), request.uri());
        // Nearly all requests end here, where no limit but that of probes was written.
        // By other methods programs ask that look into a folder: a file manager (PROPFIND), git (PUT).
        let probe = matches!(*request.method(), Method::GET | Method::HEAD) && is_probe(uri.path());
        if !probe && !inner.has_places {
            return None;
        }
        let limits = self.found(request, is_preflight(request), probe);
        if limits.is_empty() || is_caused(request) {
            return None;
        }
        let Some(client) = request.extensions().get::<ClientAddress>() else {
            self.tell_of_nobody();
            return None;
        };
        Some(Box::new(Noted {
            layer: self.clone(),
            client: client.clone(),
            path: canonical(uri.path()).into_owned(),
            limits,
            id: request.extensions().get().copied(),
            form: AskedForm::of(request.headers()),
        }))
    }

    /// The limits that a request falls under however its app reads the path, by number.
    fn found<B>(&self, request: &Request<B>, preflight: bool, probe: bool) -> SmallVec<[usize; 4]> {
        let mut found: SmallVec<[usize; 4]> = SmallVec::new();
        let limits = &self.inner.limits;
        if self.inner.has_places {
            let method = request.method();
            let hosts = Hosts::of(request);
            let mut count = |number: usize, whole: bool| {
                if let Some(What::At(place)) = limits.get(number).map(|limit| &limit.what)
                    && place.covers(request, whole)
                    // One that names OPTIONS means them.
                    && !(preflight && place.is_for_all_methods())
                    && hosts.may_mean(place.names())
                    && !found.contains(&number)
                {
                    found.push(number);
                }
            };
            let paths = || limits.iter().filter_map(Limit::path);
            let index = &self.inner.index;
            let mut look = |path: &str| {
                let asks = (method, path, &canonical(path));
                above(index, paths, asks, &mut count);
            };
            let whole = original(request.extensions(), request.uri()).path();
            look(whole);
            // Within a router that is nested, and where a header says so, as in limits of requests.
            let cut = request.uri().path();
            if cut != whole {
                look(cut);
            }
            paths_meant(request).iter().for_each(|path| look(path));
        }
        if probe {
            let probes = |limit: &Limit| matches!(limit.what, What::Probes);
            found.extend(limits.iter().position(probes));
        }
        found.sort_unstable();
        found
    }

    /// Says in the log, once, that nobody would be held out.
    fn tell_of_nobody(&self) {
        if !self.inner.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "answers are counted to requests that carry no client address, so nobody is held out: the suit or a \
                 ClientLayer must stand around the limits, and be served with the peer's address \
                 (into_make_service_with_connect_info::<SocketAddr>())"
            );
        }
    }
}

impl<S> Layer<S> for AnswerLayer {
    type Service = AnswerService<S>;

    fn layer(&self, inner: S) -> AnswerService<S> {
        AnswerService {
            inner,
            layer: (!self.inner.limits.is_empty()).then(|| self.clone()),
        }
    }
}

/// The service that [`AnswerLayer`] makes.
#[derive(Debug, Clone)]
pub struct AnswerService<S> {
    inner: S,
    /// None, where nothing is counted.
    layer: Option<AnswerLayer>,
}

impl<S, B, R> Service<Request<B>> for AnswerService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = AnswerFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let noted = self.layer.as_ref().and_then(|layer| layer.note(&request));
        AnswerFuture::new(self.inner.call(request), noted)
    }
}
