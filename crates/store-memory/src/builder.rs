//! How large a store may grow.

use std::sync::Arc;

use panoply_core::{Clock, Moment, SystemClock};

use crate::MemoryStore;

/// Settings of a [`MemoryStore`].
#[derive(Debug, Clone)]
pub struct MemoryStoreBuilder {
    pub(crate) max_keys: usize,
    pub(crate) sketch_bytes: usize,
    pub(crate) clock: Arc<dyn Clock>,
    start: Option<Moment>,
}

impl Default for MemoryStoreBuilder {
    fn default() -> Self {
        Self {
            max_keys: 256 * 1024,
            sketch_bytes: 16 * 1024 * 1024,
            clock: Arc::new(SystemClock::new()),
            start: None,
        }
    }
}

impl MemoryStoreBuilder {
    /// How many counters are kept exactly; 262,144 by default, 1,024 at least. Up to half of them
    /// may be locked keys; what is locked beyond that is kept in the sketch.
    #[must_use]
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// The bytes of one sketch; 16 MiB by default, 64 KiB at least.
    #[must_use]
    pub const fn sketch_bytes(mut self, bytes: usize) -> Self {
        self.sketch_bytes = bytes;
        self
    }

    /// Where time comes from; the system's clock by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What the store's clock shows from now on, for a store whose counters come from an earlier
    /// process; by default it counts from the zero of its clock.
    #[must_use]
    pub const fn starting_at(mut self, moment: Moment) -> Self {
        self.start = Some(moment);
        self
    }

    /// What the zero of the clock is.
    pub(crate) fn base(&self) -> Moment {
        let since = Moment::ZERO.after(Some(self.clock.monotonic()));
        let start = self.start.map_or(0, Moment::as_micros);
        // Zero is what has always been over, so time starts behind it.
        Moment::from_micros(start.saturating_sub(since.as_micros()).max(1))
    }

    /// The store, empty.
    pub fn build(self) -> MemoryStore {
        MemoryStore::new(self)
    }
}
