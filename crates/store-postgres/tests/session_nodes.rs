//! Sessions on several nodes: all of one user's at once, what is over, and what is never written.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says no by panicking, and waits by the real clock"
)]

mod server;

use std::num::NonZeroU32;
use std::time::Duration;

use panoply_core::{
    Committed, CounterStore as _, Cycle, Destroy, Loaded, Op, Rule, SessionChange, SessionKey,
    SessionStore as _, UserChange, UserKey,
};
use panoply_store_postgres::{PostgresSessionStore, PostgresStore};
use tokio::task::JoinSet;

const HOUR: Duration = Duration::from_hours(1);
const USER: UserKey = UserKey::from_hash([0xaa; 32]);

/// Another key for every name; the order of names is not that of keys.
fn key(name: u32) -> SessionKey {
    let mut hash = [0x5a; 32];
    hash[..4].copy_from_slice(&name.wrapping_mul(0x9e37_79b1).to_be_bytes());
    hash[8..12].copy_from_slice(&name.to_be_bytes());
    SessionKey::from_hash(hash)
}

fn login(most: u32) -> UserChange {
    UserChange::Set {
        user: USER,
        most: NonZeroU32::new(most),
    }
}

async fn make(store: &PostgresSessionStore, name: u32, change: SessionChange) {
    let made = store.commit(&key(name), &change).await.unwrap();
    assert!(matches!(made, Committed::Done(_)), "{made:?}");
}

