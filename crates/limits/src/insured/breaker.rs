//! When a store is left alone.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use panoply_core::{Clock, StoreError};

/// Leaves a store alone once it has failed often, and lets one call through at a time to see
/// whether it is back.
#[derive(Debug)]
pub(super) struct Breaker {
    clock: Arc<dyn Clock>,
    pause: u64,
    failures: AtomicUsize,
    /// In milliseconds; zero while the store may be asked.
    open_until: AtomicU64,
    /// Whether it was told that the store is away, and nothing written since shows that it is back.
    away: AtomicBool,
    /// Why, as it was told.
    why: Mutex<Option<String>>,
    /// Why the store does not do what it is asked for, though it may answer who only looks.
    trouble: Mutex<Option<String>>,
    troubled: AtomicBool,
}

/// How many failures in a row it takes to leave the store alone.
const FAILURES: usize = 3;

impl Breaker {
    pub(super) fn new(clock: Arc<dyn Clock>, pause: Duration) -> Self {
        Self {
            clock,
            pause: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX).max(1),
            failures: AtomicUsize::new(0),
            open_until: AtomicU64::new(0),
            away: AtomicBool::new(false),
            why: Mutex::default(),
            trouble: Mutex::default(),
            troubled: AtomicBool::new(false),
        }
    }

    /// Whether the store does not do what it is asked for, or did not when it was asked last.
    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// Why it is away, if it is.
    pub(super) fn why(&self) -> Option<String> {
        let why = self.is_away().then(|| self.why.lock());
        why?.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it is left alone.
    pub(super) fn is_open(&self) -> bool {
        self.open_until.load(Ordering::Acquire) != 0
    }

    /// Whether the store may be asked: always, or once a pause while it is away.
    pub(super) fn may_ask(&self) -> bool {
        let open_until = self.open_until.load(Ordering::Acquire);
        if open_until == 0 {
            return true;
        }
        let now = self.now();
        let next = now.saturating_add(self.pause);
        now >= open_until
            && self
                .open_until
                .compare_exchange(open_until, next, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    /// The store has answered who only looks. One that takes no writes does so, too: it may be asked again, and is
    /// away still.
    pub(super) fn answers(&self) {
        // Read first: every decision comes by here, on every thread.
        if self.is_open() {
            self.open_until.store(0, Ordering::Release);
        }
    }

    /// The store has written down what it was asked to.
    pub(super) fn works(&self) {
        if self.failures.load(Ordering::Acquire) != 0 {
            self.failures.store(0, Ordering::Release);
        }
        self.answers();
        if self.is_away() && self.away.swap(false, Ordering::AcqRel) {
            tracing::warn!("the store is back");
        }
        if self.troubled.load(Ordering::Acquire) {
            self.troubled.store(false, Ordering::Release);
            *self.lock() = None;
        }
    }

    /// Why somebody must act, as the store said last.
    pub(super) fn trouble(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store has not, or not with what it was asked for.
    pub(super) fn bad(&self, error: &StoreError) {
        let mut news = false;
        if !error.is_transient() {
            let why = Some(error.to_string());
            let mut trouble = self.lock();
            news = *trouble != why;
            *trouble = why;
            self.troubled.store(true, Ordering::Release);
        }
        let failures = self
            .failures
            .fetch_add(1, Ordering::AcqRel)
            .saturating_add(1);
        let mut opens = false;
        if failures >= FAILURES {
            let until = self.now().saturating_add(self.pause);
            self.open_until.store(until, Ordering::Release);
            opens = !self.away.swap(true, Ordering::AcqRel);
        }
        let cause = std::error::Error::source(error).map(tracing::field::display);
        if opens {
            let why = cause
                .as_ref()
                .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
            *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            tracing::warn!(%error, cause, "the store is away, the insurance decides");
        }
        if opens && !error.is_transient() || news {
            tracing::error!(%error, cause, "the store does not do its work: somebody must act");
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }
}
