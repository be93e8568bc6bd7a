//! Where the app is, whether it answers there, and who waits until it accepts connections.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::proxy::AppAddress;

/// How many requests wait for it at once. Node.js, by itself, lets as many connections wait to be accepted: all that
/// wait come together.
const MOST_WAITING: usize = 500;

/// Whether the app can be reached, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppState {
    /// It has been started and does not accept connections yet, for the first time or again.
    Starting,
    /// It accepts connections here, and answers as it should.
    Up(AppAddress),
    /// It is to be here, and does not answer. It is asked all the same: nobody knows sooner that it is back.
    ///
    /// Without a reason it has not been looked at yet.
    Down(AppAddress, Option<Arc<str>>),
    /// It is a service of this process.
    Own,
}

impl AppState {
    /// Where requests go.
    pub(crate) const fn address(&self) -> Option<&AppAddress> {
        match self {
            Self::Starting | Self::Own => None,
            Self::Up(address) | Self::Down(address, _) => Some(address),
        }
    }

    /// Whether it is known how it stands.
    pub(crate) const fn is_known(&self) -> bool {
        !matches!(self, Self::Starting | Self::Down(_, None))
    }

    pub(crate) const fn is_up(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Own)
    }

    /// In one word, for programs.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up(_) | Self::Own => "up",
            Self::Down(..) => "down",
        }
    }
}

impl fmt::Display for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting, or starting again"),
            Self::Up(address) => write!(f, "up at {address}"),
            Self::Own => f.write_str("up in this process"),
            Self::Down(address, why) => {
                let why = why.as_deref().unwrap_or("it has not been looked at yet");
                write!(f, "down at {address}: {why}")
            }
        }
    }
}

/// How the app stands, for all threads.
#[derive(Debug)]
pub(crate) struct Standing {
    state: ArcSwap<AppState>,
    metrics: Arc<Metrics>,
    /// Since when nobody accepts connections, as far as that is known.
    away: Mutex<Option<Instant>>,
    waiting: AtomicUsize,
    /// That somebody waits.
    wanted: Notify,
    /// That it is elsewhere than it was, or there anew.
    elsewhere: Notify,
    /// How often it was seen to accept connections.
    seen: watch::Sender<u64>,
}

impl Standing {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            state: ArcSwap::from_pointee(AppState::Starting),
            metrics,
            away: Mutex::new(Some(Instant::now())),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
            elsewhere: Notify::new(),
            seen: watch::Sender::new(0),
        }
    }

    pub(crate) fn load(&self) -> Guard<Arc<AppState>> {
        self.state.load()
    }

    pub(crate) fn set(&self, state: AppState) {
        self.metrics.app(state.is_up());
        if state == AppState::Starting {
            self.is_away();
        }
        self.state.store(Arc::new(state));
    }

    /// It has been started, and accepts connections at `address`; whether that is all that is asked of it.
    pub(super) fn found(&self, address: AppAddress, is_all: bool) {
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
            AppState::Starting | AppState::Own => AppState::Down(address, None),
        });
        self.elsewhere.notify_one();
    }

    /// It accepts connections: whoever waits tries again.
    pub(super) fn accepts(&self) {
        *self.away() = None;
        self.seen.send_modify(|seen| *seen += 1);
    }

    /// Nobody accepts connections; gives since when.
    pub(super) fn is_away(&self) -> Instant {
        *self.away().get_or_insert_with(Instant::now)
    }

    fn away(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves once it is worth a look, since it is not where it was.
    pub(super) async fn is_elsewhere(&self) {
        self.elsewhere.notified().await;
    }

    /// Resolves while somebody waits.
    pub(super) async fn wanted(&self) {
        while self.waiting.load(Ordering::Acquire) == 0 {
            self.wanted.notified().await;
        }
    }

    /// A place among those who wait for it, unless it has been away for as long as that already, or too many do.
    pub(crate) fn wait(&self, patience: Duration) -> Option<Waiting<'_>> {
        let now = Instant::now();
        if now.saturating_duration_since(self.is_away()) >= patience {
            return None;
        }
        let waiting = Waiting {
            of: self,
            until: now + patience,
            seen: self.seen.subscribe(),
        };
        // Counted by `Waiting`, which takes it back as well.
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= MOST_WAITING {
            return None;
        }
        self.wanted.notify_one();
        Some(waiting)
    }
}

/// One who waits until the app accepts connections; no more once this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    of: &'a Standing,
    until: Instant,
    seen: watch::Receiver<u64>,
}

impl Waiting<'_> {
    /// Waits until it is worth another try; whether it is.
    pub(crate) async fn again(&mut self) -> bool {
        let changed = tokio::time::timeout_at(self.until, self.seen.changed()).await;
        matches!(changed, Ok(Ok(())))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.of.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn standing() -> Standing {
        Standing::new(Arc::new(Metrics::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken_and_not_for_ever() {
        let app = standing();
        let mut waiting = app.wait(PATIENCE).unwrap();
        let (again, ()) = tokio::join!(waiting.again(), async { app.accepts() });
        assert!(again);
        let began = Instant::now();
        assert!(!waiting.again().await);
        assert_eq!(began.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_an_app_that_has_been_away_for_longer() {
        let app = standing();
        tokio::time::advance(PATIENCE / 2).await;
        assert!(app.wait(PATIENCE).is_some());
        assert!(app.wait(Duration::ZERO).is_none());
        tokio::time::advance(PATIENCE / 2).await;
        assert!(app.wait(PATIENCE).is_none());
        // It was there in between.
        app.accepts();
        assert!(app.wait(PATIENCE).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_so_many_places_and_who_goes_leaves_his() {
        let app = standing();
        let all: Vec<_> = (0..MOST_WAITING).map(|_| app.wait(PATIENCE)).collect();
        assert!(all.iter().all(Option::is_some));
        assert!(app.wait(PATIENCE).is_none());
        assert!(app.wait(PATIENCE).is_none());
        app.wanted().await;
        drop(all);
        assert!(app.wait(PATIENCE).is_some());
        assert_eq!(app.waiting.load(Ordering::Acquire), 0);
    }

    #[test]
    fn an_app_that_moves_answers_as_it_did() {
        let app = standing();
        let at = |port| AppAddress::Tcp(([127, 0, 0, 1], port).into());
        app.moved(at(1));
        assert!(matches!(**app.load(), AppState::Down(..)));
        app.set(AppState::Up(at(1)));
        app.moved(at(2));
        assert_eq!(**app.load(), AppState::Up(at(2)));
        assert_eq!(app.load().word(), "up");
    }
}
