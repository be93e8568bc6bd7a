//! A store that is open once the gateway runs, and that another gateway may take over.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use panoply_core::{Block, BlockId, CounterStore, Decision, Op, Release, Reply, StoreError};
use tokio::sync::watch;

use crate::control::{OwnedOp, decide_at, with_ops};

/// Longest for a successor to open the store; decisions wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(15);

/// A store that layers are built on before it is open; every reload finds the same.
///
/// Between two gateways the store is nobody's for a moment. Decisions wait for the end of it, and then
/// go where the store is.
#[derive(Debug)]
pub(crate) struct Deferred {
    // One after another; a store that was given back stays where it is, since answers borrow from it.
    // It holds no counters any more.
    stores: Shelf,
    /// The store in force; [`AWAY`] while it is not here.
    here: AtomicUsize,
    place: watch::Sender<Place>,
    /// The state directory of the gateway that has taken over.
    elsewhere: OnceLock<PathBuf>,
}

/// A store, and the one that took its place when another gateway had had it.
#[derive(Debug, Default)]
struct Shelf {
    store: OnceLock<Arc<dyn CounterStore>>,
    next: OnceLock<Box<Self>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Here(usize),
    Between,
    Elsewhere,
}

const AWAY: usize = usize::MAX;

/// Where there is none.
const LOST: usize = usize::MAX - 1;

impl Default for Deferred {
    fn default() -> Self {
        Self {
            stores: Shelf::default(),
            here: AtomicUsize::new(0),
            place: watch::Sender::new(Place::Here(0)),
            elsewhere: OnceLock::new(),
        }
    }
}

impl Deferred {
    /// Puts the store in its place, at the start or in place of one that had been given up.
    pub(crate) fn fill(&self, store: Arc<dyn CounterStore>) {
        let (mut last, mut free) = (&self.stores, 0);
        while last.store.get().is_some() {
            last = last.next.get_or_init(Box::default);
            free += 1;
        }
        // Nobody else fills it: there is one main thread.
        let _ = last.store.set(store);
        self.here.store(free, Ordering::Release);
        self.place.send_replace(Place::Here(free));
    }

    /// From now on decisions wait.
    pub(crate) fn hold(&self) {
        self.here.store(AWAY, Ordering::Release);
        self.place.send_replace(Place::Between);
    }

    /// From now on nobody waits: the store is away for longer.
    pub(crate) fn lose(&self) {
        self.here.store(LOST, Ordering::Release);
        self.place.send_replace(Place::Here(LOST));
    }

    /// From now on the gateway that runs on this state directory decides.
    pub(crate) fn hand_over(&self, state: PathBuf) {
        let _ = self.elsewhere.set(state);
        self.place.send_replace(Place::Elsewhere);
    }

    fn at(&self, index: usize) -> Option<&dyn CounterStore> {
        let mut found = &self.stores;
        for _ in 0..index {
            found = found.next.get()?;
        }
        found.store.get().map(|store| &**store)
    }

    /// The store, while it is here.
    fn here(&self) -> Result<Option<&dyn CounterStore>, StoreError> {
        match self.here.load(Ordering::Acquire) {
            AWAY => Ok(None),
            index => match self.at(index) {
                Some(store) => Ok(Some(store)),
                None => Err(StoreError::transient("the store is not open yet")),
            },
        }
    }

    /// Decides wherever the store comes to be.
    async fn decide_later(&self, ops: Vec<OwnedOp>) -> Result<Decision, StoreError> {
        let mut place = self.place.subscribe();
        let settled = place.wait_for(|place| *place != Place::Between);
        let settled = match tokio::time::timeout(PATIENCE, settled).await {
            Ok(Ok(place)) => *place,
            _ => return Err(StoreError::transient("the store is between two gateways")),
        };
        match settled {
            Place::Here(index) => match self.at(index) {
                Some(store) => with_ops(&ops, |ops| store.decide(ops))?.await,
                None => Err(StoreError::transient("the store is not open yet")),
            },
            _ => match self.elsewhere.get() {
                Some(state) => decide_at(state, ops).await,
                None => Err(StoreError::transient("the store is between two gateways")),
            },
        }
    }
}

impl CounterStore for Deferred {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        match self.here() {
            Ok(Some(store)) => store.decide(ops),
            Ok(None) => match ops.iter().map(OwnedOp::of).collect() {
                Ok(ops) => Reply::later(self.decide_later(ops)),
                Err(error) => Reply::ready(Err(error)),
            },
            Err(error) => Reply::ready(Err(error)),
        }
    }

    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        self.here().ok()??.decide_now(ops)
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        match self.here() {
            Ok(Some(store)) => store.blocks(after, most),
            Ok(None) => Reply::ready(Err(away())),
            Err(error) => Reply::ready(Err(error)),
        }
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        match self.here() {
            Ok(Some(store)) => store.release(which),
            Ok(None) => Reply::ready(Err(away())),
            Err(error) => Reply::ready(Err(error)),
        }
    }
}

fn away() -> StoreError {
    StoreError::transient("another gateway is taking over: ask again in a moment")
}

#[cfg(test)]
mod tests {
    use panoply_core::{CounterKey, Rule};
    use panoply_store_memory::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn decisions_wait_for_the_store_to_come_back() {
        let deferred = Deferred::default();
        let rule = Rule::new("limit", 10, Duration::from_mins(1));
        let op = Op::reserve(CounterKey::from_bits(1), &rule);
        assert!(deferred.decide(&[op]).await.is_err(), "not open yet");
        let store = Arc::new(MemoryStore::default());
        deferred.fill(Arc::clone(&store) as _);
        assert_eq!(deferred.decide(&[op]).await.unwrap().state().count, 1);
        deferred.hold();
        let Err(waiting) = deferred.decide(&[op]).now() else {
            panic!("decided while the store was nobody's");
        };
        assert!(
            deferred
                .release(Release::Id(BlockId::of(op.key)))
                .await
                .is_err()
        );
        deferred.fill(store);
        assert_eq!(waiting.await.unwrap().state().count, 2);
        assert_eq!(deferred.decide(&[op]).await.unwrap().state().count, 3);
        // Whoever waits is told, should it not come back soon.
        deferred.hold();
        let Err(waiting) = deferred.decide(&[op]).now() else {
            panic!("decided while the store was nobody's");
        };
        deferred.lose();
        assert!(waiting.await.is_err() && deferred.decide(&[op]).await.is_err());
        // However often.
        for _ in 0..100 {
            deferred.hold();
            deferred.fill(Arc::new(MemoryStore::default()));
            assert_eq!(deferred.decide(&[op]).await.unwrap().state().count, 1);
        }
    }
}
