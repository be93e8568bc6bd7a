//! What cannot be seen from outside: what a transaction leaves in memory and in the rows.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use panoply_core::{
    Committed, Cycle, Loaded, ManualClock, SessionChange, SessionKey, SessionRecord, SessionStore,
    UserChange, UserKey,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::SqliteSessionStore;
use crate::SqliteStore;
use crate::table::Table;
use crate::tests::Disk;

mod walk;

use walk::Dice;

const HOUR: Duration = Duration::from_hours(1);

struct Case {
    directory: TempDir,
    clock: ManualClock,
    disk: Arc<Disk>,
}

impl Case {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(),
            disk: Arc::default(),
        }
    }

    /// With bounds that are as small as they can be.
    fn open(&self, cache_bytes: usize) -> SqliteSessionStore {
        let mut builder = SqliteStore::builder(self.directory.path().join("s.db"))
            .clock(self.clock.clone())
            .session_cache_bytes(cache_bytes)
            .max_keys(1024)
            .max_sessions(0)
            .max_session_bytes(0);
        builder.disk = Arc::clone(&self.disk);
        builder.open().unwrap().sessions()
    }

    fn count(&self, select: &str) -> i64 {
        let path = self.directory.path().join("s.db");
        let table = Table::open(&path, Duration::ZERO).unwrap();
        let count = table.conn().query_row(select, [], |row| row.get(0));
        count.unwrap()
    }

    /// Expects that the totals are those of the rows, and that each row belongs somewhere.
    fn check(&self) {
        let held = "SELECT (SELECT count(*) FROM sessions) - held + \
            (SELECT count(*) FROM session_keys WHERE session IS NULL) FROM session_totals";
        assert_eq!(self.count(held), 0, "held");
        let bytes = "SELECT (SELECT coalesce(sum(length(content)), 0) FROM session_values) - bytes \
            FROM session_totals";
        assert_eq!(self.count(bytes), 0, "bytes");
        let values = "SELECT count(*) FROM session_values \
            WHERE session NOT IN (SELECT id FROM sessions)";
        assert_eq!(self.count(values), 0, "values of no session");
        let bare = "SELECT count(*) FROM sessions \
            WHERE id NOT IN (SELECT session FROM session_values)";
        assert_eq!(self.count(bare), 0, "sessions without values");
        let keys = "SELECT count(*) FROM session_keys \
            WHERE session IS NOT NULL AND session NOT IN (SELECT id FROM sessions)";
        assert_eq!(self.count(keys), 0, "keys of no session");
    }

    /// Sees to it that all of these are asked before the first is done.
    #[expect(
        clippy::await_holding_lock,
        reason = "it stands for a disk that hangs meanwhile"
    )]
    async fn together<T: Send + 'static>(
        &self,
        asked: impl IntoIterator<Item: Future<Output = T> + Send + 'static>,
    ) -> Vec<T> {
        let asked: Vec<_> = asked.into_iter().collect();
        let number = asked.len();
        let hangs = self.disk.hang();
        let mut all = JoinSet::new();
        for (place, one) in asked.into_iter().enumerate() {
            all.spawn(async move { (place, one.await) });
        }
        for _ in 0..number * 2 {
            tokio::task::yield_now().await;
        }
        drop(hangs);
        let mut answers = all.join_all().await;
        answers.sort_unstable_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

fn key(number: u64) -> SessionKey {
    let mut hash = [0; 32];
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash[..8].copy_from_slice(&mixed.to_be_bytes());
    hash[24..].copy_from_slice(&mixed.rotate_left(31).to_be_bytes());
    SessionKey::from_hash(hash)
}

fn user(number: u8) -> UserKey {
    UserKey::from_hash([number; 32])
}

fn create() -> SessionChange {
    SessionChange::create(HOUR, HOUR * 12)
}

async fn commit(store: &SqliteSessionStore, key: SessionKey, change: SessionChange) -> Committed {
    store.commit(&key, &change).await.unwrap()
}

async fn found(store: &SqliteSessionStore, key: &SessionKey) -> Option<Arc<SessionRecord>> {
    match store.load(key).await.unwrap() {
        Loaded::Live(live) => Some(live.record),
        _ => None,
    }
}

#[tokio::test]
async fn what_is_over_does_not_hide_who_has_its_key_now() {
    let case = Case::new();
    let store = case.open(1 << 20);
    // Enough that is over before it, or it would be deleted at once.
    for number in 1000..1200 {
        commit(&store, key(number), create()).await;
    }
    case.clock.advance(HOUR);
    for round in 0..32 {
        let [own, new] = [key(round * 2), key(round * 2 + 1)];
        commit(&store, own.clone(), create()).await;
        let short = SessionChange::create(Duration::ZERO, HOUR);
        let cycle = SessionChange::new().cycle(Cycle::renew(new.clone(), HOUR));
        let both = [(new.clone(), short), (own, cycle)];
        let both = both.map(|(key, change)| {
            let store = store.clone();
            async move { commit(&store, key, change).await }
        });
        let answers = case.together(both).await;
        if answers
            .iter()
            .all(|answer| matches!(answer, Committed::Done(_)))
        {
            let found = found(&store, &new).await;
            assert!(found.is_some(), "round {round}");
        }
    }
}

#[tokio::test]
async fn a_full_disk_refuses_all_and_keeps_what_is_there() {
    let case = Case::new();
    let store = case.open(1 << 20);
    for number in 0..20 {
        commit(&store, key(number), create().set("a", "1")).await;
    }
    case.disk.pages(1);
    let large = || create().set("a", vec![1; 60_000]);
    let mut refused = 0;
    for number in 20..60 {
        match store.commit(&key(number), &large()).await {
            Ok(Committed::Done(_)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(error.is_transient());
                assert!(found(&store, &key(number)).await.is_none());
                refused += 1;
            }
        }
    }
    assert!(refused > 30, "{refused}");
    let change = SessionChange::new().set("a", vec![2; 60_000]);
    assert!(store.commit(&key(1), &change).await.is_err());
    for number in 0..20 {
        let record = found(&store, &key(number)).await.unwrap();
        assert_eq!(record.values.get("a").unwrap(), "1");
    }
    case.disk.pages(u32::MAX);
    // The thread may not have come by there yet.
    while store.commit(&key(1), &change).await.is_err() {}
    assert_eq!(commit(&store, key(70), large()).await, {
        let record = found(&store, &key(70)).await.unwrap();
        let stamp = panoply_core::SessionStamp::new(&record, record.seen, false, 0);
        Committed::Done(stamp)
    });
    drop(store);
    case.check();
    let store = case.open(0);
    assert_eq!(found(&store, &key(1)).await.unwrap().values.bytes(), 60_001);
}

#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "it stands for a disk that hangs meanwhile"
)]
async fn a_disk_that_hangs_is_waited_for_two_seconds_and_memory_goes_on() {
    let case = Case::new();
    let store = case.open(1 << 20);
    commit(&store, key(0), create()).await;
    let hangs = case.disk.hang();
    let touch = SessionChange::new();
    // Some may be done until the thread comes by there.
    let error = loop {
        if let Err(error) = store.commit(&key(0), &touch).await {
            break error;
        }
    };
    assert!(error.is_transient());
    // Nobody waits behind it.
    let first = key(0);
    let at_once = store.commit(&first, &touch).now();
    assert!(at_once.is_ok_and(|answer| answer.is_err()));
    assert!(found(&store, &key(0)).await.is_some());
    drop(hangs);
    while store.commit(&key(0), &touch).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_flood_of_nobodys_sessions_logs_nobody_out() {
    let case = Case::new();
    let store = case.open(1 << 20);
    for number in 0..100 {
        let set = UserChange::Set {
            user: user(number),
            most: None,
        };
        commit(&store, key(number.into()), create().user(set)).await;
    }
    for round in 0..20 {
        let flood = (0..100).map(|number| {
            let (store, key) = (store.clone(), key(1000 + round * 100 + number));
            async move { commit(&store, key, create().set("a", "1")).await }
        });
        let flood: Vec<_> = flood.collect();
        for answer in case.together(flood).await {
            assert!(matches!(answer, Committed::Done(_)), "{answer:?}");
        }
    }
    for number in 0..100 {
        assert!(found(&store, &key(number)).await.is_some(), "{number}");
    }
    // Values that are larger than those before them.
    for number in 9000..9100 {
        commit(&store, key(number), create().set("a", vec![1; 60_000])).await;
    }
    for number in 0..100 {
        assert!(found(&store, &key(number)).await.is_some(), "{number}");
    }
    // Room is made by and by, with each change.
    for number in 0..300 {
        let touched = commit(&store, key(number % 100), SessionChange::new()).await;
        assert!(matches!(touched, Committed::Done(_)), "{touched:?}");
    }
    drop(store);
    case.check();
    let held = case.count("SELECT held FROM session_totals");
    assert!(held <= 256, "{held}");
    let bytes = case.count("SELECT bytes FROM session_totals");
    assert!(bytes <= 4 << 20, "{bytes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_what_is_loaded() {
    const KEYS: usize = 96;
    let case = Case::new();
    // Room for a few of them, so that some are read at any moment.
    let store = case.open(40 * 1024);
    let answered: Arc<Vec<AtomicU32>> = Arc::new((0..KEYS).map(|_| AtomicU32::new(0)).collect());
    let mut tasks = JoinSet::new();
    for writer in 0..4 {
        let (store, answered) = (store.clone(), Arc::clone(&answered));
        tasks.spawn(async move {
            for round in 1..400_u32 {
                let number = writer + 4 * (round as usize * 7 % (KEYS / 4));
                let change = if answered[number].load(Ordering::SeqCst) == 0 {
                    create()
                } else {
                    SessionChange::new()
                };
                let change = change.set("n", round.to_be_bytes().to_vec());
                let done = commit(&store, key(number as u64), change).await;
                assert!(matches!(done, Committed::Done(_)), "{done:?}");
                answered[number].store(round, Ordering::SeqCst);
            }
        });
    }
    for reader in 0..48_u64 {
        let (store, answered) = (store.clone(), Arc::clone(&answered));
        tasks.spawn(async move {
            let mut dice = Dice(reader + 1);
            for _ in 0..400 {
                let number = dice.choose(KEYS);
                let before = answered[number].load(Ordering::SeqCst);
                let record = found(&store, &key(number as u64)).await;
                let value = record.map_or(0, |record| {
                    let value = record.values.get("n").unwrap();
                    u32::from_be_bytes(value[..].try_into().unwrap())
                });
                assert!(value >= before, "{value} after {before}");
                tokio::task::yield_now().await;
            }
        });
    }
    tasks.join_all().await;
}
