//! Sessions after a restart, with the date set meanwhile.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use panoply_core::{
    Clock, Committed, Destroy, Loaded, ManualClock, SessionChange, SessionKey, SessionStore,
};
use panoply_store_sqlite::{SqliteSessionStore, SqliteStore};

const HOUR: Duration = Duration::from_hours(1);

/// A clock of which the date can be set back without time going by.
#[derive(Debug, Clone, Default)]
struct Clocks {
    time: ManualClock,
    hours_back: Arc<AtomicU64>,
}

impl Clock for Clocks {
    fn monotonic(&self) -> Duration {
        self.time.monotonic()
    }

    fn wall(&self) -> SystemTime {
        let back = self.hours_back.load(Ordering::SeqCst);
        self.time.wall() - Duration::from_hours(back)
    }
}

fn open(path: &Path, clocks: &Clocks) -> SqliteSessionStore {
    let builder = SqliteStore::builder(path).clock(clocks.clone());
    builder.open().unwrap().sessions()
}

fn key(number: u8) -> SessionKey {
    SessionKey::from_hash([number; 32])
}

async fn lives(store: &SqliteSessionStore, number: u8) -> bool {
    matches!(store.load(&key(number)).await.unwrap(), Loaded::Live(_))
}

async fn done(store: &SqliteSessionStore, number: u8, change: &SessionChange) {
    let committed = store.commit(&key(number), change).await.unwrap();
    assert!(matches!(committed, Committed::Done(_)), "{committed:?}");
}

#[tokio::test]
async fn a_date_set_back_gives_no_session_the_time_again_that_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let clocks = Clocks::default();
    let store = open(&path, &clocks);
    done(&store, 1, &SessionChange::create(HOUR * 10, HOUR * 10)).await;
    done(&store, 2, &SessionChange::create(HOUR * 10, HOUR * 50)).await;
    clocks.time.advance(HOUR * 9);
    // Sessions alone, not one counter, say how late it is.
    done(&store, 2, &SessionChange::new()).await;
    drop(store);
    clocks.hours_back.store(9, Ordering::SeqCst);
    let store = open(&path, &clocks);
    assert!(lives(&store, 1).await);
    clocks.time.advance(HOUR);
    assert!(!lives(&store, 1).await, "it has ten hours once more");
    assert!(lives(&store, 2).await);
}

#[tokio::test]
async fn a_session_that_was_destroyed_stays_so_whatever_the_date() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let clocks = Clocks::default();
    clocks.time.advance(HOUR * 100);
    let store = open(&path, &clocks);
    let create = SessionChange::create(HOUR * 10, HOUR * 10);
    done(&store, 1, &create).await;
    assert_eq!(store.destroy(Destroy::Key(&key(1))).await.unwrap(), 1);
    drop(store);
    clocks.hours_back.store(90, Ordering::SeqCst);
    let store = open(&path, &clocks);
    assert!(!lives(&store, 1).await);
    for change in [SessionChange::new().set("a", "1"), create] {
        let committed = store.commit(&key(1), &change).await.unwrap();
        assert_eq!(committed, Committed::Gone);
    }
}

#[tokio::test]
async fn time_that_passed_meanwhile_has_passed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let clocks = Clocks::default();
    let store = open(&path, &clocks);
    for (number, hours) in [(1, 4), (2, 6)] {
        let idle = HOUR * hours;
        done(&store, number, &SessionChange::create(idle, HOUR * 50)).await;
    }
    drop(store);
    clocks.time.advance(HOUR * 5);
    let store = open(&path, &clocks);
    assert!(!lives(&store, 1).await);
    assert!(lives(&store, 2).await);
}
