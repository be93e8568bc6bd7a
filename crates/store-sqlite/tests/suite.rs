//! The suite that every store passes.

use std::sync::Arc;

use panoply_core::{
    Block, BlockId, CounterStore, Decision, ManualClock, Op, Release, Reply, StoreError,
};
use panoply_store_sqlite::SqliteStore;
use panoply_store_test::Trial;
use tempfile::TempDir;

/// A store, and the directory that its database must stay in.
#[derive(Debug)]
struct Kept(
    SqliteStore,
    #[expect(dead_code, reason = "it is removed with the store")] TempDir,
);

impl CounterStore for Kept {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        self.0.decide(ops)
    }

    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        self.0.decide_now(ops)
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.0.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.0.release(which)
    }
}

panoply_store_test::suite!(async {
    let clock = ManualClock::new();
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::builder(directory.path().join("counters.db"))
        .clock(clock.clone())
        .open()
        .unwrap();
    Trial::moved(Arc::new(Kept(store, directory)), clock)
});
