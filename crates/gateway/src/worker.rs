//! One core: a listener, a runtime, a pool of connections to the app, nothing shared that is hot.

mod entrance;
mod run;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use panoply::limits::GuardedBody;
use panoply::trace::TracedBody;
use panoply::{Clock, Dressed, Guarded};
use panoply_acme::Acme;
use panoply_core::{Connection, Scheme};
use panoply_tls::Tls;
use tokio::task::AbortHandle;
use tower_layer::Layer as _;
use tower_service::Service;

use crate::access::WorkerLog;
use crate::balance::{Balance, Inbox};
use crate::body::{RequestBody, ResponseBody, Source};
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::own::{Own, Resident};
use crate::proxy::{Interims, Pools};
use crate::proxy_protocol::Senders;
use crate::service::AppService;
use crate::settings::{Limits, Live};
use crate::shared::{Seat, Shared, Terms};
use crate::spares::Spares;
use crate::wire::{BLOCK, Block, Patience, Streams, Sweeper, Texts, Watch};

pub(crate) use run::run;

/// The whole stack, down to the app.
pub(crate) type Stack = Dressed<Intake<Guarded<AppService>>>;

/// The body of an answer as it leaves the stack.
pub(crate) type Answer = TracedBody<GuardedBody<ResponseBody>>;

/// The stack's answer, under way.
type Answering = <Stack as Service<Request<RequestBody>>>::Future;

/// What a connection holds as long as it, or the tunnel it became, is open.
pub(crate) type Slot = Rc<Seat>;

/// A listener's socket, and whether TLS is spoken on it.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listener: std::net::TcpListener,
    pub(crate) tls: bool,
}

/// What a worker is given, and leaves to the one that is begun in its place.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) shared: Arc<Shared>,
    /// What answers in the place of an app.
    pub(crate) own: Option<Own>,
    pub(crate) doors: Vec<Door>,
    pub(crate) balance: Balance,
    pub(crate) inbox: Inbox,
    /// Which workers it comes to its end with.
    pub(crate) generation: u32,
    /// How long it may take for that.
    pub(crate) grace: Duration,
}

/// Who has come in through which door.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) peer: SocketAddr,
    pub(crate) tls: Option<(Arc<Tls>, Terms)>,
    /// That the peer says first whose connection it passes on.
    pub(crate) sender: Option<Arc<Senders>>,
}

/// How many idle connections end at once when there are no file descriptors left.
const ROOM: usize = 16;

/// One thread's share of the gateway.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    /// Those of the app that has what no other has.
    pools: Rc<Pools>,
    /// Those of the others, in the order of their routes.
    routed: Rc<[Rc<Pools>]>,
    own: Option<Resident>,
    sweeper: Sweeper,
    balance: Balance,
    log: Arc<WorkerLog>,
    current: RefCell<(Arc<Live>, Stack)>,
    generation: u32,
    drains: Cell<bool>,
    block: Rc<Block>,
    texts: Rc<Texts>,
    date: Cell<Date>,
    /// When a connection could not be accepted, until it has gone well for a while.
    was_full: Cell<Option<Duration>>,
    /// The highest file descriptor that has been given since the last tick.
    highest: Cell<RawFd>,
}

/// A moment as answers have it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
type Date = [u8; 29];

impl Worker {
    fn new(post: &Post) -> Rc<Self> {
        let shared = Arc::clone(&post.shared);
        let clock: Rc<dyn Clock> = Rc::new(Arc::clone(&shared.clock));
        let (apps, descriptors) = (&shared.apps, shared.descriptors.clone());
        let pools = Rc::new(Pools::new(apps.main(), clock, descriptors));
        let routed = apps.routed().iter().map(|app| Rc::new(pools.beside(app)));
        let routed: Rc<[_]> = routed.collect();
        let log = Arc::new(
            shared
                .access
                .worker(Arc::clone(&shared.metrics), apps.labels()),
        );
        let live = shared.live.load_full();
        let own = post.own.as_ref().map(Own::settle);
        let stack = stack(&shared, &live, (&pools, &routed, own.as_ref()), &log);
        let current = RefCell::new((live, stack));
        Rc::new(Self {
            generation: post.generation,
            shared,
            pools,
            routed,
            own,
            sweeper: Sweeper::default(),
            balance: post.balance.clone(),
            log,
            current,
            drains: Cell::new(false),
            block: Rc::new(RefCell::new(vec![0; BLOCK].into())),
            texts: Rc::default(),
            date: Cell::new([0; 29]),
            was_full: Cell::new(None),
            highest: Cell::new(0),
        })
        .dated()
    }

