//! Where the gateway counts: a store that is opened once the runtime runs, and its secret.

mod open;
mod secret;

use std::sync::{Arc, OnceLock};

use panoply_core::{Block, BlockId, CounterStore, Decision, Op, Release, Reply, StoreError};

pub use open::OpenError;
pub(crate) use open::{Opened, Plan, open};
pub(crate) use secret::{is_foreign, secret};

/// A store that layers are built on before it is open; every reload finds the same.
#[derive(Debug, Default)]
pub(crate) struct Deferred(OnceLock<Arc<dyn CounterStore>>);

impl Deferred {
    /// Puts the store in its place, once.
    pub(crate) fn fill(&self, store: Arc<dyn CounterStore>) {
        // A second one would be a second gateway in the place of the first.
        let _ = self.0.set(store);
    }

    fn with<'a, T>(
        &'a self,
        ask: impl FnOnce(&'a dyn CounterStore) -> Reply<'a, T>,
    ) -> Reply<'a, T> {
        match self.0.get() {
            Some(store) => ask(&**store),
            None => Reply::ready(Err(StoreError::transient("the store is not open yet"))),
        }
    }
}

impl CounterStore for Deferred {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        self.with(|store| store.decide(ops))
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.with(|store| store.blocks(after, most))
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.with(|store| store.release(which))
    }
}
