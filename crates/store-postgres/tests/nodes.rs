//! Several nodes, a server that dies, roles that may not, and what is over.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says no by panicking, and waits by the real clock"
)]

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Action, CounterKeys, CounterStore as _, Lock, Op, Rule, Subject};
use panoply_store_postgres::PostgresStore;
use tokio::task::JoinSet;

const HOUR: Duration = Duration::from_hours(1);

fn pair() -> Rule {
    Rule::new("login/pair", 10, HOUR).lock(Lock::doubling(HOUR, 24 * HOUR))
}

async fn granted(stores: &[PostgresStore], guesses: usize, user: &'static str) -> usize {
    let keys = CounterKeys::new([7; 16]);
    let mut tasks = JoinSet::new();
    for guess in 0..guesses {
        let store = stores.get(guess % stores.len()).unwrap().clone();
        let keys = keys.clone();
        tasks.spawn(async move {
            let (pair, client) = (pair(), Rule::new("login/client", 100, 24 * HOUR));
            let ops = [
                Op::reserve(keys.key("login/client", &[b"c"]), &client),
                Op::reserve(keys.key("login/pair", &[user.as_bytes(), b"c"]), &pair)
                    .about(Subject::User),
            ];
            store
                .decide(&ops)
                .await
                .is_ok_and(|decision| decision.is_granted())
        });
    }
    tasks
        .join_all()
        .await
        .into_iter()
        .filter(|granted| *granted)
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_nodes_let_ten_through() {
    let own = server::start().await;
    // All at once, so that each would make the schema.
    let (one, two, three) = tokio::join!(
        server::store(&own),
        server::store(&own),
        server::store(&own)
    );
    assert_eq!(granted(&[one, two, three], 1000, "ada").await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_locked_is_locked_after_a_crash() {
    let mut own = server::start().await;
    let store = server::store(&own).await;
    assert_eq!(granted(std::slice::from_ref(&store), 30, "ada").await, 10);
    own.kill();
    let keys = CounterKeys::new([7; 16]);
    let (key, rule) = (keys.key("login/pair", &[b"ada", b"c"]), pair());
    let error = loop {
        // The first may find a connection that has not yet noticed.
        match store.decide(&[Op::reserve(key, &rule)]).await {
            Err(error) => break error,
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert!(error.is_transient(), "{error}");
    let own = tokio::task::spawn_blocking(move || {
        own.revive();
        own
    });
    let _own = own.await.unwrap();
    let again = async {
        loop {
            if let Ok(decision) = store.decide(&[Op::reserve(key, &rule)]).await {
                return decision;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let decision = tokio::time::timeout(Duration::from_secs(20), again)
        .await
        .unwrap();
    assert!(!decision.is_granted());
    assert!(decision.state().locked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_keys_in_any_order_never_lock_each_other_up() {
    let own = server::start().await;
    let store = server::store(&own).await;
    let keys = Arc::new(CounterKeys::new([7; 16]));
    let mut tasks = JoinSet::new();
    for task in 0..40_usize {
        let (store, keys) = (store.clone(), Arc::clone(&keys));
        tasks.spawn(async move {
            let rule = Rule::new("storm", i64::MAX, HOUR);
            for turn in 0..20_usize {
                let mut names: Vec<usize> = (0..6).collect();
                names.rotate_left((task + turn) % 6);
                if task % 2 == 0 {
                    names.reverse();
                }
                let key = |name: &usize| keys.key("storm", &[&name.to_le_bytes()]);
                let ops: Vec<Op<'_>> = names
                    .iter()
                    .map(|name| Op::reserve(key(name), &rule))
                    .collect();
                assert!(store.decide(&ops).await.unwrap().is_granted());
            }
        });
    }
    tasks.join_all().await;
    let rule = Rule::new("storm", i64::MAX, HOUR);
    let key = keys.key("storm", &[&0_usize.to_le_bytes()]);
    let look = Op::new(key, &rule, Action::Get);
    assert_eq!(store.decide(&[look]).await.unwrap().state().count, 800);
}

#[tokio::test]
async fn what_is_over_is_deleted() {
    let own = server::start().await;
    let store = server::store(&own).await;
    let keys = CounterKeys::new([7; 16]);
    let (short, long) = (Rule::new("a", 9, Duration::from_millis(1)), pair());
    for number in 0..20_u8 {
        let rule = if number < 15 { &short } else { &long };
        let op = Op::reserve(keys.key("a", &[&[number]]), rule);
        store.decide(&[op]).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(own.sql("select panoply.sweep(10)"), "10");
    assert_eq!(own.sql("select panoply.sweep(10)"), "5");
    assert_eq!(own.sql("select count(*) from panoply.counters"), "5");
}

#[tokio::test]
async fn errors_say_what_to_do_and_no_password() {
    let own = server::start().await;
    let connect = async |url: String| {
        let error = PostgresStore::builder(url).connect().await.unwrap_err();
        error.to_string()
    };
    let host = own.folder().display().to_string();
    own.sql("create role visitor login");
    own.sql("create role reader login");
    for (url, told) in [
        (
            "nonsense".to_owned(),
            "write `postgres://user:password@host/database`",
        ),
        (
            "postgres:///x?user=u&host=".to_owned(),
            "write `postgres://",
        ),
        (
            "postgres://ada:hunter2@127.0.0.1:1/x".to_owned(),
            "cannot be reached",
        ),
        (
            format!("postgres:///nowhere?user=panoply&host={host}"),
            "createdb",
        ),
        (
            format!("postgres:///postgres?user=visitor&host={host}"),
            "does not permit it",
        ),
    ] {
        let error = connect(url).await;
        assert!(error.contains(told), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    // Once it is there, using it is enough.
    let _maker = server::store(&own).await;
    own.sql("grant usage on schema panoply to reader");
    own.sql("grant select, insert, update, delete on all tables in schema panoply to reader");
    let url = format!("postgres:///postgres?user=reader&host={host}");
    let store = PostgresStore::builder(url).connect().await.unwrap();
    assert_eq!(granted(&[store], 12, "ada").await, 10);
    own.sql("update panoply.format set version = 99");
    let error = connect(own.url()).await;
    assert!(error.contains("made by a newer release"), "{error}");
    let error = PostgresStore::builder(own.url())
        .schema("a b")
        .connect()
        .await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("letters, digits or `_`")
    );
}

#[tokio::test]
async fn a_schema_that_somebody_else_has_made_is_filled() {
    let own = server::start().await;
    own.sql("create role filler login");
    own.sql("create schema shop");
    own.sql("grant usage, create on schema shop to filler");
    let host = own.folder().display();
    let url = format!("postgres:///postgres?user=filler&host={host}");
    let store = PostgresStore::builder(url).schema("shop").connect().await;
    assert_eq!(granted(&[store.unwrap()], 12, "ada").await, 10);
}

#[tokio::test]
async fn an_unlogged_store_counts_as_well() {
    let own = server::start().await;
    let store = PostgresStore::builder(own.url())
        .unlogged(true)
        .connect()
        .await
        .unwrap();
    assert_eq!(granted(&[store], 12, "ada").await, 10);
    let kind = own.sql("select relpersistence from pg_class where relname = 'counters'");
    assert_eq!(kind, "u");
}

/// What a decision that fails says, and because of what, once it says `words`.
async fn complaint(store: &PostgresStore, words: &str) -> String {
    let keys = CounterKeys::new([7; 16]);
    let (key, rule) = (keys.key("login/pair", &[b"ada", b"c"]), pair());
    let heard = async {
        loop {
            if let Err(error) = store.decide(&[Op::reserve(key, &rule)]).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                let all = format!("{error}: {}", cause.unwrap_or_default());
                if all.contains(words) {
                    return all;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), heard)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_later_says_why_too() {
    let own = server::start().await;
    let host = own.folder().display().to_string();
    own.sql("create role counter login");
    own.sql("grant create on database postgres to counter");
    let url = format!("postgres:///postgres?user=counter&host={host}");
    let builder = PostgresStore::builder(url).connections(1);
    let store = builder.connect().await.unwrap();
    own.sql("alter role counter connection limit 0");
    own.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'counter'");
    let said = complaint(&store, "has no connection left").await;
    assert!(said.contains("raise its `max_connections`"), "{said}");
    own.sql("alter role counter connection limit -1");
    // One that connects anew would make the schema again.
    let (key, rule) = (CounterKeys::new([7; 16]).key("a", &[]), pair());
    let back = async {
        while store.decide(&[Op::reserve(key, &rule)]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let back = tokio::time::timeout(Duration::from_secs(20), back);
    back.await.unwrap();
    own.sql("drop schema panoply cascade");
    let said = complaint(&store, "a restart makes it again").await;
    assert!(said.contains("schema \"panoply\" does not exist"), "{said}");
}
