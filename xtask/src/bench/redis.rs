//! Counting in Redis, beside rate-limiter-flexible.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use panoply_core::{CounterKeys, CounterStore as _, Lock, Op, Rule};
use panoply_store_redis::RedisStore;

use super::growth::processor;
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
    /// Of Redis's processor, for a decision, in µs.
    spent: f64,
}

/// Measures, prints and adds its section to `docs/benchmarks.md`.
pub(super) fn run() -> Result<()> {
    let server = RedisServer::start(&[])?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ours = runtime.block_on(tokio::task::LocalSet::new().run_until(ours(&server)))?;
    let peer = node(&server)?;
    write(ours.into_iter().chain([peer]).collect())
}

async fn ours(server: &RedisServer) -> Result<Vec<Row>> {
    let store = RedisStore::builder(server.url()).connect().await?;
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
        let mut decisions = 0;
        let before = processor(server.process())?;
        for _ in 0..=ROUNDS {
            let rules = rules.get(..counters).unwrap_or(&rules);
            let (many, p99) = round(&store, &keys, rules).await?;
            decisions += many;
            rounds.push((f64::from(many) / ROUND.as_secs_f64(), p99));
        }
        let spent = processor(server.process())? - before;
        // The first round is for warming up.
        rounds.remove(0);
        rounds.sort_by(|one: &(f64, f64), other| one.0.total_cmp(&other.0));
        let (rate, p99) = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
        let spent = spent * 1e6 / f64::from(decisions);
        rows.push(Row {
            name,
            rate,
            p99,
            spent,
        });
    }
    Ok(rows)
}

/// How many decisions a round makes, and how long the slowest of a hundred takes, in ms.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn round(store: &RedisStore, keys: &CounterKeys, rules: &[Rule]) -> Result<(u32, f64)> {
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
    let mut times = times.borrow_mut();
    times.sort_by(f64::total_cmp);
    let count = u32::try_from(times.len())?;
    let p99 = times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    Ok((count, p99))
}

fn node(server: &RedisServer) -> Result<Row> {
    let folder = tempfile::tempdir()?;
    let packages = ["rate-limiter-flexible@11.4.0", "ioredis@5"];
    super::limits::npm(folder.path(), &packages)?;
    let script = folder.path().join("redis.mjs");
    std::fs::write(&script, include_str!("redis.mjs"))?;
    let before = processor(server.process())?;
    let port = server.port().to_string();
    let told = super::limits::told(Command::new("node").arg(&script).arg(port))?;
    let spent = processor(server.process())? - before;
    let number = |key: &str| told.get(key).and_then(serde_json::Value::as_f64);
    Ok(Row {
        spent: spent * 1e6 / number("decisions").context("no decisions")?,
        name: "rate-limiter-flexible 11.4.0 with ioredis, one counter",
        rate: number("rate").context("no rate")?,
        p99: number("p99").context("no p99")?,
    })
}

fn write(rows: Vec<Row>) -> Result<()> {
    let (peer, cost) = rows.last().map_or((1.0, 1.0), |row| (row.rate, row.spent));
    let mut section = format!(
        "{TITLE}\n\nMade by the same command: one connection to a redis-server on the same machine, \
         {AT_ONCE} decisions at once, 10,000 keys; medians of {ROUNDS} rounds of {} s. \
         How much of Redis's processor a decision takes says how many nodes one Redis can serve.\n\n\
         | | thousand/s | to rate-limiter-flexible | p99 ms | µs each in Redis | to rate-limiter-flexible |\n\
         |---|---|---|---|---|---|\n",
        ROUND.as_secs()
    );
    for Row {
        name,
        rate,
        p99,
        spent,
    } in rows
    {
        let _ = writeln!(
            section,
            "| {name} | {:.1} | {:.2} | {p99:.1} | {spent:.1} | {:.2} |",
            rate / 1e3,
            rate / peer,
            spent / cost
        );
    }
    print!("{section}");
    super::replace_section(TITLE, &section)
}
