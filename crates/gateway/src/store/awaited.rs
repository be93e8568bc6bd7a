//! A file that another gateway on the state directory still has: one that finishes what it has, say, after it was told
//! to stop and before it has ended.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use panoply::Clock;
use panoply::limits::InsuredConfig;
use panoply_core::{Block, BlockId, CounterStore, Decision, Op, Release, Reply, StoreError};
use panoply_store_memory::MemoryStore;
use panoply_store_sqlite::SqliteStore;

use super::Opened;

/// How often it is looked whether the other one has ended.
const AGAIN: Duration = Duration::from_secs(1);

/// Longest for a disk to take what was counted, before memory decides again.
const DEADLINE: Duration = Duration::from_secs(2);

/// The file, once it can be had; until then it is away.
#[derive(Debug, Clone)]
pub(crate) struct Awaited {
    path: Arc<Path>,
    clock: Arc<dyn Clock>,
    file: Arc<OnceLock<SqliteStore>>,
    /// Why it cannot be had, where that is not for another gateway.
    trouble: Arc<Mutex<Option<String>>>,
    /// Whether this gateway has the control socket: of several for which the file cannot be opened it alone goes
    /// on to try, or the file and the socket would come to two of them.
    leads: Arc<AtomicBool>,
}

impl Awaited {
    /// A store that counts in memory as long as the file at `path` cannot be had, and tells it then whom it has locked.
    pub(super) fn open(path: &Path, clock: &Arc<dyn Clock>) -> Opened {
        let awaited = Self {
            path: path.into(),
            clock: Arc::clone(clock),
            file: Arc::default(),
            trouble: Arc::default(),
            leads: Arc::default(),
        };
        let memory = MemoryStore::builder().clock(Arc::clone(clock)).build();
        let insured = InsuredConfig::new()
            .nodes(NonZeroU32::MIN)
            .deadline(DEADLINE)
            .clock(Arc::clone(clock))
            .build(Arc::new(awaited.clone()), Arc::new(memory));
        let insured = Arc::new(insured);
        Opened {
            store: Arc::clone(&insured) as _,
            insured: Some(insured),
            file: None,
            awaited: Some(awaited),
            memory: None,
            redis: None,
            sessions: None,
        }
    }

    pub(super) fn file(&self) -> Option<&SqliteStore> {
        self.file.get()
    }

    /// Whether nobody else has the file: it is had, or cannot be opened.
    pub(crate) fn is_decided(&self) -> bool {
        self.file.get().is_some() || self.trouble().is_some()
    }

    /// This gateway has the control socket.
    pub(crate) fn lead(&self) {
        self.leads.store(true, Ordering::Relaxed);
    }

    /// Opens the file as soon as nobody else has it.
    pub(crate) async fn have(&self) {
        while !self.is_had().await {
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn is_had(&self) -> bool {
        if self.file.get().is_some() {
            return true;
        }
        if self.trouble().is_some() && !self.leads.load(Ordering::Relaxed) {
            return false;
        }
        let builder = SqliteStore::builder(&*self.path)
            .clock(Arc::clone(&self.clock))
            .wait(Duration::ZERO);
        // There may be much to read.
        match tokio::task::spawn_blocking(move || builder.open()).await {
            Ok(Ok(file)) => {
                self.note(None);
                tracing::info!(
                    path = %self.path.display(),
                    "the other gateway has ended: this one counts in the state directory now"
                );
                self.file.set(file).is_ok()
            }
            Ok(Err(panoply_store_sqlite::Error::InUse(_))) | Err(_) => {
                self.note(None);
                false
            }
            Ok(Err(error)) => {
                self.note(Some(error.to_string()));
                false
            }
        }
    }

    /// Why somebody must act before the file can be had.
    pub(super) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }

    /// Says what is wrong, once until it is something else.
    fn note(&self, why: Option<String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = why.as_ref().filter(|_| *trouble != why) {
            tracing::error!(
                %error,
                "the other gateway has ended, and the store cannot be opened: this one goes on to count in memory, \
                 and tries again each second"
            );
        }
        *trouble = why;
    }

    fn at_hand(&self) -> Result<&SqliteStore, StoreError> {
        let away = || StoreError::transient("another gateway counts in the state directory");
        self.file.get().ok_or_else(away)
    }
}

impl CounterStore for Awaited {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        match self.at_hand() {
            Ok(file) => file.decide(ops),
            Err(error) => Reply::ready(Err(error)),
        }
    }

    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        match self.at_hand() {
            Ok(file) => file.decide_now(ops),
            Err(error) => Some(Err(error)),
        }
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        match self.at_hand() {
            Ok(file) => file.blocks(after, most),
            Err(error) => Reply::ready(Err(error)),
        }
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        match self.at_hand() {
            Ok(file) => file.release(which),
            Err(error) => Reply::ready(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use panoply_core::{CounterKey, Lock, ManualClock, Rule};

    use super::*;

    #[tokio::test]
    async fn a_file_that_is_no_store_is_told_of_until_it_is_out_of_the_way() {
        let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let path = state.path().join("panoply.db");
        let other = SqliteStore::open(&path).unwrap();
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let opened = Awaited::open(&path, &time);
        let awaited = opened.awaited.clone().unwrap();
        assert!(!awaited.is_had().await);
        assert_eq!(opened.trouble(), None);
        other.close();
        std::fs::write(
            &path,
            "this is no database, whatever its name may be ".repeat(99),
        )
        .unwrap();
        assert!(!awaited.is_had().await);
        let told = opened.trouble().unwrap();
        assert!(
            told.contains("cannot be opened") && told.contains("panoply.db"),
            "{told}"
        );
        std::fs::remove_file(&path).unwrap();
        assert!(awaited.is_decided() && !awaited.is_had().await);
        // Another one may have the control socket, and is the one to go on.
        awaited.lead();
        assert!(awaited.is_had().await);
        assert_eq!(opened.trouble(), None);
    }

    #[tokio::test]
    async fn who_comes_while_another_finishes_counts_in_the_file_once_that_one_has_ended() {
        let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let path = state.path().join("panoply.db");
        let other = SqliteStore::open(&path).unwrap();
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let opened = Awaited::open(&path, &time);
        let awaited = opened.awaited.clone().unwrap();
        let hour = Duration::from_hours(1);
        let rule = Rule::new("login/pair", 10, 24 * hour).lock(Lock::doubling(hour, 24 * hour));
        let attempt = Op::reserve(CounterKey::from_bits(1), &rule);
        for _ in 0..10 {
            assert!(opened.store.decide(&[attempt]).await.unwrap().is_granted());
        }
        assert!(!opened.store.decide(&[attempt]).await.unwrap().is_granted());
        assert!(!awaited.is_had().await && !opened.decides().await);
        assert!(opened.store.blocks(None, 10).await.is_err());
        other.close();
        assert!(awaited.is_had().await && opened.file().is_some());
        clock.advance(AGAIN);
        assert!(opened.decides().await);
        // Who was locked meanwhile stays so, and the file is told.
        assert!(!opened.store.decide(&[attempt]).await.unwrap().is_granted());
        clock.advance(Duration::from_secs(11));
        let passer_by = Op::reserve(CounterKey::from_bits(2), &rule);
        opened.store.decide(&[passer_by]).await.unwrap();
        let told = async {
            while opened.store.blocks(None, 10).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told)
            .await
            .unwrap();
    }
}
