//! What a key takes in the Redis that `PANOPLY_BENCH_REDIS` names, which nobody else uses.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use panoply_core::{
    CounterKeys, CounterStore as _, Lock, Op, Rule, SessionChange, SessionKey, SessionStore,
};
use panoply_store_redis::RedisStore;

use super::Told;

/// Bytes of Redis's memory for each of so many counters, and for each of so many sessions of one
/// small value.
pub(super) fn run(size: u32) -> Result<Told> {
    let url = std::env::var("PANOPLY_BENCH_REDIS").context("PANOPLY_BENCH_REDIS")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(fill(url, size))
}

async fn fill(url: String, size: u32) -> Result<Told> {
    let address = url.trim_start_matches("redis://").to_owned();
    let store = RedisStore::builder(url).connect().await?;
    let keys = CounterKeys::new([7; 16]);
    let hour = Duration::from_hours(1);
    let plain = Rule::new("limit", 10, hour);
    let locks = Rule::new("pair", 10, hour).lock(Lock::doubling(hour, hour));
    let mut told = Vec::new();
    for (name, rule) in [("counter", &plain), ("counter of a login", &locks)] {
        let before = used(&address)?;
        for number in 0..size {
            let key = keys.key(rule.name(), &[&number.to_le_bytes()]);
            store.decide(&[Op::reserve(key, rule)]).await?;
        }
        told.push((name, (used(&address)? - before) / f64::from(size)));
    }
    let sessions: Arc<dyn SessionStore> = Arc::new(store.sessions());
    let before = used(&address)?;
    for number in 0..size {
        let mut hash = [0; 32];
        hash.iter_mut()
            .zip(number.to_le_bytes())
            .for_each(|(place, byte)| *place = byte);
        let change = SessionChange::create(hour, hour).set("views", "1");
        sessions
            .commit(&SessionKey::from_hash(hash), &change)
            .await?;
    }
    told.push(("session", (used(&address)? - before) / f64::from(size)));
    Ok(told)
}

/// `used_memory` as Redis tells it.
fn used(address: &str) -> Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"INFO memory\r\n")?;
    let mut stream = BufReader::new(stream);
    let mut length = String::new();
    stream.read_line(&mut length)?;
    let length: usize = length.trim().trim_start_matches('$').parse()?;
    let mut told = vec![0; length];
    stream.read_exact(&mut told)?;
    let told = String::from_utf8(told)?;
    let used = told
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    Ok(used.context("no used_memory")?.trim().parse()?)
}
