//! Sessions in memory.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use panoply::Sessions;
use panoply_store_memory::MemorySessionStore;

use super::{Told, nanos, resident};
use crate::paths::sessions::{asks, many};

/// Of larger numbers this many are asked, spread over all of them.
const ASKED: u32 = 100_000;

const CALLS: u32 = 200_000;

pub(super) fn run(size: u32) -> Result<Told> {
    let count = usize::try_from(size)?;
    let store = MemorySessionStore::builder()
        // A shard may hold more than its share of them by chance.
        .max_sessions(count + count / 4 + 10_000)
        .max_bytes(usize::MAX)
        .build();
    let sessions = Sessions::server_side(Arc::new(store.clone()))?;
    let asked = ASKED.min(size);
    // Half of them before the others, so that those that are asked lie between them.
    let before = resident()?;
    let mut cookies = Vec::new();
    let each = size / asked;
    for _ in 0..asked {
        cookies.extend(many(&sessions, 1)?);
        many(&sessions, each - 1)?;
    }
    let bytes = (resident()? - before) / f64::from(size);
    // In another order than that in which they were made.
    let places = u32::try_from(cookies.len())?;
    let mixed: Vec<_> = (0..places)
        .map(|number| super::scattered(number, places))
        .filter_map(|place| cookies.get(place as usize).cloned())
        .collect();
    (mixed.len() == cookies.len())
        .then_some(())
        .context("places")?;
    let read = nanos(&mut asks(&sessions, mixed.clone(), "/read"), CALLS)?;
    let write = nanos(&mut asks(&sessions, mixed, "/write"), CALLS)?;
    let kept = f64::from(u32::try_from(store.len())?);
    Ok(vec![
        ("read", read),
        ("write", write),
        ("bytes", bytes),
        ("kept", kept),
    ])
}
