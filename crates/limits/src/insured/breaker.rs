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
    /// In milliseconds; zero while the store is there.
    open_until: AtomicU64,
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
            trouble: Mutex::default(),
            troubled: AtomicBool::new(false),
        }
    }

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

    /// The store has answered.
    pub(super) fn good(&self) {
        // Read first: every decision comes by here, on every thread.
        if self.failures.load(Ordering::Acquire) == 0 && !self.is_open() {
            return;
        }
        self.failures.store(0, Ordering::Release);
        if self.open_until.swap(0, Ordering::AcqRel) != 0 {
            tracing::warn!("the store is back");
        }
    }

    /// The store has done more than look.
    pub(super) fn works(&self) {
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
            opens = self.open_until.swap(until, Ordering::AcqRel) == 0;
        }
        let cause = std::error::Error::source(error).map(tracing::field::display);
        if opens {
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
