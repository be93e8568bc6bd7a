//! Counters in memory.

use std::time::Duration;

use anyhow::Result;
use panoply_core::{CounterKeys, CounterStore as _, Op, Rule};
use panoply_store_memory::MemoryStore;

use super::{Told, nanos, resident, scattered};
use crate::paths::Path;

const CALLS: u32 = 1_000_000;

pub(super) fn run(size: u32) -> Result<Told> {
    let count = usize::try_from(size)?;
    let keys = CounterKeys::new([7; 16]);
    let rule = Rule::new("limit", i64::from(u32::MAX), Duration::from_hours(1));
    let before = resident()?;
    let store = MemoryStore::builder()
        .max_keys(count + count / 4 + 10_000)
        .build();
    let mut decide: Path = Box::new(move |number| {
        let key = keys.key("limit", &[&number.to_le_bytes()]);
        let decided = store.decide(&[Op::reserve(key, &rule)]).now();
        decided.is_ok_and(|decided| decided.is_ok_and(|decision| decision.is_granted()))
    });
    for number in 0..size {
        decide(number);
    }
    let bytes = (resident()? - before) / f64::from(size);
    let mut decide: Path = Box::new(move |number| decide(scattered(number, size)));
    let decision = nanos(&mut decide, CALLS)?;
    Ok(vec![("decision", decision), ("bytes", bytes)])
}
