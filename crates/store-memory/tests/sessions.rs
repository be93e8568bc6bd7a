//! The suite that every store of sessions passes.

use std::sync::Arc;

use panoply_core::ManualClock;
use panoply_store_memory::MemorySessionStore;
use panoply_store_test::SessionTrial;

panoply_store_test::session_suite!(async {
    let clock = ManualClock::new();
    let store = MemorySessionStore::builder().clock(clock.clone()).build();
    SessionTrial::moved(Arc::new(store), clock)
});
