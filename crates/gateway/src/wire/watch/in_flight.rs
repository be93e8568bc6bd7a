//! Requests under way, and what they give their connection.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::{Watch, ticks};

/// A request under way on a connection.
#[derive(Debug)]
pub(crate) struct InFlight {
    watch: Arc<Watch>,
    extends: bool,
}

impl InFlight {
    pub(super) const fn on(watch: Arc<Watch>) -> Self {
        Self {
            watch,
            extends: false,
        }
    }

    /// As long as it is under way, and until all is out, its connection may stall as long as `stall`, or as others give
    /// it if that is longer.
    pub(in crate::wire) fn extend_stall(&mut self, stall: Duration) {
        if !std::mem::replace(&mut self.extends, true) {
            self.watch.extending.fetch_add(1, Relaxed);
        }
        self.watch.extended.fetch_max(ticks(stall), Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let watch = &self.watch;
        watch.in_flight.fetch_sub(1, Relaxed);
        watch.quiet_since.store(watch.now(), Relaxed);
        if self.extends {
            watch.extending.fetch_sub(1, Relaxed);
        }
    }
}
