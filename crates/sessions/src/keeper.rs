//! The store, asked with a deadline, and left alone for a while when it keeps nobody's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use panoply_core::{
    Clock, Committed, Destroy, Loaded, Reply, SessionChange, SessionFingerprint, SessionInfo,
    SessionKey, SessionStore, StoreError, UserKey,
};

/// Asks the store. One that is silent keeps no request for longer than the deadline; after three
/// such in a row it is asked once a second only, so that requests do not pile up before it.
pub(crate) struct Keeper {
    store: Arc<dyn SessionStore>,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    silent: AtomicUsize,
    /// In milliseconds.
    alone_until: AtomicU64,
    /// Reads and writes, each by itself: a store whose disk is full reads on.
    reads_fail: AtomicBool,
    writes_fail: AtomicBool,
    at_once: bool,
}

/// How many silences in a row it takes.
const SILENT: usize = 3;

const PAUSE: Duration = Duration::from_secs(1);

impl Keeper {
    pub(crate) fn new(
        store: Arc<dyn SessionStore>,
        deadline: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            at_once: store.answers_at_once(),
            store,
            deadline,
            clock,
            silent: AtomicUsize::new(0),
            alone_until: AtomicU64::new(0),
            reads_fail: AtomicBool::new(false),
            writes_fail: AtomicBool::new(false),
        }
    }

    /// The session, if the store is one that keeps nobody waiting.
    pub(crate) fn load_now(&self, key: &SessionKey) -> Option<Result<Loaded, StoreError>> {
        if !self.at_once {
            return None;
        }
        let answer = self.store.load(key).now().ok()?;
        Some(noted(&self.reads_fail, answer))
    }

    /// Commits, if the store is one that keeps nobody waiting.
    pub(crate) fn commit_now(
        &self,
        key: &SessionKey,
        change: &SessionChange,
    ) -> Option<Result<Committed, StoreError>> {
        if !self.at_once {
            return None;
        }
        let answer = self.store.commit(key, change).now().ok()?;
        Some(noted(&self.writes_fail, answer))
    }

    pub(crate) const fn answers_at_once(&self) -> bool {
        self.at_once
    }

    pub(crate) async fn load(&self, key: &SessionKey) -> Result<Loaded, StoreError> {
        self.ask(&self.reads_fail, || self.store.load(key)).await
    }

    pub(crate) async fn commit(
        &self,
        key: &SessionKey,
        change: &SessionChange,
    ) -> Result<Committed, StoreError> {
        self.ask(&self.writes_fail, || self.store.commit(key, change))
            .await
    }

    pub(crate) async fn sessions(
        &self,
        user: &UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        self.ask(&self.reads_fail, || self.store.sessions(user, after, most))
            .await
    }

    pub(crate) async fn destroy(&self, which: Destroy<'_>) -> Result<usize, StoreError> {
        self.ask(&self.writes_fail, || self.store.destroy(which))
            .await
    }

    async fn ask<'a, T>(
        &self,
        failing: &AtomicBool,
        call: impl FnOnce() -> Reply<'a, T>,
    ) -> Result<T, StoreError> {
        if !self.may_ask() {
            return Err(StoreError::transient("the store of sessions is silent"));
        }
        let answer = match call().now() {
            Ok(answer) => answer,
            Err(reply) => {
                // In a box: a store that answers at once need not make room for it.
                let waited = Box::pin(tokio::time::timeout(self.deadline, reply));
                let Ok(answer) = waited.await else {
                    self.was_silent();
                    let error =
                        StoreError::transient("the store of sessions did not answer in time");
                    return Err(tell(failing, error));
                };
                answer
            }
        };
        // Read first: every request comes by here, on every thread.
        if self.silent.load(Ordering::Relaxed) > 0 {
            self.silent.store(0, Ordering::Relaxed);
        }
        noted(failing, answer)
    }

    /// Whether the store may be asked: always, or once a pause while it is silent.
    fn may_ask(&self) -> bool {
        if self.silent.load(Ordering::Relaxed) < SILENT {
            return true;
        }
        let (now, until) = (self.now(), self.alone_until.load(Ordering::Relaxed));
        let next = now.saturating_add(millis(PAUSE));
        let relaxed = Ordering::Relaxed;
        now >= until
            && self
                .alone_until
                .compare_exchange(until, next, relaxed, relaxed)
                .is_ok()
    }

    fn was_silent(&self) {
        let until = self.now().saturating_add(millis(PAUSE));
        self.alone_until.store(until, Ordering::Relaxed);
        self.silent.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        millis(self.clock.monotonic())
    }
}

/// An answer of the store's, of which the log is told where it begins to fail, and where it is back.
fn noted<T>(failing: &AtomicBool, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    match answer {
        Ok(answer) => {
            // Read first: every request comes by here, on every thread.
            if failing.load(Ordering::Relaxed) && failing.swap(false, Ordering::Relaxed) {
                tracing::warn!("the store of sessions is back");
            }
            Ok(answer)
        }
        Err(error) => Err(tell(failing, error)),
    }
}

/// Says in the log, once until the store is back, that it fails.
fn tell(failing: &AtomicBool, error: StoreError) -> StoreError {
    let cause = std::error::Error::source(&error);
    if failing.swap(true, Ordering::Relaxed) {
        tracing::debug!(%error, cause, "the store of sessions fails");
    } else if error.is_transient() {
        tracing::warn!(%error, cause, "the store of sessions fails");
    } else {
        tracing::error!(%error, cause, "the store of sessions fails, and will not come back by itself");
    }
    error
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("store", &self.store)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
