//! What all threads of the gateway share: read-only, atomic, or off the hot path.

mod census;

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use panoply::Clock;
use tokio::sync::{mpsc, watch};

use self::census::Census;
use crate::access::AccessLog;
use crate::app::{Apps, Restarts};
use crate::balance::Place;
use crate::control::Home;
use crate::descriptors::{self, Descriptors};
use crate::intake::Ports;
use crate::metrics::Metrics;
use crate::proxy::Troubles;
use crate::proxy::scheme::Settled;
use crate::reload::Waits;
use crate::reports::Received;
use crate::settings::Live;

/// One gateway.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) live: ArcSwap<Live>,
    pub(crate) apps: Apps,
    pub(crate) restarts: Restarts,
    /// What was changed and is not in force.
    pub(crate) waits: ArcSwap<Waits>,
    /// What others on this machine can read that is secret, or replace.
    pub(crate) open_secrets: ArcSwap<Vec<String>>,
    /// Where the state directory was.
    pub(crate) home: Arc<Home>,
    /// Why somebody must look at the store, though it answers.
    pub(crate) store_trouble: ArcSwapOption<String>,
    /// Why the store is away for what is to be written down, though it may answer.
    pub(crate) store_away: ArcSwapOption<String>,
    /// What to do about what was written to the store under another secret.
    pub(crate) store_foreign: ArcSwapOption<String>,
    /// Why the store may forget what it was told.
    pub(crate) store_forgets: ArcSwapOption<String>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) access: AccessLog,
    pub(crate) clock: Arc<dyn Clock>,
    /// Who is to come to an end.
    ending: watch::Sender<Ending>,
    /// Under which terms connections are made now: as [`Ending`] has them, for whoever looks with every answer.
    terms: AtomicU64,
    /// Of the workers that are started from now on.
    generation: AtomicU32,
    /// Whether another gateway takes over: then nobody is hurried.
    gently: AtomicBool,
    /// Asks each worker to say that it has finished what it was at.
    rounds: watch::Sender<u64>,
    finished: AtomicUsize,
    /// Held for a round: two at once would be counted as one.
    round: tokio::sync::Mutex<()>,
    /// How many workers there are.
    workers: AtomicUsize,
    /// Whether no worker can serve any more.
    hopeless: watch::Sender<bool>,
    pub(crate) reports: mpsc::Sender<Received>,
    /// Where HTTPS is served, and what leads there; none without it.
    pub(crate) ports: Option<Ports>,
    /// What is known of how the app takes clients that have come by HTTPS.
    pub(crate) settled: Settled,
    /// Where logins are that nobody guards.
    pub(crate) unguarded: crate::unguarded::Told,
    /// The hosts that requests were refused for.
    pub(crate) foreign_hosts: crate::intake::Told,
    /// What is wrong with its answers.
    pub(crate) troubles: Troubles,
    pub(crate) reloads: Reloads,
    pub(crate) descriptors: Descriptors,
    census: Census,
}

impl Shared {
    pub(crate) fn new(
        live: Live,
        apps: Apps,
        metrics: Arc<Metrics>,
        access: AccessLog,
        clock: Arc<dyn Clock>,
        reports: mpsc::Sender<Received>,
        ports: Option<Ports>,
    ) -> Self {
        descriptors::raise(live.limits.connections);
        Self {
            live: ArcSwap::from_pointee(live),
            apps,
            restarts: Restarts::default(),
            waits: ArcSwap::default(),
            open_secrets: ArcSwap::default(),
            home: Arc::default(),
            store_trouble: ArcSwapOption::empty(),
            store_away: ArcSwapOption::empty(),
            store_foreign: ArcSwapOption::empty(),
            store_forgets: ArcSwapOption::empty(),
            metrics,
            access,
            clock,
            ending: watch::Sender::default(),
            terms: AtomicU64::new(0),
            generation: AtomicU32::new(1),
            gently: AtomicBool::new(false),
            rounds: watch::Sender::new(0),
            finished: AtomicUsize::new(0),
            round: tokio::sync::Mutex::default(),
            workers: AtomicUsize::new(0),
            hopeless: watch::Sender::new(false),
            reports,
            ports,
            settled: Settled::default(),
            unguarded: crate::unguarded::Told::default(),
            foreign_hosts: crate::intake::Told::default(),
            troubles: Troubles::default(),
            reloads: Reloads::default(),
            descriptors: Descriptors::default(),
            census: Census::default(),
        }
    }

