//! What cannot be seen from outside: a disk that is full, rows that go, changes that wait.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use panoply_core::{
    Action, CounterKey, CounterKeys, CounterStore, Lock, ManualClock, Moment, Op, Record, Release,
    Rule, Subject,
};
use panoply_store_memory::Kept;
use tempfile::TempDir;

use crate::SqliteStore;
use crate::queue::{Journal, Ticket, Weight};
use crate::row::Row;
use crate::sweep::Sweep;
use crate::table::Table;

const HOUR: Duration = Duration::from_hours(1);

/// A disk that can fill up and stall.
#[derive(Debug)]
pub(crate) struct Disk {
    pages: AtomicU32,
    stalls: Mutex<()>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            pages: u32::MAX.into(),
            stalls: Mutex::default(),
        }
    }
}

impl Disk {
    pub(crate) fn apply(&self, table: &Table) {
        // Had a test failed meanwhile, it should say so and not wait for this thread.
        drop(self.hang());
        table.limit(self.pages.load(Ordering::SeqCst));
    }

    /// Keeps the writer until this is dropped.
    pub(crate) fn hang(&self) -> MutexGuard<'_, ()> {
        self.stalls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many pages the database may have; none fewer than it has.
    pub(crate) fn pages(&self, most: u32) {
        self.pages.store(most, Ordering::SeqCst);
    }
}

struct Case {
    directory: TempDir,
    clock: ManualClock,
    keys: CounterKeys,
    disk: Arc<Disk>,
    rule: Rule,
}

impl Case {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(),
            keys: CounterKeys::new([5; 16]),
            disk: Arc::default(),
            rule: Rule::new("pair", 10, HOUR * 24).lock(Lock::fixed(HOUR * 24)),
        }
    }

    fn open(&self) -> SqliteStore {
        let mut builder = SqliteStore::builder(self.directory.path().join("c.db"))
            .clock(self.clock.clone())
            .max_keys(1024)
            .sketch_bytes(256 * 1024);
        builder.disk = Arc::clone(&self.disk);
        builder.open().unwrap()
    }

    fn table(&self) -> Table {
        Table::open(&self.directory.path().join("c.db"), Duration::ZERO).unwrap()
    }

    fn key(&self, number: u32) -> CounterKey {
        self.keys.key("pair", &[&number.to_le_bytes()])
    }

    async fn reserve(&self, store: &SqliteStore, number: u32) -> bool {
        let op = Op::reserve(self.key(number), &self.rule);
        store.decide(&[op]).await.unwrap().is_granted()
    }

    async fn tries(&self, store: &SqliteStore, number: u32) -> usize {
        let mut tries = 0;
        while matches!(
            store.decide(&[Op::reserve(self.key(number), &self.rule)]).await,
            Ok(decision) if decision.is_granted()
        ) {
            tries += 1;
        }
        tries
    }
}

#[tokio::test]
async fn a_full_disk_stops_no_decision_but_no_lock_is_announced() {
    let case = Case::new();
    let store = case.open();
    assert!(case.reserve(&store, 0).await);
    case.disk.pages.store(1, Ordering::SeqCst);
    for number in 0..2000 {
        assert!(case.reserve(&store, number).await, "{number}");
    }
    let error = store.flush().await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(!error.is_transient() && why.contains("full"), "{why}");
    // Key 0 has two of its ten; the tenth locks, which must not be announced.
    for _ in 2..9 {
        assert!(case.reserve(&store, 0).await);
    }
    let op = Op::reserve(case.key(0), &case.rule);
    let error = store.decide(&[op]).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("is done, but"));
    assert!(!case.reserve(&store, 0).await, "the lock is in force");
    let release = store.release(Release::Id(panoply_core::BlockId::of(case.key(0))));
    assert!(release.await.is_err());
    let block = Op::new(case.key(1), &case.rule, Action::Block { time: None });
    assert!(store.decide(&[block]).await.is_err());

    // There is room again.
    case.disk.pages.store(u32::MAX, Ordering::SeqCst);
    store.flush().await.unwrap();
    assert_eq!(case.tries(&store, 3).await, 9);
    drop(store);
    let store = case.open();
    assert_eq!(case.tries(&store, 0).await, 10, "released");
    assert_eq!(case.tries(&store, 1).await, 0, "blocked");
    assert_eq!(case.tries(&store, 3).await, 0, "locked");
    for number in 4..2000 {
        let tries = case.tries(&store, number).await;
        assert!(tries <= 9, "{tries} are left to {number}");
    }
}