    fn dated(self: Rc<Self>) -> Rc<Self> {
        self.set_date();
        self
    }

    fn all_pools(&self) -> impl Iterator<Item = &Pools> {
        let routed = self.routed.iter().map(|pools| &**pools);
        std::iter::once(&*self.pools).chain(routed)
    }

    /// What the app says ahead of its answers.
    pub(crate) fn interims(&self) -> &Interims {
        self.pools.interims()
    }

    /// What requests and answers have no more need of.
    pub(crate) fn spares(&self) -> &Spares {
        self.pools.common().spares()
    }

    /// Room that is read into.
    pub(crate) fn block(&self) -> Rc<Block> {
        Rc::clone(&self.block)
    }

    /// Room that is written into.
    pub(crate) const fn texts(&self) -> &Rc<Texts> {
        &self.texts
    }

    /// The moment that answers are dated, to within a tick and a second.
    pub(crate) const fn date(&self) -> Date {
        self.date.get()
    }

    fn set_date(&self) {
        let now = jiff::Timestamp::try_from(self.shared.clock.wall()).unwrap_or_default();
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
        if let Some(date) = date.ok().and_then(|date| date.as_bytes().try_into().ok()) {
            self.date.set(date);
        }
    }

    /// Hands a request to the stack in force, and tells `stalls` how long its client may stall, where that is not
    /// what holds for all.
    pub(crate) fn call(
        &self,
        mut request: Request<Source>,
        stalls: impl FnOnce(Option<Duration>),
    ) -> Answering {
        self.with_stack(|stack, live| {
            let client = || {
                let connection = request.extensions().get::<Connection>()?;
                let client = live.suit.client();
                Some(client.resolve(connection.peer, Scheme::Http, request.headers()))
            };
            let allowance = live.path_limits.find(&request, client);
            stalls(allowance.map(|allowance| allowance.times.stall));
            let mut body_bytes = live.limits.body_bytes;
            if let Some(allowance) = allowance {
                body_bytes = allowance.body_bytes;
                request.extensions_mut().insert(allowance);
            }
            stack.call(request.map(|body| RequestBody::new(body, body_bytes)))
        })
    }

    /// Hands over a request of our own, in place of one that could not be read.
    pub(crate) fn call_without_body(&self, request: Request<()>) -> Answering {
        self.with_stack(|stack, _| stack.call(request.map(|()| RequestBody::empty())))
    }

    /// The stack is made anew after a reload.
    fn with_stack<T>(&self, call: impl FnOnce(&mut Stack, &Live) -> T) -> T {
        let live = self.shared.live.load();
        let mut current = self.current.borrow_mut();
        if !Arc::ptr_eq(&current.0, &live) {
            let behind = (&self.pools, &*self.routed, self.own.as_ref());
            let made = stack(&self.shared, &live, behind, &self.log);
            *current = (Arc::clone(&live), made);
        }
        call(&mut current.1, &live)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.shared.live.load().limits
    }

    /// What orders certificates for names that handshakes ask for, if anything does.
    pub(crate) fn orders_on_demand(&self) -> Option<Arc<Acme>> {
        let live = self.shared.live.load();
        live.acme
            .as_ref()
            .filter(|acme| acme.is_on_demand())
            .cloned()
    }

    /// Who is to be counted for what comes from `peer`: nobody where that is a proxy that carries many.
    pub(crate) fn client_to_count(&self, peer: SocketAddr) -> Option<IpAddr> {
        self.shared.live.load().suit.client_to_count(peer)
    }