    /// Connections that are open, in all.
    pub(crate) fn open(&self) -> u32 {
        self.census.open()
    }

    /// Has everything that is open come to its end, or, when another gateway takes over, to where it
    /// can go on there.
    pub(crate) fn drain(&self, gently: bool) {
        self.gently.store(gently, Ordering::Release);
        let generation = self.generation();
        self.ending
            .send_modify(|ending| ending.generation = generation);
    }

    /// What is started from now on serves, whatever has to come to its end.
    pub(crate) fn begin_anew(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Of the workers that are started now.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Resolves once workers of `generation` are to come to their end.
    pub(crate) fn draining(&self, generation: u32) -> impl Future<Output = ()> + use<> {
        self.ended(generation, None)
    }

    /// Resolves once workers of `generation`, or connections that were made under these terms, are to come to their
    /// end.
    pub(crate) fn ended(
        &self,
        generation: u32,
        terms: Option<Terms>,
    ) -> impl Future<Output = ()> + use<> {
        let mut ending = self.ending.subscribe();
        let is_over = move |ending: &Ending| {
            ending.generation >= generation || terms.is_some_and(|terms| terms != ending.terms)
        };
        async move {
            // Without a sender there is nobody left to serve for.
            let _ = ending.wait_for(is_over).await;
        }
    }

    /// The terms under which connections over TLS are made now.
    pub(crate) fn terms(&self) -> Terms {
        Terms(self.terms.load(Ordering::Acquire))
    }

    /// Other clients are believed than before: who was let in earlier is to come again.
    pub(crate) fn change_terms(&self) {
        // Both at once: of two who change them, neither is to leave the other's number in one of the two.
        self.ending.send_modify(|ending| {
            ending.terms = Terms(self.terms.fetch_add(1, Ordering::AcqRel) + 1);
        });
    }

    /// Whether workers of `generation` are to come to their end.
    pub(crate) fn is_draining(&self, generation: u32) -> bool {
        self.ending.borrow().generation >= generation
    }

    /// Whether connections are kept until their next answer: a client that sends a request at that
    /// very moment would lose it.
    pub(crate) fn drains_gently(&self) -> bool {
        self.gently.load(Ordering::Acquire)
    }

    /// Waits until each worker has finished what it was at, two seconds at most; whether there are any, and each has.
    pub(crate) async fn round(&self) -> bool {
        let _alone = self.round.lock().await;
        self.finished.store(0, Ordering::Release);
        self.rounds.send_modify(|round| *round += 1);
        for _ in 0..400 {
            let workers = self.workers.load(Ordering::Acquire);
            // One that has fallen over may be back in a moment; without any, nobody serves.
            if workers > 0 && self.finished.load(Ordering::Acquire) >= workers {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// One more worker takes part in the rounds, until this is dropped.
    pub(crate) fn enlist(self: &Arc<Self>) -> Enlisted {
        self.workers.fetch_add(1, Ordering::AcqRel);
        Enlisted(Arc::clone(self))
    }

    /// The rounds, for a worker.
    pub(crate) fn rounds(&self) -> watch::Receiver<u64> {
        self.rounds.subscribe()
    }

    /// A worker has finished what it was at.
    pub(crate) fn has_finished(&self) {
        self.finished.fetch_add(1, Ordering::AcqRel);
    }

    /// No worker lives: the gateway is to end.
    pub(crate) fn give_up(&self) {
        self.hopeless.send_replace(true);
    }

    /// Resolves once no worker lives.
    pub(crate) fn given_up(&self) -> impl Future<Output = ()> + use<> {
        let mut hopeless = self.hopeless.subscribe();
        async move {
            if hopeless.wait_for(|hopeless| *hopeless).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// A seat for one more connection from `client`, unless there are too many.
    pub(crate) fn admit(
        self: &Arc<Self>,
        client: Option<IpAddr>,
        place: Place,
    ) -> Result<Seat, &'static str> {
        let limits = self.live.load().limits;
        self.census
            .enter(client, limits.connections, limits.connections_per_client)?;
        self.metrics.opened();
        Ok(Seat {
            shared: Arc::clone(self),
            client: Cell::new(client),
            _place: place,
        })
    }
}

/// What is to come to its end, while everything after it goes on.
#[derive(Debug, Clone, Copy, Default)]
struct Ending {
    /// The generation of workers, with all before it.
    generation: u32,
    /// Connections that were made under other terms than these.
    terms: Terms,
}

/// The clients that were believed when a connection was made, by how often that has changed (`tls.clients`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terms(u64);

#[cfg(test)]
impl Terms {
    pub(crate) const fn of(number: u64) -> Self {
        Self(number)
    }
}

/// How reloads went, for whoever has asked for one.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    begun: AtomicU64,
    /// The number of the last that has ended, and how it went.
    ended: watch::Sender<Option<(u64, Result<(), String>)>>,
}

impl Reloads {
    /// One begins, and reads what is there now; gives its number.
    pub(crate) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Says how the one of this number went.
    pub(crate) fn ended(&self, number: u64, how: Result<(), String>) {
        self.ended.send_replace(Some((number, how)));
    }

    /// Asks for one, as SIGHUP does, and waits until it is over.
    pub(crate) async fn ask(&self) -> Result<(), String> {
        let mut ended = self.ended.subscribe();
        // One that is under way has read what was there before.
        let before = self.begun.load(Ordering::Acquire);
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::HUP)
            .map_err(|error| format!("the gateway cannot signal itself: {error}"))?;
        let is_later = |last: &Option<(u64, _)>| last.as_ref().is_some_and(|last| last.0 > before);
        let later = ended.wait_for(is_later);
        let waited = tokio::time::timeout(LONGEST_RELOAD, later).await;
        let last = waited
            .ok()
            .and_then(Result::ok)
            .and_then(|last| last.clone());
        let long = || Err("the reload takes long; the gateway's log says how it ends".to_owned());
        last.map_or_else(long, |(_, how)| how)
    }
}

/// Files are read and a store is asked for its blocks; no more than that is waited for.
const LONGEST_RELOAD: std::time::Duration = std::time::Duration::from_secs(20);

/// A worker that takes part in the rounds.
#[derive(Debug)]
pub(crate) struct Enlisted(Arc<Shared>);

impl Drop for Enlisted {
    fn drop(&mut self) {
        self.0.workers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A connection's place; given up when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    shared: Arc<Shared>,
    client: Cell<Option<IpAddr>>,
    /// Among those of its worker.
    _place: Place,
}

impl Seat {
    /// Counts the connection as one of `client`, who became known after it had a seat, unless he has too many.
    pub(crate) fn count_for(&self, client: IpAddr) -> Result<(), &'static str> {
        let each = self.shared.live.load().limits.connections_per_client;
        self.shared.census.enter_of(client, each)?;
        self.client.set(Some(client));
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.metrics.closed();
        self.shared.census.leave(self.client.get());
    }
}

#[cfg(test)]
mod tests {
    use tokio::signal::unix::{SignalKind, signal};

    use super::*;

    #[tokio::test]
    async fn who_asks_for_a_reload_is_told_of_one_that_began_later() {
        let reloads = Reloads::default();
        let mut asked = signal(SignalKind::hangup()).unwrap();
        let first = reloads.begin();
        let reload = async {
            asked.recv().await;
            reloads.ended(first, Ok(()));
            tokio::task::yield_now().await;
            let second = reloads.begin();
            reloads.ended(second, Err("no such key".to_owned()));
        };
        let (told, ()) = tokio::join!(reloads.ask(), reload);
        assert_eq!(told, Err("no such key".to_owned()));
    }
}