#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "it stands for a disk that hangs meanwhile"
)]
async fn a_disk_that_hangs_is_not_waited_for() {
    let case = Case::new();
    let store = case.open();
    let hangs = case.disk.stalls.lock().unwrap();
    // Without the watch, none of this would come to an end.
    assert_eq!(case.tries(&store, 0).await, 9);
    assert!(!case.reserve(&store, 0).await, "the lock is in force");
    drop(hangs);
    store.flush().await.unwrap();
    assert_eq!(case.tries(&store, 1).await, 10);
    drop(store);
    let store = case.open();
    assert_eq!(case.tries(&store, 0).await, 0);
    assert_eq!(case.tries(&store, 1).await, 0);
}

#[tokio::test]
async fn limits_of_requests_do_not_wait_for_the_disk() {
    let case = Case::new();
    let store = case.open();
    let limit = Rule::new("limit", 10, HOUR);
    let take = |number| Op::reserve(case.key(number), &limit).write_behind();
    let now = |op: Op<'_>| store.decide_now(&[op]).map(|it| it.unwrap().is_granted());
    let hangs = case.disk.hang();
    assert!((0..10).all(|_| now(take(0)) == Some(true)));
    assert_eq!(now(take(0)), Some(false));
    // A guess does, and so does whatever may lock: nothing is done of either.
    assert_eq!(now(Op::reserve(case.key(1), &case.rule)), None);
    assert_eq!(
        now(Op::reserve(case.key(1), &case.rule).write_behind()),
        None
    );
    assert_eq!(now(Op::reserve(case.key(2), &limit)), None);
    assert!(
        store
            .decide_now(&[take(3), Op::reserve(case.key(2), &limit)])
            .is_none()
    );
    drop(hangs);
    assert!((0..10).all(|_| now(take(2)) == Some(true)));
    assert_eq!(case.tries(&store, 1).await, 10);
    store.flush().await.unwrap();
    drop(store);
    let store = case.open();
    for number in [0, 2] {
        let decided = store.decide_now(&[take(number)]).unwrap().unwrap();
        assert!(!decided.is_granted(), "{number} is forgotten");
    }
    assert!(store.decide_now(&[take(3)]).unwrap().unwrap().is_granted());
}

#[tokio::test]
async fn a_flood_fills_neither_memory_nor_the_database_and_loses_nothing() {
    let case = Case::new();
    let mut store = case.open();
    while case.reserve(&store, 0).await {}
    for _ in 0..7 {
        assert!(case.reserve(&store, 1).await);
    }
    let store_at_once = |store: &SqliteStore, from: u32| {
        let replies: Vec<bool> = (from..from + 100)
            .map(|number| {
                let op = Op::reserve(case.key(number), &case.rule);
                // Nobody waits: what is dropped has counted.
                store.decide(&[op]).now().is_err()
            })
            .collect();
        assert!(replies.into_iter().all(|later| later));
    };
    for round in 0..3 {
        for number in 0..100 {
            store_at_once(&store, 1000 + round * 10_000 + number * 100);
            store.flush().await.unwrap();
        }
        assert!(store.len() <= 1024);
        drop(store);
        let rows = case.table().each(0, u128::MAX, |_| {}).unwrap();
        assert!((1024..=2048 + 300).contains(&rows), "{rows} rows");
        store = case.open();
        assert!(!case.reserve(&store, 0).await, "out of the lock");
    }
    assert_eq!(case.tries(&store, 1).await, 3);
    for number in (1000..31_000).step_by(977) {
        let tries = case.tries(&store, number).await;
        assert!((5..=9).contains(&tries), "{tries} are left to {number}");
    }
}

#[test]
fn rows_go_when_they_are_over_and_addresses_before() {
    let case = Case::new();
    drop(case.open());
    let mut table = case.table();
    let at = |hours: u32| Moment::from_micros(1).after(Some(HOUR * hours));
    let client = Subject::Client("203.0.113.9".parse().unwrap());
    let record = |window: u32, lock: u32| Some(Record::new(10, at(window), at(lock), 0));
    let rows = [(1, record(10, 5)), (2, record(5, 5)), (3, record(10, 10))];
    table
        .write(false, |table| {
            rows.into_iter().try_for_each(|(key, record)| {
                let lock = Some(("pair".into(), client));
                table.put(
                    key,
                    &Row {
                        record,
                        kind: 0,
                        lock,
                    },
                )
            })
        })
        .unwrap();
    assert_eq!(table.rows(), 3);
    let mut sweep = Sweep::new(100);
    let over = sweep.over(&table, at(7)).unwrap();
    assert_eq!(over.len(), 2);
    assert!(over[&1].record.is_some() && over[&1].lock.is_none());
    assert!(over[&2].record.is_none());
    for _ in 1..256 {
        assert!(sweep.over(&table, at(7)).unwrap().is_empty());
    }
    assert_eq!(sweep.over(&table, at(7)).unwrap().len(), 2);
}

