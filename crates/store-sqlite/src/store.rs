//! The store.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use panoply_core::{
    Action, Block, BlockId, CounterStore, Decision, Op, Release, Reply, Rule, StoreError,
};
use panoply_store_memory::MemoryStore;

use crate::queue::{Ticket, Weight};
use crate::sessions::{Sessions, SqliteSessionStore};
use crate::threads::Threads;
use crate::{Error, SqliteStoreBuilder};

/// Counters in memory, written down in SQLite.
///
/// Clones share the counters. The last that is dropped writes down what is left and gives the file
/// back; it blocks its thread for as long.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    memory: MemoryStore,
    threads: Threads,
}

impl SqliteStore {
    /// A store in the database of this name, to be opened.
    pub fn builder(path: impl Into<PathBuf>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(path.into())
    }

    /// Opens the database of this name, see [`SqliteStoreBuilder::open`].
    ///
    /// # Errors
    ///
    /// When the file cannot be used, see [`Error`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(path).open()
    }

    pub(crate) fn new(memory: MemoryStore, threads: Threads) -> Self {
        Self(Arc::new(Inner { memory, threads }))
    }

    /// The sessions in the same file.
    pub fn sessions(&self) -> SqliteSessionStore {
        SqliteSessionStore::new(self.clone())
    }

    pub(crate) fn shared_sessions(&self) -> &Sessions {
        &self.0.threads.sessions
    }

    pub(crate) fn call_writer(&self) {
        self.0.threads.journal.call();
    }

    /// Waits until all that has been counted is on the disk.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn flush(&self) -> Reply<'_, ()> {
        let ticket = self.0.threads.journal.flush();
        Reply::later(self.0.threads.journal.flushed(ticket))
    }

    /// Why nothing is written down at present, as on a full disk; memory has it all meanwhile.
    pub fn trouble(&self) -> Option<String> {
        self.0.threads.journal.trouble()
    }

    /// Writes down what is left and gives the file back, and the memory, whoever has clones; it blocks
    /// its thread for as long. What is asked afterwards is counted anew and written nowhere, or fails:
    /// nobody should ask any more.
    pub fn close(&self) {
        self.0.threads.end();
        self.0.memory.clear();
    }

    /// How many counters are kept exactly.
    pub fn len(&self) -> usize {
        self.0.memory.len()
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.0.memory.is_empty()
    }

    /// The bytes that are held in memory for counters, blocks and sketches.
    pub fn bytes(&self) -> usize {
        self.0.memory.bytes()
    }
}

impl Inner {
    /// Decides in memory; what the answer has to wait for.
    fn decide(&self, ops: &[Op<'_>]) -> (Decision, Ticket) {
        let (memory, journal) = (&self.memory, &*self.threads.journal);
        let heaviest = ops.iter().map(weight).max();
        let mut ticket = Ticket::None;
        let decision = memory.decide_and_tell(ops, |told| {
            let heaviest = heaviest.unwrap_or(Weight::Lazy);
            let weight = if told.locks() { Weight::Lock } else { heaviest };
            ticket = journal.enter(weight, |note| told.each(note));
        });
        // Who is told of a lock must not be told too early either.
        if ticket == Ticket::None && decision.states().iter().any(|state| state.locked) {
            let states = ops.iter().zip(decision.states());
            let locked = states.filter(|(_, state)| state.locked);
            ticket = journal.pending(locked.map(|(op, _)| op.key));
        }
        (decision, ticket)
    }

    async fn decide_later(&self, owned: Vec<(Op<'static>, Rule)>) -> Result<Decision, StoreError> {
        self.threads.journal.room().await?;
        let ops = owned.iter().map(|(op, rule)| op.held_to(rule));
        let (decision, ticket) = self.decide(&ops.collect::<Vec<Op<'_>>>());
        self.threads.journal.written(ticket).await?;
        Ok(decision)
    }
}

/// How much it matters that what `op` does is written down.
const fn weight(op: &Op<'_>) -> Weight {
    match op.action {
        _ if op.write_behind => Weight::Lazy,
        Action::Block { .. } => Weight::Lock,
        Action::Reserve { .. } | Action::Refund { .. } | Action::Set { .. } | Action::Forget => {
            Weight::Urgent
        }
        _ => Weight::Lazy,
    }
}

/// The rule that stands in an operation that outlives its caller's borrow.
static NO_RULE: LazyLock<Rule> = LazyLock::new(|| Rule::new("", 0, Duration::ZERO));

impl CounterStore for SqliteStore {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        let inner = &*self.0;
        if inner.threads.journal.is_full() {
            let owned = ops.iter().map(|op| {
                let rule = op.rule.clone();
                (op.held_to(&NO_RULE), rule)
            });
            return Reply::later(inner.decide_later(owned.collect()));
        }
        match inner.decide(ops) {
            (decision, Ticket::None) => Reply::ready(Ok(decision)),
            (decision, ticket) => Reply::later(async move {
                inner.threads.journal.written(ticket).await?;
                Ok(decision)
            }),
        }
    }

    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        let inner = &*self.0;
        let waits = |op: &Op<'_>| !op.write_behind || op.rule.locks().is_some();
        if ops.iter().any(waits) || inner.threads.journal.is_full() {
            return None;
        }
        let (decision, _) = inner.decide(ops);
        Some(Ok(decision))
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.0.memory.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        let inner = &*self.0;
        let mut ticket = Ticket::None;
        let released = inner.memory.release_and_tell(which, |kept| {
            ticket = inner.threads.journal.enter(Weight::Lock, |note| note(kept));
        });
        Reply::later(async move {
            inner.threads.journal.written(ticket).await?;
            Ok(released)
        })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}
