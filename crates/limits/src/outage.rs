//! Whether the store is away, to be told once and not with each request.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the store was away the last time.
#[derive(Debug, Default)]
pub(crate) struct Outage(AtomicBool);

impl Outage {
    /// It is away; whether it was there before.
    pub(crate) fn begins(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// It is there; whether it was away before.
    pub(crate) fn is_over(&self) -> bool {
        // Read first: every request comes by here, on every thread.
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}
