//! The suite that every store passes.

use std::sync::Arc;

use panoply_core::ManualClock;
use panoply_store_memory::MemoryStore;
use panoply_store_test::Trial;

panoply_store_test::suite!(async {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    Trial::moved(Arc::new(store), clock)
});
