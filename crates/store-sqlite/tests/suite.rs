//! The suite that every store passes.

use std::sync::Arc;

use panoply_core::ManualClock;
use panoply_store_sqlite::SqliteStore;
use panoply_store_test::Trial;

panoply_store_test::suite!(async {
    let clock = ManualClock::new();
    // The directory may go: the files stay open.
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::builder(directory.path().join("counters.db"))
        .clock(clock.clone())
        .open()
        .unwrap();
    Trial::moved(Arc::new(store), clock)
});
