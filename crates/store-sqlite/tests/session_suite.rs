//! The suite that every store of sessions passes: from memory, and from the database alone.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::sync::Arc;

use panoply_core::ManualClock;
use panoply_store_sqlite::SqliteStore;
use panoply_store_test::SessionTrial;

fn trial(cache_bytes: usize) -> SessionTrial {
    let clock = ManualClock::new();
    // The directory may go: the files stay open.
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::builder(directory.path().join("sessions.db"))
        .clock(clock.clone())
        .session_cache_bytes(cache_bytes)
        .open()
        .unwrap();
    SessionTrial::moved(Arc::new(store.sessions()), clock)
}

mod cached {
    panoply_store_test::session_suite!(async { super::trial(64 * 1024 * 1024) });
}

mod small_cache {
    panoply_store_test::session_suite!(async { super::trial(64 * 1024) });
}

mod without_cache {
    panoply_store_test::session_suite!(async { super::trial(0) });
}
