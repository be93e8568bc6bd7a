//! Counting in memory, beside rate-limiter-flexible and governor.

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use governor::{Quota, RateLimiter};
use panoply_core::{Action, CounterKey, CounterKeys, CounterStore, Lock, Op, Rule};
use panoply_store_memory::MemoryStore;

use super::{middle, optimised, replace_section};
use crate::install;

/// Where the section of the page begins.
pub(super) const TITLE: &str = "## Counting in memory";

const KEYS: u32 = 10_000;
const CALLS: u32 = 5_000_000;
const ROUNDS: usize = 5;
const FOR_BYTES: u32 = 200_000;

/// What one round does so many times, with a number that grows.
type Work<'a> = Box<dyn Fn(u32) -> bool + 'a>;

struct Row {
    name: &'static str,
    rate: f64,
    bytes: Option<f64>,
}

/// Measures, prints and writes its section of `docs/benchmarks.md`.
pub(super) fn run() -> Result<()> {
    if cfg!(debug_assertions) {
        return optimised("limits");
    }
    let bytes = [
        Some(bytes_of(Store::Ours)?),
        None,
        None,
        None,
        Some(bytes_of(Store::Governor)?),
    ];
    let keys = CounterKeys::new([7; 16]);
    let hour = Duration::from_hours(1);
    let points = i64::from(u32::MAX);
    let window = Rule::new("limit", points, hour);
    let rate = Rule::new("rate", points, Duration::from_secs(1));
    let rules = ["pair", "client", "user"]
        .map(|name| Rule::new(name, points, hour).lock(Lock::doubling(hour, hour)));
    let stores: Vec<MemoryStore> = (0..4).map(|_| MemoryStore::default()).collect();
    let [one, two, three, four] = stores.as_slice() else {
        anyhow::bail!("four stores were made");
    };
    let made: Vec<CounterKey> = (0..KEYS)
        .map(|number| keys.key("limit", &[&address(number).octets()]))
        .collect();
    let granted = |store: &MemoryStore, ops: &[Op<'_>]| {
        let decided = store.decide(ops).now();
        decided.is_ok_and(|decided| decided.is_ok_and(|decision| decision.is_granted()))
    };
    let quota = Quota::per_second(NonZeroU32::MAX);
    let governor = RateLimiter::keyed(quota);
    let work: Vec<(&'static str, Work<'_>)> = vec![
        (
            "panoply, a window",
            Box::new(|number| {
                let key = keys.key("limit", &[&address(number).octets()]);
                granted(one, &[Op::reserve(key, &window)])
            }),
        ),
        (
            "panoply, a window, keys made before",
            Box::new(|number| {
                let key = made.get(number as usize % made.len()).copied();
                key.is_some_and(|key| granted(four, &[Op::reserve(key, &window)]))
            }),
        ),
        (
            "panoply, a rate (GCRA)",
            Box::new(|number| {
                let key = keys.key("rate", &[&address(number).octets()]);
                granted(two, &[Op::new(key, &rate, Action::Gcra { cost: 1 })])
            }),
        ),
        (
            "panoply, three counters of a login at once",
            Box::new(|number| {
                let client = address(number).octets();
                let [pair, by_client, user] = &rules;
                granted(
                    three,
                    &[
                        Op::reserve(keys.key("pair", &[b"alice", &client]), pair),
                        Op::reserve(keys.key("client", &[&client]), by_client),
                        Op::reserve(keys.key("user", &[&client]), user),
                    ],
                )
            }),
        ),
        (
            "governor, a rate (GCRA)",
            Box::new(|number| governor.check_key(&address(number)).is_ok()),
        ),
    ];
    let mut rates = vec![Vec::new(); work.len()];
    for round in 0..=ROUNDS {
        for ((_, work), rates) in work.iter().zip(&mut rates) {
            let rate = measure(work)?;
            // The first round is for warming up.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let mut rows: Vec<Row> = work
        .iter()
        .zip(rates)
        .zip(bytes)
        .map(|(((name, _), rates), bytes)| {
            let rate = middle(rates);
            Row { name, rate, bytes }
        })
        .collect();
    rows.push(node()?);
    write(&rows)?;
    super::redis::run()
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + number % KEYS)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn measure(work: &Work<'_>) -> Result<f64> {
    let start = Instant::now();
    let mut granted = 0_u32;
    for number in 0..CALLS {
        granted += u32::from(black_box(work(black_box(number))));
    }
    let rate = f64::from(CALLS) / start.elapsed().as_secs_f64();
    ensure!(granted == CALLS, "{granted} of {CALLS} were granted");
    Ok(rate)
}

/// Whose bytes are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Store {
    Ours,
    Governor,
}

/// What [`bytes_a_key`] says in a process of its own, where nothing was freed that could be used again.
fn bytes_of(store: Store) -> Result<f64> {
    let name = if store == Store::Ours {
        "ours"
    } else {
        "governor"
    };
    let told = Command::new(std::env::current_exe()?)
        .args(["bytes-a-key", name])
        // A huge page that was just begun would be counted as if it were full.
        .env("MIMALLOC_ALLOW_THP", "0")
        .output()?;
    let told = String::from_utf8(told.stdout)?;
    told.trim()
        .parse()
        .with_context(|| format!("no number but {told:?}"))
}

/// Prints the bytes a key, by what the process holds more.
///
/// # Errors
///
/// When the system does not tell.
#[expect(clippy::print_stdout, reason = "it is read by who started it")]
pub(crate) fn bytes_a_key(store: Store) -> Result<bool> {
    let bytes = match store {
        Store::Ours => ours()?,
        Store::Governor => governors()?,
    };
    println!("{bytes}");
    Ok(true)
}

fn ours() -> Result<f64> {
    let keys = CounterKeys::new([7; 16]);
    let rule = Rule::new("limit", 10, Duration::from_hours(1));
    let store = Arc::new(MemoryStore::default());
    let before = resident()?;
    for number in 0..FOR_BYTES {
        let key = keys.key("limit", &[&number.to_le_bytes()]);
        drop(black_box(store.decide(&[Op::reserve(key, &rule)])));
    }
    Ok((resident()? - before) / f64::from(FOR_BYTES))
}

fn governors() -> Result<f64> {
    let before = resident()?;
    let limiter = RateLimiter::keyed(Quota::per_hour(NonZeroU32::MAX));
    for number in 0..FOR_BYTES {
        drop(black_box(limiter.check_key(&Ipv4Addr::from(number))));
    }
    Ok((resident()? - before) / f64::from(FOR_BYTES))
}

/// The memory of this process, in bytes.
fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: u32 = kilobytes.context("no VmRSS")?.parse()?;
    Ok(f64::from(kilobytes) * 1024.0)
}