    /// Says in the log that `peer` speaks the PROXY protocol, if that is news.
    pub(crate) fn tell_of_unnamed_sender(&self, peer: SocketAddr) {
        self.shared.live.load().proxy_protocol.tell_of_unnamed(peer);
    }

    /// Whether connections are to end with the answer that is under way.
    pub(crate) fn is_draining(&self) -> bool {
        self.drains.get()
    }

    /// Whether they are to end with the next answer, and until then are kept.
    pub(crate) fn is_draining_gently(&self) -> bool {
        self.is_draining() && self.shared.drains_gently()
    }

    pub(crate) fn streams(&self) -> &Rc<Streams> {
        self.sweeper.streams()
    }

    /// Ends `task`, which carries what a connection has become, once its `watch` is overdue.
    pub(crate) fn look_after(&self, watch: Arc<Watch>, task: AbortHandle) {
        self.sweeper.add(watch, task);
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Whether a connection that was made under these terms is to end with its next answer, or all are.
    pub(crate) fn is_ending(&self, terms: Option<Terms>) -> bool {
        self.is_draining() || self.is_outdated(terms)
    }

    /// Whether other clients are believed now than under these terms.
    pub(crate) fn is_outdated(&self, terms: Option<Terms>) -> bool {
        terms.is_some_and(|terms| terms != self.shared.terms())
    }

    /// Resolves once that is so.
    pub(crate) fn outdated(&self, terms: Option<Terms>) -> impl Future<Output = ()> + use<> {
        // No worker is of that generation, and none waits for it.
        self.shared.ended(u32::MAX, terms)
    }

    /// Resolves once a connection that was made under these terms is to end, or all are.
    pub(crate) fn ending(&self, terms: Option<Terms>) -> impl Future<Output = ()> + use<> {
        self.shared.ended(self.generation, terms)
    }

    /// Resolves once the gateway is to stop.
    pub(crate) fn draining(&self) -> impl Future<Output = ()> + use<> {
        self.shared.draining(self.generation)
    }

    /// How many of this worker's connections are to make room: with those of all others so many that
    /// a tenth of the places is free, as soon as less than a twentieth is.
    fn crowd(&self) -> usize {
        let (open, most) = (self.shared.open(), self.limits().connections);
        if open < most - most / 20 {
            return 0;
        }
        let excess = (open + most / 10).saturating_sub(most) as usize;
        // Its own part of them.
        (excess * self.sweeper.serving()).div_ceil((open as usize).max(1))
    }

    fn sweep(&self, draining: bool) {
        let mut patience = self.limits().patience;
        if draining && !self.is_draining_gently() {
            // Whoever has no request under way has nothing to wait for.
            patience = Patience {
                quiet: Duration::ZERO,
                ..patience
            };
        }
        self.sweeper
            .tick(patience, |rule| self.metrics().refused(rule));
        self.sweeper.end_outdated(self.shared.terms());
        let mut crowd = self.crowd();
        self.look_at_descriptors();
        if self.shared.descriptors.are_short() {
            self.all_pools().for_each(Pools::make_room);
            crowd = crowd.max(ROOM);
        }
        if crowd > 0 {
            self.sweeper
                .make_room(crowd, || self.metrics().refused("limits/crowded"));
        }
        self.all_pools().for_each(Pools::follow);
        self.all_pools().for_each(Pools::sweep);
        self.balance.tick();
        self.set_date();
        self.log.flush();
    }
}

fn stack(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    (pools, routed, own): (&Rc<Pools>, &[Rc<Pools>], Option<&Resident>),
    log: &Arc<WorkerLog>,
) -> Stack {
    let observer = Arc::new(log.observer(live.access_log, &live.log_skip));
    let suit = live
        .suit
        .clone()
        .observed(observer, Arc::clone(&shared.clock))
        .apart();
    let app = AppService::new(shared, live, (pools, routed), own.cloned());
    let guarded = suit.inside().layer(app);
    let intake = Intake::new(guarded, Arc::clone(shared), Arc::clone(live));
    suit.outside().layer(intake)
}
