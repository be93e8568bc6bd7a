//! A server that is killed amid writes: what was answered is there afterwards.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says no by panicking, and waits by the real clock"
)]

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use panoply_core::{Committed, Cycle, Destroy, Loaded, SessionChange, SessionKey, SessionStore};
use panoply_store_postgres::PostgresSessionStore;
use panoply_store_test::PostgresServer;
use tokio::task::JoinSet;

const WRITERS: u32 = 16;
const HOUR: Duration = Duration::from_hours(1);

fn key(writer: u32, number: u32, turn: u8) -> SessionKey {
    let mut hash = [turn; 32];
    hash[..4].copy_from_slice(&writer.to_be_bytes());
    hash[4..8].copy_from_slice(&number.to_be_bytes());
    SessionKey::from_hash(hash)
}

/// What a writer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Made,
    /// With the value that was set last.
    Set(u32),
    /// It has its other key.
    Replaced,
    Destroyed,
}

/// Makes sessions and changes them until one call fails: what was answered for each, and whether
/// another call was under way, which may have been done or not.
async fn write(
    store: PostgresSessionStore,
    writer: u32,
    from: u32,
    answers: Arc<AtomicU32>,
) -> Vec<(u32, Told, bool)> {
    let mut told = Vec::new();
    for number in from.. {
        let (first, second) = (key(writer, number, 1), key(writer, number, 2));
        let create = SessionChange::create(HOUR, HOUR).set("n", "0");
        let mut steps = vec![(Told::Made, create)];
        for value in 1..=3 {
            let set = SessionChange::new().set("n", value.to_string());
            steps.push((Told::Set(value), set));
        }
        let replace = SessionChange::new().cycle(Cycle::replace(second.clone(), HOUR));
        steps.push((Told::Replaced, replace));
        let mut last = None;
        for (then, change) in steps {
            match store.commit(&first, &change).await {
                Ok(Committed::Done(_)) => last = Some(then),
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    told.extend(last.map(|last| (number, last, true)));
                    return told;
                }
            }
            answers.fetch_add(1, Ordering::Relaxed);
        }
        if number.is_multiple_of(3) {
            let Ok(ended) = store.destroy(Destroy::Key(&second)).await else {
                told.push((number, Told::Replaced, true));
                return told;
            };
            assert_eq!(ended, 1);
            last = Some(Told::Destroyed);
        }
        told.extend(last.map(|last| (number, last, false)));
    }
    told
}

async fn load(store: &PostgresSessionStore, key: &SessionKey) -> Loaded {
    // The connections come back by themselves.
    for _ in 0..1000 {
        match store.load(key).await {
            Ok(loaded) => return loaded,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the server does not come back");
}

async fn check(store: &PostgresSessionStore, writer: u32, number: u32, told: Told, open: bool) {
    let (first, second) = (key(writer, number, 1), key(writer, number, 2));
    let (by_first, by_second) = (load(store, &first).await, load(store, &second).await);
    let value = |loaded: &Loaded| match loaded {
        Loaded::Live(live) => {
            let value = live.record.values.get("n").unwrap();
            std::str::from_utf8(value).unwrap().parse::<u32>().ok()
        }
        _ => None,
    };
    let (least, what) = match told {
        Told::Made => (0, "made"),
        Told::Set(value) => (value, "set"),
        Told::Replaced => (3, "replaced"),
        Told::Destroyed => {
            assert!(matches!(by_first, Loaded::Absent) && matches!(by_second, Loaded::Absent));
            let create = SessionChange::create(HOUR, HOUR);
            assert_eq!(
                store.commit(&first, &create).await.unwrap(),
                Committed::Gone
            );
            return;
        }
    };
    // At most the one call that was under way was done besides.
    let at = format!("{writer}/{number}, {what}: {by_first:?}, {by_second:?}");
    match (&by_first, &by_second) {
        (Loaded::Live(_), Loaded::Absent) => {
            assert_ne!(told, Told::Replaced, "{at}");
            let found = value(&by_first).unwrap();
            assert!((least..=least + u32::from(open)).contains(&found), "{at}");
        }
        (Loaded::Replaced, Loaded::Live(_)) => {
            assert!(
                told == Told::Replaced || (open && told == Told::Set(3)),
                "{at}"
            );
            assert_eq!(value(&by_second), Some(3), "{at}");
        }
        (Loaded::Absent, Loaded::Absent) => {
            assert!(
                open && told == Told::Replaced && number.is_multiple_of(3),
                "{at}"
            );
        }
        _ => panic!("{at}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_is_there_after_a_kill() {
    let start = tokio::task::spawn_blocking(PostgresServer::start_durable);
    let mut own = start.await.unwrap();
    assert_eq!(own.sql("show fsync"), "on");
    let store = server::store(&own).await.sessions();
    let mut answered = 0;
    for round in 0..3_u32 {
        let answers = Arc::new(AtomicU32::new(0));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (store, answers) = (store.clone(), Arc::clone(&answers));
            let from = round * 1_000_000;
            writers.spawn(async move { (writer, write(store, writer, from, answers).await) });
        }
        // At other moments each time.
        while answers.load(Ordering::Relaxed) < 700 + round * 211 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let killed = tokio::task::spawn_blocking(move || {
            own.kill_outright();
            own
        });
        own = killed.await.unwrap();
        let told = writers.join_all().await;
        let revived = tokio::task::spawn_blocking(move || {
            own.revive();
            own
        });
        own = revived.await.unwrap();
        for (writer, told) in told {
            for (number, told, open) in told {
                check(&store, writer, number, told, open).await;
                answered += 1;
            }
        }
    }
    assert!(answered > 100, "{answered} sessions only");
}
