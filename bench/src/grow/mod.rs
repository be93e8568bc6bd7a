//! How a cost grows with how much there is: one size a process, so that memory can be told too.
//!
//! Each prints a line of JSON: nanoseconds by what was done, and bytes for each of so many.

mod cookies;
mod counters;
mod nodes;
mod redis;
pub(crate) mod routes;
mod sessions;

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::paths::Path;

/// Measures one of them at one size.
pub(crate) fn run(name: &str, size: u32) -> Result<()> {
    let told = match name {
        "sessions" => sessions::run(size)?,
        "counters" => counters::run(size)?,
        "limits" => routes::limits(size)?,
        "headers" => routes::headers(size)?,
        "cookies" => cookies::run(size)?,
        "node" => nodes::run(size)?,
        "redis" => redis::run(size)?,
        _ => bail!("{name} does not grow"),
    };
    let told: Vec<String> = told
        .into_iter()
        .map(|(name, figure)| format!("\"{name}\":{figure:.1}"))
        .collect();
    println!("{{{}}}", told.join(","));
    Ok(())
}

/// Figures by their names.
type Told = Vec<(&'static str, f64)>;

const ROUNDS: usize = 5;

/// Nanoseconds a call, the median of some rounds after one that warms up.
fn nanos(path: &mut Path, calls: u32) -> Result<f64> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let nanos = round_of(path, calls)?;
        if round > 0 {
            rounds.push(nanos);
        }
    }
    rounds.sort_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().context("no round")
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn round_of(path: &mut Path, calls: u32) -> Result<f64> {
    let start = Instant::now();
    for number in 0..calls {
        ensure!(path(number), "call {number} went wrong");
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
}

/// The memory of this process, in bytes.
fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: u32 = kilobytes.context("no VmRSS")?.parse()?;
    Ok(f64::from(kilobytes) * 1024.0)
}

/// A number of `0..many` for each call, so that no two calls that follow each other have neighbours:
/// caches then hold of a large store what they would hold in production.
fn scattered(number: u32, many: u32) -> u32 {
    let mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    u32::try_from((mixed * u64::from(many)) >> 32).unwrap_or_default()
}