/// One step of a client, which one depends on both numbers.
async fn step(store: &PostgresSessionStore, caller: u32, step: u32) {
    const CAP: u32 = 4;
    let by = key((caller * 7 + step * 5) % 8);
    let own = 1000 + caller * 1000 + step;
    let create = SessionChange::create(HOUR, HOUR).set("n", "1");
    let change = match (caller + step * 3) % 9 {
        0 => {
            store.destroy(Destroy::Key(&by)).await.unwrap();
            return;
        }
        1 => {
            let all = Destroy::User {
                user: &USER,
                except: Some(&by),
            };
            store.destroy(all).await.unwrap();
            return;
        }
        2 => {
            let one = Destroy::One {
                user: &USER,
                fingerprint: by.fingerprint(),
            };
            store.destroy(one).await.unwrap();
            return;
        }
        3 => {
            store
                .commit(&key(own), &create.user(login(CAP)))
                .await
                .unwrap();
            return;
        }
        // To a key that another wants as well, or that has led elsewhere.
        4 => SessionChange::new()
            .user(login(CAP))
            .cycle(Cycle::replace(key((caller + step) % 12), Duration::ZERO)),
        5 => SessionChange::new().cycle(Cycle::renew(key(8 + step % 8), HOUR)),
        6 => SessionChange::new().set("a", step.to_string()),
        7 => create.user(login(CAP)),
        _ => SessionChange::new().user(login(CAP)),
    };
    store.commit(&by, &change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_of_one_users_at_once_never_lock_each_other_up() {
    let own = server::start().await;
    let (one, two) = tokio::join!(server::store(&own), server::store(&own));
    let stores = [one.sessions(), two.sessions()];
    let mut tasks = JoinSet::new();
    for caller in 0..40_u32 {
        let store = stores[caller as usize % 2].clone();
        tasks.spawn(async move {
            for turn in 0..40 {
                // Two that wait for each other would be an error here.
                step(&store, caller, turn).await;
            }
        });
    }
    // While it is swept over and over.
    let sweeping = async {
        loop {
            own.sql("select panoply.session_sweep(100)");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let all = async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    };
    tokio::select! {
        () = all => {}
        () = sweeping => {}
    }
    let [store, _] = &stores;
    let last = SessionChange::create(HOUR, HOUR).user(login(4));
    make(store, 999_999, last).await;
    let listed = store.sessions(&USER, None, 100).await.unwrap();
    assert!((1..=4).contains(&listed.len()), "{}", listed.len());
    // The server ends one of two that wait for each other, and counts it.
    let deadlocks = own.sql("select sum(deadlocks) from pg_stat_database");
    assert_eq!(deadlocks, "0");
    let unled = own.sql(
        "select count(*) from panoply.sessions s where not exists (select 1 from \
         panoply.session_keys k where k.key = s.key and k.session = s.first_key) or not exists \
         (select 1 from panoply.session_keys k where k.key = s.first_key and k.session = s.first_key)",
    );
    assert_eq!(unled, "0", "a session that its keys do not lead to");
    let astray = own.sql(
        "select count(*) from panoply.session_keys k where session is not null and not exists \
         (select 1 from panoply.sessions s where s.first_key = k.session)",
    );
    assert_eq!(astray, "0", "a key that leads to no session");
}

/// Sessions go back and forth between two users, each of whose logins locks all that the user has.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_users_who_swap_sessions_never_lock_each_other_up() {
    const SESSIONS: u32 = 60;
    const OTHER: UserKey = UserKey::from_hash([0xbb; 32]);
    let own = server::start().await;
    let store = server::store(&own).await.sessions();
    for name in 0..SESSIONS {
        make(&store, name, SessionChange::create(HOUR, HOUR)).await;
    }
    let mut tasks = JoinSet::new();
    for caller in 0..16_u32 {
        let store = store.clone();
        tasks.spawn(async move {
            for turn in 0..40 {
                let user = if (caller + turn) % 2 == 0 {
                    USER
                } else {
                    OTHER
                };
                let most = NonZeroU32::new(SESSIONS);
                let swap = SessionChange::new().user(UserChange::Set { user, most });
                make(&store, (caller * 7 + turn) % SESSIONS, swap).await;
            }
        });
    }
    tasks.join_all().await;
    for user in [USER, OTHER] {
        let all = Destroy::User {
            user: &user,
            except: None,
        };
        store.destroy(all).await.unwrap();
    }
    let left = own.sql("select count(*) from panoply.sessions where user_key is not null");
    assert_eq!(left, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cap_holds_on_every_node() {
    let own = server::start().await;
    let (one, two) = tokio::join!(server::store(&own), server::store(&own));
    let mut tasks = JoinSet::new();
    for name in 0..60 {
        let store = if name % 2 == 0 { &one } else { &two }.sessions();
        tasks.spawn(async move {
            let login = SessionChange::create(HOUR, HOUR).user(login(5));
            match store.commit(&key(name), &login).await.unwrap() {
                Committed::Done(stamp) => stamp.evicted,
                other => panic!("{other:?}"),
            }
        });
    }
    let evicted: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(evicted, 55);
    let listed = two.sessions().sessions(&USER, None, 100).await.unwrap();
    assert_eq!(listed.len(), 5);
}

#[tokio::test]
async fn what_is_over_is_deleted_in_portions() {
    let own = server::start().await;
    let store = server::store(&own).await.sessions();
    let short = SessionChange::create(Duration::from_millis(1), HOUR).set("a", "1");
    for name in 0..15 {
        make(&store, name, short.clone()).await;
    }
    for name in 20..25 {
        make(&store, name, SessionChange::create(HOUR, HOUR)).await;
    }
    // Looked at when it would have ended, and found to have been touched.
    let soon = SessionChange::create(Duration::from_secs(30), HOUR);
    make(&store, 30, soon).await;
    own.sql("update panoply.sessions set look = 1 where idle = 30000000");
    // One whose old key is in its grace, and one that was destroyed and whose time is over.
    let brief = SessionChange::create(Duration::from_millis(200), Duration::from_millis(200));
    make(&store, 31, brief.clone()).await;
    let renew = SessionChange::new().cycle(Cycle::renew(key(32), HOUR));
    make(&store, 31, renew).await;
    make(&store, 33, brief).await;
    assert_eq!(store.destroy(Destroy::Key(&key(33))).await.unwrap(), 1);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(own.sql("select panoply.session_sweep(10)"), "10");
    assert_eq!(own.sql("select panoply.session_sweep(10)"), "7");
    assert_eq!(own.sql("select panoply.session_sweep(10)"), "0");
    assert_eq!(own.sql("select count(*) from panoply.sessions"), "6");
    assert_eq!(own.sql("select count(*) from panoply.session_keys"), "6");
    for name in [20, 24, 30] {
        let loaded = store.load(&key(name)).await.unwrap();
        assert!(matches!(loaded, Loaded::Live(_)), "{name}: {loaded:?}");
    }
}

#[tokio::test]
async fn no_id_is_written() {
    const ID: &str = "the-very-id-of-a-session";
    let own = server::start().await;
    let store = server::store(&own).await.sessions();
    let carried = |name| key(name).danger_with_id(ID);
    let create = SessionChange::create(HOUR, HOUR).user(login(2));
    store.commit(&carried(1), &create).await.unwrap();
    let renew = SessionChange::new().cycle(Cycle::renew(carried(2), HOUR));
    store.commit(&carried(1), &renew).await.unwrap();
    store.destroy(Destroy::Key(&carried(2))).await.unwrap();
    store.commit(&carried(3), &create).await.unwrap();
    let hex = own.sql(&format!("select encode('{ID}', 'hex')"));
    for table in ["sessions", "session_keys"] {
        let rows = own.sql(&format!("select t::text from panoply.{table} t"));
        assert!(!rows.is_empty());
        assert!(!rows.contains(ID) && !rows.contains(&hex), "{table}");
    }
}

#[tokio::test]
async fn sessions_come_to_a_schema_that_has_counters() {
    let own = server::start().await;
    let rule = Rule::new("a", 10, HOUR);
    let counter = panoply_core::CounterKeys::new([7; 16]).key("a", &[b"x"]);
    {
        let before = server::store(&own).await;
        before.decide(&[Op::reserve(counter, &rule)]).await.unwrap();
    }
    // As the first format was.
    own.sql("drop table panoply.sessions, panoply.session_keys cascade");
    own.sql("update panoply.format set version = 1");
    let store = PostgresStore::builder(own.url())
        .unlogged_sessions(true)
        .connect()
        .await
        .unwrap();
    make(&store.sessions(), 1, SessionChange::create(HOUR, HOUR)).await;
    let decision = store.decide(&[Op::reserve(counter, &rule)]).await.unwrap();
    assert_eq!(decision.state().count, 2);
    let kind = |table: &str| {
        own.sql(&format!(
            "select relpersistence from pg_class where relname = '{table}'"
        ))
    };
    assert_eq!(
        [kind("sessions"), kind("session_keys"), kind("counters")],
        ["u", "u", "p"]
    );
}

/// A version before ended an old key after its grace, whether the new one was seen or not.
#[tokio::test]
async fn sessions_of_the_format_before_are_read() {
    const GRACE: Duration = Duration::from_secs(30);
    let own = server::start().await;
    let renew = |to| SessionChange::new().cycle(Cycle::renew(key(to), GRACE));
    let before = server::store(&own).await;
    make(&before.sessions(), 1, SessionChange::create(HOUR, HOUR)).await;
    make(&before.sessions(), 1, renew(2)).await;
    own.sql("update panoply.sessions set old_until = array[key_since + 30000000]");
    own.sql("update panoply.format set version = 2");
    own.sql("alter function panoply.session_commit rename to session_commit_before");
    let store = PostgresStore::builder(own.url()).connect().await.unwrap();
    assert_eq!(own.sql("select version from panoply.format"), "3");
    let sessions = store.sessions();
    let Loaded::Live(live) = sessions.load(&key(1)).await.unwrap() else {
        panic!("it is in its grace");
    };
    assert!(!live.current && !live.record.is_unsettled(GRACE, live.now));
    make(&sessions, 2, renew(3)).await;
    let Loaded::Live(live) = sessions.load(&key(2)).await.unwrap() else {
        panic!("the new one was not seen");
    };
    assert!(!live.current && live.record.is_unsettled(GRACE, live.now));
    // What goes on of the version before is answered.
    make(&before.sessions(), 2, SessionChange::new().set("a", "1")).await;
}
