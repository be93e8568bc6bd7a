//! How the store is.

use std::time::Duration;

use panoply_core::{Action, CounterKeys, CounterStore, Op, Rule};

use panoply_store_sqlite::SqliteStore;

use super::Opened;
use super::awaited::Awaited;

/// Longest that the server is waited for, which nobody else waits for.
const FORGETS: Duration = Duration::from_secs(1);

impl Opened {
    /// Whether the store decides, and not the insurance in its place. One that is away, or does not do its work, is
    /// asked: on a node where nobody logs in, nobody else would see that it is back.
    pub(crate) async fn decides(&self) -> bool {
        let is_away = || self.insured.as_ref().is_some_and(|store| store.is_away());
        let refuses = || self.insured.as_ref().and_then(|store| store.trouble());
        if is_away() || refuses().is_some() {
            probe(&*self.store).await;
        }
        !is_away()
    }

    /// Why the store may forget what it was told, as far as its server says; it is asked.
    pub(crate) async fn forgets(&self) -> Option<String> {
        let evicts = self.redis.as_ref()?.evicts();
        let policy = tokio::time::timeout(FORGETS, evicts).await.ok()?.ok()??;
        Some(format!(
            "redis may evict counters, locks and blocks when its memory is full (maxmemory-policy {policy}): set \
             `maxmemory-policy noeviction`, or give the store a redis of its own"
        ))
    }

    /// The file that this process has to itself, if it has one.
    pub(crate) fn file(&self) -> Option<&SqliteStore> {
        let awaited = || self.awaited.as_ref().and_then(Awaited::file);
        self.file.as_ref().or_else(awaited)
    }

    /// Why the insurance decides in the store's place, if it does.
    pub(crate) fn away(&self) -> Option<String> {
        self.insured.as_ref()?.away()
    }

    /// What somebody must act on.
    pub(crate) fn trouble(&self) -> Option<String> {
        let refuses = |why| format!("does not do its work: {why}");
        let unwritten = |why| format!("nothing is written down: {why}");
        let insured = self.insured.as_ref().and_then(|store| store.trouble());
        let file = self.file().and_then(SqliteStore::trouble);
        let awaited = self.awaited.as_ref().and_then(Awaited::trouble);
        let unopened = |why| format!("the file cannot be opened: {why}");
        { insured.map(refuses) }
            .or(file.map(unwritten))
            .or(awaited.map(unopened))
    }
}

/// Asks the store for something that it has to write down.
async fn probe(store: &dyn CounterStore) {
    let rule = Rule::new("store/probe", i64::MAX, Duration::from_mins(1));
    let key = CounterKeys::new(*b"panoply store 01").key(rule.name(), &[]);
    // Who decides that, and how, is of no interest: whoever was asked knows how it went.
    let _ = store
        .decide(&[Op::new(key, &rule, Action::Add { points: 1 })])
        .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    use panoply::limits::InsuredConfig;
    use panoply_core::{
        Block, BlockId, CounterKey, Decision, ManualClock, Release, Reply, Secret, StoreError,
    };
    use panoply_store_memory::MemoryStore;

    use super::*;
    use crate::store::is_foreign;

    /// A store that fails (1), or only looks, for good (2) or for a while (3).
    #[derive(Debug, Default)]
    struct Moody(MemoryStore, AtomicU8);

    impl CounterStore for Moody {
        fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
            match self.1.load(Ordering::Relaxed) {
                1 => Reply::ready(Err(StoreError::transient("out for lunch"))),
                mood @ 2.. if ops.iter().any(|op| op.action != Action::Get) => {
                    let refused = match mood {
                        2 => StoreError::permanent("no memory left"),
                        _ => StoreError::transient("it takes no writes").because("read-only"),
                    };
                    Reply::ready(Err(refused))
                }
                _ => self.0.decide(ops),
            }
        }

        fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
            self.decide(ops).now().ok()
        }

        fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
            self.0.blocks(after, most)
        }

        fn release(&self, which: Release) -> Reply<'_, usize> {
            self.0.release(which)
        }
    }

    fn opened() -> (Opened, Arc<Moody>, ManualClock) {
        let (clock, moody) = (ManualClock::new(), Arc::new(Moody::default()));
        let config = InsuredConfig::new().clock(clock.clone());
        let insured = config.build(Arc::clone(&moody) as _, Arc::new(MemoryStore::default()));
        let insured = Arc::new(insured);
        let opened = Opened {
            store: Arc::clone(&insured) as _,
            insured: Some(insured),
            file: None,
            awaited: None,
            memory: None,
            redis: None,
            sessions: None,
        };
        (opened, moody, clock)
    }

    async fn attempt(opened: &Opened) {
        let rule = Rule::new("login/pair", 10, Duration::from_mins(1));
        let op = Op::reserve(CounterKey::from_bits(1), &rule);
        opened.store.decide(&[op]).await.unwrap();
    }

    #[tokio::test]
    async fn a_node_where_nobody_logs_in_sees_that_the_store_is_back() {
        let (opened, moody, clock) = opened();
        moody.1.store(1, Ordering::Relaxed);
        for _ in 0..3 {
            attempt(&opened).await;
        }
        assert!(!opened.decides().await);
        moody.1.store(0, Ordering::Relaxed);
        clock.advance(Duration::from_secs(1));
        assert!(opened.decides().await);
    }

    #[tokio::test]
    async fn a_store_that_only_looks_is_told_of_until_it_does_more() {
        let (opened, moody, _) = opened();
        let secret = Secret::new(vec![1; 32]);
        assert_eq!(opened.trouble(), None);
        is_foreign(&*opened.store, &secret).await.unwrap();
        moody.1.store(2, Ordering::Relaxed);
        attempt(&opened).await;
        // As each second.
        assert!(!is_foreign(&*opened.store, &secret).await.unwrap());
        let told = opened.trouble().unwrap();
        assert!(
            told.contains("does not do its work: no memory left"),
            "{told}"
        );
        assert!(opened.decides().await && opened.trouble().is_some());
        moody.1.store(0, Ordering::Relaxed);
        assert!(opened.decides().await);
        assert_eq!(opened.trouble(), None);
    }

    #[tokio::test]
    async fn one_that_takes_no_writes_for_a_while_is_told_of_on_a_quiet_site() {
        let (opened, moody, clock) = opened();
        let secret = Secret::new(vec![1; 32]);
        is_foreign(&*opened.store, &secret).await.unwrap();
        moody.1.store(3, Ordering::Relaxed);
        for _ in 0..3 {
            assert!(opened.decides().await && opened.away().is_none());
            // As each second.
            is_foreign(&*opened.store, &secret).await.unwrap();
            attempt(&opened).await;
        }
        for _ in 0..3 {
            assert!(!opened.decides().await);
            assert_eq!(
                opened.away().as_deref(),
                Some("it takes no writes: read-only")
            );
            clock.advance(Duration::from_secs(1));
            is_foreign(&*opened.store, &secret).await.unwrap();
        }
        moody.1.store(0, Ordering::Relaxed);
        assert!(opened.decides().await);
        assert_eq!(opened.away(), None);
    }
}
