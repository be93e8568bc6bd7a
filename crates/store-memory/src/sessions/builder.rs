//! The settings of a store of sessions.

use std::sync::Arc;

use panoply_core::{Clock, SystemClock};

use super::MemorySessionStore;

/// The settings of a [`MemorySessionStore`].
#[derive(Debug, Clone)]
#[must_use = "`build` makes the store"]
pub struct MemorySessionStoreBuilder {
    pub(super) max_sessions: usize,
    pub(super) max_bytes: usize,
    pub(super) clock: Arc<dyn Clock>,
}

impl MemorySessionStoreBuilder {
    /// How many sessions are kept, 100,000 by default and 256 at least; an old key that is still
    /// known and a session that was destroyed count as one each.
    pub const fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// How many bytes all of them may take, 128 MiB by default and 4 MiB at least.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Where time comes from; the system's clock by default.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The store, empty.
    pub fn build(self) -> MemorySessionStore {
        MemorySessionStore::new(self)
    }
}

impl Default for MemorySessionStoreBuilder {
    fn default() -> Self {
        Self {
            max_sessions: 100_000,
            max_bytes: 128 * 1024 * 1024,
            clock: Arc::new(SystemClock::new()),
        }
    }
}
