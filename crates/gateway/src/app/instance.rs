//! One instance of the app: where it is, whether it answers there, and its process.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use rustix::process::Pid;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::restart::Restarts;
use super::standing::Whole;
use super::state::{AppState, Rank};
use crate::proxy::{AppAddress, Work};

/// How long it is looked for at short intervals whether one is back that others answer for.
const MISSED: Duration = Duration::from_secs(5);

/// What the log calls an instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    /// Where its app is not the only one, and not the one that has what no other has.
    pub(super) app: Option<Arc<str>>,
    /// Where there are several.
    pub(super) instance: Option<usize>,
}

/// One of several that are the same app.
#[derive(Debug)]
pub(crate) struct Instance {
    number: usize,
    /// What the log calls it.
    named: Named,
    /// Whether there is no other.
    is_alone: bool,
    state: ArcSwap<AppState>,
    /// What clients are nearer to it by than to others.
    mark: AtomicU64,
    /// A [`Rank`], for whoever looks with each request.
    rank: AtomicU8,
    /// Since when nobody accepts connections, as far as that is known.
    away: Mutex<Option<Instant>>,
    /// That it is elsewhere than it was, or there anew.
    elsewhere: Notify,
    /// That nobody accepts connections any more.
    gone: Notify,
    /// Whether it has been tried in vain to have it up.
    failed: AtomicBool,
    /// What it has to do, and how it does.
    work: Arc<Work>,
    /// Its process and port, where it is ours to look after.
    process: Mutex<Option<(Pid, u16)>>,
    /// Whether another gateway has taken that process.
    taken: AtomicBool,
    pub(super) restarts: Restarts,
    whole: Arc<Whole>,
}

impl Instance {
    pub(super) fn new(app: &str, number: usize, is_alone: bool, whole: Arc<Whole>) -> Self {
        let named = Named {
            app: Some(app).filter(|app| !app.is_empty()).map(Into::into),
            instance: (!is_alone).then_some(number),
        };
        Self {
            number,
            is_alone,
            state: ArcSwap::from_pointee(AppState::Starting),
            mark: AtomicU64::new(u64::try_from(number).unwrap_or_default()),
            rank: AtomicU8::new(Rank::Away as u8),
            away: Mutex::new(Some(Instant::now())),
            elsewhere: Notify::new(),
            gone: Notify::new(),
            failed: AtomicBool::new(false),
            work: Arc::default(),
            process: Mutex::default(),
            taken: AtomicBool::new(false),
            restarts: Restarts::of(named.clone()),
            whole,
            named,
        }
    }

    /// What its app has of the site, for the log; nothing of the one that has what no other has.
    pub(super) fn app(&self) -> Option<&str> {
        self.named.app.as_deref()
    }

    /// Its number for the log, where there are several.
    pub(super) const fn told(&self) -> Option<usize> {
        self.named.instance
    }

    /// Both.
    pub(super) fn named(&self) -> Named {
        self.named.clone()
    }

    /// Counted from 0.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// By what its own clients are known: its number, if nothing else was set.
    pub(crate) fn mark(&self) -> u64 {
        self.mark.load(Ordering::Relaxed)
    }

    /// Where it is has more to say than its number.
    pub(super) fn set_mark(&self, mark: u64) {
        self.mark.store(mark, Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Guard<Arc<AppState>> {
        self.state.load()
    }

    /// What it has to do; not counted where it is the only one.
    pub(crate) const fn work(&self) -> &Arc<Work> {
        &self.work
    }

    /// What is to be said for sending it a request.
    pub(crate) fn rank(&self) -> Rank {
        match self.rank.load(Ordering::Relaxed) {
            0 => Rank::Up,
            1 => Rank::Unknown,
            2 => Rank::Down,
            _ => Rank::Away,
        }
    }

    pub(crate) fn set(&self, state: AppState) {
        if matches!(state, AppState::Starting | AppState::Vacant) {
            self.is_away();
        }
        let is_up = state.is_up();
        let is_vacant = state == AppState::Vacant;
        let before = self.state.swap(Arc::new(state));
        self.whole.vacant(*before == AppState::Vacant, is_vacant);
        let was_up = before.is_up();
        let up = &self.whole.up;
        let up = match (was_up, is_up) {
            (false, true) => up.fetch_add(1, Ordering::AcqRel) + 1,
            (true, false) => up.fetch_sub(1, Ordering::AcqRel) - 1,
            _ => up.load(Ordering::Acquire),
        };
        self.whole.gauges.are_up(up);
        self.rank_anew(self.away().is_some());
    }

    fn rank_anew(&self, is_away: bool) {
        let rank = match &**self.load() {
            _ if is_away => Rank::Away,
            AppState::Up(_) | AppState::Own => Rank::Up,
            AppState::Down(_, None) => Rank::Unknown,
            AppState::Down(..) => Rank::Down,
            AppState::Starting | AppState::Vacant => Rank::Away,
        };
        self.rank.store(rank as u8, Ordering::Relaxed);
    }

    /// It has been started, and accepts connections at `address`; whether that is all that is asked of it.
    pub(crate) fn found(&self, address: AppAddress, is_all: bool) {
        self.set(if is_all {
            AppState::Up(address)
        } else {
            AppState::Down(address, None)
        });
        self.accepts();
        self.elsewhere.notify_one();
    }

    /// It is at `address` from now on; it answers as well as it did where it was.
    pub(super) fn moved(&self, address: AppAddress) {
        self.set(match &**self.load() {
            AppState::Up(_) => AppState::Up(address),
            AppState::Down(_, why) => AppState::Down(address, why.clone()),
            AppState::Starting | AppState::Own | AppState::Vacant => AppState::Down(address, None),
        });
        self.elsewhere.notify_one();
    }

    /// It accepts connections: whoever waits tries again.
    pub(crate) fn accepts(&self) {
        let mut away = self.away();
        *away = None;
        self.rank_anew(false);
        self.work.is_worth_a_try();
        drop(away);
        self.whole.seen.send_modify(|seen| *seen += 1);
    }

    /// Nobody accepts connections; gives since when.
    pub(crate) fn is_away(&self) -> Instant {
        let mut away = self.away();
        if away.is_none() {
            self.gone.notify_one();
        }
        let since = *away.get_or_insert_with(Instant::now);
        self.rank_anew(true);
        since
    }

    /// Resolves while others have its requests that may well be back in a moment.
    pub(super) async fn is_missed(&self) {
        let is_missed = || {
            let since = *self.away();
            !self.is_alone && since.is_some_and(|since| since.elapsed() < MISSED)
        };
        while !is_missed() {
            self.gone.notified().await;
        }
    }

    /// It has been tried in vain to have it up, which goes on.
    pub(super) fn fails(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Whether it is known how it stands, or has been seen that it does not come up at once.
    pub(super) fn is_tried(&self) -> bool {
        self.failed.load(Ordering::Acquire) || self.load().is_known()
    }

    fn away(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves once it is worth a look, since it is not where it was.
    pub(super) async fn is_elsewhere(&self) {
        self.elsewhere.notified().await;
    }

    pub(super) fn set_process(&self, process: Option<(Pid, u16)>) {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = process;
    }

    pub(crate) fn process(&self) -> Option<(Pid, u16)> {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether another gateway has taken its process.
    pub(crate) fn set_taken(&self, taken: bool) {
        self.taken.store(taken, Ordering::Release);
    }

    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }
}
