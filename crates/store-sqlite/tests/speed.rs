//! How fast it is, beside the memory that it rests on:
//! `cargo test --release -p panoply-store-sqlite --test speed -- --ignored --nocapture`.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use panoply_core::{Action, CounterKeys, CounterStore, Lock, Op, Rule};
use panoply_store_memory::MemoryStore;
use panoply_store_sqlite::SqliteStore;
use tokio::task::JoinSet;

const TASKS: u64 = 50;

/// Decisions a second of `each` attempts of `act` in each of fifty tasks.
async fn rate<F, Fut>(store: &Arc<dyn CounterStore>, each: u64, decisions: u64, act: F) -> f64
where
    F: Fn(Arc<dyn CounterStore>, u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    #[expect(clippy::disallowed_methods, reason = "it is measured")]
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, act) = (Arc::clone(store), act.clone());
        tasks.spawn(async move {
            for number in 0..each {
                act(Arc::clone(&store), task * each + number).await;
            }
        });
    }
    tasks.join_all().await;
    let attempts = u32::try_from(TASKS * each * decisions).unwrap();
    f64::from(attempts) / start.elapsed().as_secs_f64()
}

/// A login that succeeds: reserved in four counters, then given back.
async fn login(store: Arc<dyn CounterStore>, number: u64) {
    let keys = CounterKeys::new([5; 16]);
    let hour = Duration::from_hours(1);
    let rule = Rule::new("pair", 10, hour * 24).lock(Lock::fixed(hour));
    let key = |name: &str| keys.key(name, &[&(number % 10_000).to_le_bytes()]);
    let all = ["pair", "client", "user", "names"].map(key);
    let reserved = store.decide(&all.map(|key| Op::reserve(key, &rule))).await;
    let reserved = reserved.unwrap();
    let back = reserved.states().iter().zip(all).map(|(state, key)| {
        let receipt = state.receipt;
        let action = Action::Refund {
            cost: 1,
            member: None,
            receipt,
        };
        Op::new(key, &rule, action)
    });
    store.decide(&back.collect::<Vec<_>>()).await.unwrap();
}

async fn request(store: Arc<dyn CounterStore>, number: u64) {
    let keys = CounterKeys::new([5; 16]);
    let rule = Rule::new("rate", 1_000_000, Duration::from_mins(1));
    let key = keys.key("rate", &[&(number % 10_000).to_le_bytes()]);
    let op = Op::new(key, &rule, Action::Gcra { cost: 1 });
    store.decide(&[op]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn decisions_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.db");
    let sqlite: Arc<dyn CounterStore> = Arc::new(SqliteStore::open(path).unwrap());
    let memory: Arc<dyn CounterStore> = Arc::new(MemoryStore::default());
    for (name, store) in [("memory", memory), ("sqlite", sqlite)] {
        let logins = rate(&store, 400, 2, login).await;
        let rates = rate(&store, 10_000, 1, request).await;
        println!("{name}: {logins:.0} of a login, {rates:.0} of a rate");
    }
}