/// Installs packages into a folder that goes away.
pub(super) fn npm(folder: &Path, packages: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund"]);
    install::succeed(npm.args(packages).current_dir(folder))
}

/// What a script prints, as JSON.
pub(super) fn told(command: &mut Command) -> Result<serde_json::Value> {
    let output = command.output()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

fn node() -> Result<Row> {
    let folder = tempfile::tempdir()?;
    npm(folder.path(), &["rate-limiter-flexible@11.4.0"])?;
    let script = folder.path().join("limits.mjs");
    std::fs::write(&script, include_str!("limits.mjs"))?;
    let told = told(Command::new("node").arg("--expose-gc").arg(&script))?;
    let number = |key: &str| told.get(key).and_then(serde_json::Value::as_f64);
    Ok(Row {
        name: "rate-limiter-flexible 11.4.0 in Node, a window",
        rate: number("rate").context("no rate")?,
        bytes: number("bytes"),
    })
}

fn write(rows: &[Row]) -> Result<()> {
    let governor = rows.iter().find(|row| row.name.starts_with("governor"));
    let governor = governor.map_or(1.0, |row| row.rate);
    let mut section = format!(
        "{TITLE}\n\nMade by `cargo xtask bench limits`: one thread, {KEYS} keys (IPv4 addresses, \
         each made into its key anew), decisions that are granted, the system's clock; medians of \
         {ROUNDS} rounds of {} million in which all take turns. Bytes by the memory of the process \
         after {FOR_BYTES} keys, without huge pages (Node: its heap). governor and \
         rate-limiter-flexible grow without a bound.\n\n| | million/s | to governor | bytes a key |\n|---|---|---|---|\n",
        CALLS / 1_000_000
    );
    for Row { name, rate, bytes } in rows {
        let bytes = bytes.map_or(String::new(), |bytes| format!("{bytes:.0}"));
        let (millions, ratio) = (rate / 1e6, rate / governor);
        let _ = writeln!(section, "| {name} | {millions:.1} | {ratio:.2} | {bytes} |");
    }
    print!("{section}");
    replace_section(TITLE, &section)
}