#[test]
fn a_change_that_fails_leaves_nothing() {
    let case = Case::new();
    drop(case.open());
    let mut table = case.table();
    let record = Some(Record::new(1, Moment::NEVER, Moment::ZERO, 0));
    let row = || Row {
        record,
        kind: 0,
        lock: None,
    };
    let failed: rusqlite::Result<()> = table.write(false, |table| {
        table.put(1, &row())?;
        Err(rusqlite::Error::InvalidQuery)
    });
    assert!(failed.is_err());
    assert_eq!(
        (table.rows(), table.each(0, u128::MAX, |_| {}).unwrap()),
        (0, 0)
    );
    table.write(true, |table| table.put(1, &row())).unwrap();
    let mut seen = Vec::new();
    table
        .each(0, u128::MAX, |kept| {
            seen.push((kept.key.to_bits(), kept.record));
        })
        .unwrap();
    assert_eq!(seen, [(1, record)]);
}

fn kept(key: u128, count: i64) -> Kept<'static> {
    let record = Record::new(count, Moment::NEVER, Moment::ZERO, 0);
    Kept::new(CounterKey::from_bits(key), Some(record), 0, None)
}

#[test]
fn the_last_state_of_a_key_is_written_once() {
    let journal = Journal::new();
    let enter = |weight, key, count| journal.enter(weight, |note| note(kept(key, count)));
    let count = |row: &Row| row.record.unwrap().count;
    let first = |must| Ticket::Batch { number: 1, must };
    assert_eq!(enter(Weight::Lazy, 1, 1), Ticket::None);
    assert_eq!(enter(Weight::Lazy, 2, 1), Ticket::None);
    assert_eq!(enter(Weight::Urgent, 1, 2), first(false));
    assert_eq!(enter(Weight::Lazy, 1, 3), Ticket::None);
    assert_eq!(enter(Weight::Lock, 3, 1), first(true));
    let pending = |key| journal.pending([CounterKey::from_bits(key)].into_iter());
    assert_eq!((pending(1), pending(2)), (first(false), Ticket::None));
    let batch = journal.next(|| false);
    assert!(batch.synced && batch.number == 1 && batch.rows.len() == 2);
    assert_eq!(count(&batch.rows[&1]), 3);
    assert_eq!(pending(1), first(false), "it is on its way");
    journal.landed(1);
    assert_eq!(pending(1), Ticket::None);
    // Asked for everything.
    assert_eq!(
        journal.flush(),
        Ticket::Batch {
            number: 2,
            must: true
        }
    );
    let batch = journal.next(|| false);
    assert_eq!((batch.number, batch.rows.len()), (2, 1));
    // While nothing can be written, nothing is kept.
    assert!(journal.fail("full") && !journal.fail("full"));
    assert_eq!(enter(Weight::Urgent, 1, 4), Ticket::None);
    assert_eq!(enter(Weight::Lock, 1, 5), Ticket::Lost);
    // While it is made good, changes are kept, and nobody waits for them.
    journal.catch_up();
    assert_eq!(enter(Weight::Urgent, 1, 6), Ticket::None);
    assert_eq!(enter(Weight::Lock, 2, 7), Ticket::Lost);
    assert!(journal.caught_up());
    let batch = journal.next(|| false);
    assert!(batch.well && batch.synced);
    assert_eq!((count(&batch.rows[&1]), count(&batch.rows[&2])), (6, 7));
    assert!(matches!(enter(Weight::Urgent, 1, 8), Ticket::Batch { .. }));
}

#[tokio::test]
async fn beyond_the_bound_decisions_wait() {
    let journal = Journal::new();
    for key in 0..64 * 1024 {
        assert!(!journal.is_full());
        journal.enter(Weight::Urgent, |note| note(kept(key, 1)));
    }
    assert!(journal.is_full());
    let mut room = Box::pin(journal.room());
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(room.as_mut().poll(&mut context).is_pending());
    let batch = journal.next(|| false);
    assert_eq!(batch.rows.len(), 64 * 1024);
    journal.landed(batch.number);
    room.await.unwrap();
    // Changes that nobody waits for are bounded as well: somebody does.
    let waits = |key| journal.enter(Weight::Lazy, |note| note(kept(key, 1))) != Ticket::None;
    assert_eq!((0..20_000).find(|key| waits(*key)), Some(16 * 1024));
    let ticket = journal.flush();
    journal.end();
    assert!(
        journal.written(ticket).await.is_err(),
        "nobody writes any more"
    );
}
