//! What an instance of the app has to do, which says whether a request goes to it or to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::app::Rank;

/// What one of several instances has to do and how it does, over all workers.
#[derive(Debug, Default)]
pub(crate) struct Work {
    requests: AtomicUsize,
    /// How many in a row it has broken off.
    broken: AtomicUsize,
}

impl Work {
    /// How many requests it is at, and connections that carry something else by now.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// It accepts connections: one request more shows whether it answers as well.
    pub(crate) fn is_worth_a_try(&self) {
        self.broken.fetch_min(MOST_BROKEN - 1, Ordering::Relaxed);
    }

    pub(super) fn rank(&self) -> Rank {
        if self.broken.load(Ordering::Relaxed) < MOST_BROKEN {
            Rank::Up
        } else {
            Rank::Down
        }
    }

    pub(super) fn has_answered(&self) {
        if self.broken.load(Ordering::Relaxed) > 0 {
            self.broken.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn has_broken_off(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }
}

/// So many requests in a row that an instance has broken off make it one that does not answer: whoever fails at once has
/// the least to do, and would be asked for all.
pub(super) const MOST_BROKEN: usize = 3;

/// A request that an instance is at; no more once this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Work>);

impl Busy {
    pub(super) fn with(work: &Arc<Work>) -> Self {
        work.requests.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(work))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}
