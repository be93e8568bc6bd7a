//! Counting in Redis, beside rate-limiter-flexible.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use panoply_core::{CounterKeys, CounterStore as _, Lock, Op, Rule};
use panoply_store_redis::RedisStore;

use crate::redis_server::RedisServer;

/// Where the section of the page begins.
const TITLE: &str = "## Counting in Redis";

/// Decisions that are under way at once, on the one connection.
const AT_ONCE: usize = 50;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);

struct Row {
    name: &'static str,
    rate: f64,
    p99: f64,
}

/// Measures, prints and adds its section to `docs/benchmarks.md`.
pub(super) fn run() -> Result<()> {
    let server = RedisServer::start(&[])?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ours = runtime.block_on(tokio::task::LocalSet::new().run_until(ours(server.url())))?;
    let peer = node(server.port())?;
    write(ours.into_iter().chain([peer]).collect())
}

async fn ours(url: String) -> Result<Vec<Row>> {
    let store = RedisStore::builder(url).connect().await?;
    let (hour, points) = (Duration::from_hours(1), i64::from(u32::MAX));
    let keys = CounterKeys::new([7; 16]);
    let rule = |name| Rule::new(name, points, hour).lock(Lock::doubling(hour, hour));
    let rules = ["pair", "client", "user", "names"].map(rule);
    let mut rows = Vec::new();
    for (name, counters) in [
        ("panoply, one counter", 1),
        ("panoply, four counters of a login at once", 4),
    ] {
        let mut rounds = Vec::new();
        for _ in 0..=ROUNDS {
            rounds.push(round(&store, &keys, rules.get(..counters).unwrap_or(&rules)).await?);
        }
        // The first round is for warming up.
        rounds.remove(0);
        rounds.sort_by(|one: &(f64, f64), other| one.0.total_cmp(&other.0));
        let (rate, p99) = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
        rows.push(Row { name, rate, p99 });
    }
    Ok(rows)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn round(store: &RedisStore, keys: &CounterKeys, rules: &[Rule]) -> Result<(f64, f64)> {
    let times = Rc::new(RefCell::new(Vec::new()));
    let next = Rc::new(Cell::new(0_u32));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, keys, rules) = (store.clone(), keys.clone(), rules.to_vec());
        let (times, next) = (Rc::clone(&times), Rc::clone(&next));
        tasks.spawn_local(async move {
            while start.elapsed() < ROUND {
                let number = next.replace(next.get().wrapping_add(1)) % 10_000;
                let key = |rule: &Rule| keys.key(rule.name(), &[&number.to_le_bytes()]);
                let ops: Vec<Op<'_>> = rules
                    .iter()
                    .map(|rule| Op::reserve(key(rule), rule))
                    .collect();
                let before = Instant::now();
                let granted = store.decide(&ops).await?.is_granted();
                ensure!(granted, "a decision was refused");
                times
                    .borrow_mut()
                    .push(before.elapsed().as_secs_f64() * 1e3);
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let elapsed = start.elapsed().as_secs_f64();
    let mut times = times.borrow_mut();
    times.sort_by(f64::total_cmp);
    let count = u32::try_from(times.len())?;
    let p99 = times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    Ok((f64::from(count) / elapsed, p99))
}

fn node(port: u16) -> Result<Row> {
    let folder = tempfile::tempdir()?;
    let packages = ["rate-limiter-flexible@11.4.0", "ioredis@5"];
    super::limits::npm(folder.path(), &packages)?;
    let script = folder.path().join("redis.mjs");
    std::fs::write(&script, include_str!("redis.mjs"))?;
    let told = super::limits::told(Command::new("node").arg(&script).arg(port.to_string()))?;
    let number = |key: &str| told.get(key).and_then(serde_json::Value::as_f64);
    Ok(Row {
        name: "rate-limiter-flexible 11.4.0 with ioredis, one counter",
        rate: number("rate").context("no rate")?,
        p99: number("p99").context("no p99")?,
    })
}

fn write(rows: Vec<Row>) -> Result<()> {
    let peer = rows.last().map_or(1.0, |row| row.rate);
    let mut section = format!(
        "{TITLE}\n\nMade by the same command: one connection to a redis-server on the same machine, \
         {AT_ONCE} decisions at once, 10,000 keys; medians of {ROUNDS} rounds of {} s.\n\n\
         | | thousand/s | to rate-limiter-flexible | p99 ms |\n|---|---|---|---|\n",
        ROUND.as_secs()
    );
    for Row { name, rate, p99 } in rows {
        let _ = writeln!(
            section,
            "| {name} | {:.1} | {:.2} | {p99:.1} |",
            rate / 1e3,
            rate / peer
        );
    }
    print!("{section}");
    super::replace_section(TITLE, &section)
}
