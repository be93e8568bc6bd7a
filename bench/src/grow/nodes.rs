//! One node of several that share a Redis, which `PANOPLY_BENCH_REDIS` names.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use panoply_core::{
    Committed, CounterKeys, CounterStore as _, Loaded, Lock, Op, Rule, SessionChange, SessionKey,
    SessionStore,
};
use panoply_store_redis::RedisStore;

use super::Told;

/// Decisions that are under way at once in each node.
const AT_ONCE: usize = 50;

const SECONDS: u64 = 3;

/// What is asked, told by a number: so many counters of one decision, or a session.
const READ: u32 = 100;
const WRITE: u32 = 101;

/// How many sessions there are.
const SESSIONS: u32 = 1_000;

/// Decides on so many counters at once, or loads sessions or writes to them, for some seconds.
pub(super) fn run(asked: u32) -> Result<Told> {
    let url = std::env::var("PANOPLY_BENCH_REDIS").context("PANOPLY_BENCH_REDIS")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    match asked {
        READ | WRITE => runtime.block_on(local.run_until(sessions(url, asked == WRITE))),
        counters => runtime.block_on(local.run_until(decide(url, counters as usize))),
    }
}

fn session(number: u32) -> SessionKey {
    let mut hash = [0; 32];
    let bytes = number.to_le_bytes();
    hash.iter_mut()
        .zip(bytes)
        .for_each(|(place, byte)| *place = byte);
    SessionKey::from_hash(hash)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn sessions(url: String, writes: bool) -> Result<Told> {
    let store = RedisStore::builder(url).connect().await?;
    let store: Rc<dyn SessionStore> = Rc::new(store.sessions());
    let hour = Duration::from_hours(1);
    for number in 0..SESSIONS {
        let change = SessionChange::create(hour, hour).set("views", "1");
        // Another node may have made it.
        store.commit(&session(number), &change).await?;
    }
    let done = Rc::new(Cell::new(0_u32));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, done) = (Rc::clone(&store), Rc::clone(&done));
        tasks.spawn_local(async move {
            while start.elapsed() < Duration::from_secs(SECONDS) {
                let key = session(done.get() % SESSIONS);
                if writes {
                    let change = SessionChange::new().set("views", done.get().to_string());
                    let committed = store.commit(&key, &change).await?;
                    ensure!(matches!(committed, Committed::Done(_)), "{committed:?}");
                } else {
                    ensure!(
                        matches!(store.load(&key).await?, Loaded::Live(_)),
                        "no session"
                    );
                }
                done.set(done.get() + 1);
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let done = f64::from(done.get());
    let rate = done / start.elapsed().as_secs_f64();
    Ok(vec![("rate", rate), ("decisions", done)])
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn decide(url: String, counters: usize) -> Result<Told> {
    let store = RedisStore::builder(url).connect().await?;
    let (hour, points) = (Duration::from_hours(1), i64::from(u32::MAX));
    let keys = CounterKeys::new([7; 16]);
    let rule = |name| Rule::new(name, points, hour).lock(Lock::doubling(hour, hour));
    let rules = Rc::new(["pair", "client", "user", "names"].map(rule));
    // Nodes that begin together would ask the same keys at the same moment.
    let next = Rc::new(Cell::new(std::process::id().wrapping_mul(1009)));
    let done = Rc::new(Cell::new(0_u32));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, keys, rules) = (store.clone(), keys.clone(), Rc::clone(&rules));
        let (next, done) = (Rc::clone(&next), Rc::clone(&done));
        tasks.spawn_local(async move {
            while start.elapsed() < Duration::from_secs(SECONDS) {
                let number = next.replace(next.get().wrapping_add(1)) % 10_000;
                let ops: Vec<Op<'_>> = rules
                    .iter()
                    .take(counters)
                    .map(|rule| Op::reserve(keys.key(rule.name(), &[&number.to_le_bytes()]), rule))
                    .collect();
                ensure!(store.decide(&ops).await?.is_granted(), "refused");
                done.set(done.get() + 1);
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let done = f64::from(done.get());
    let rate = done / start.elapsed().as_secs_f64();
    Ok(vec![("rate", rate), ("decisions", done)])
}
