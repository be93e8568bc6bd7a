//! A part of the keys, bounded on its own.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use hashbrown::HashMap;
use panoply_core::{Moment, SessionKey};

use super::entry::{Entry, Worth};

/// Where each key leads.
pub(super) type Keys = HashMap<SessionKey, Arc<Entry>>;

/// A part of the keys.
#[derive(Debug, Default)]
pub(super) struct Shard {
    keys: RwLock<Keys>,
    /// What the sessions take that have their home here.
    pub(super) bytes: AtomicUsize,
    swept: AtomicU64,
}

impl Shard {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to sweep, and the caller is the one to do it.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        let swept = self.swept.load(Ordering::Relaxed);
        let since = now.since(Moment::from_micros(swept));
        since.is_some_and(|since| since >= SWEEP)
            && self
                .swept
                .compare_exchange(swept, now.as_micros(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// How often what is over is swept out, at most.
const SWEEP: Duration = Duration::from_mins(1);

/// The shards, by whose numbers the bytes of a session are found.
#[derive(Debug)]
pub(super) struct Shards(Box<[Shard]>);

/// How many there are.
const SHARDS: usize = 16;

impl Shards {
    pub(super) const COUNT: usize = SHARDS;

    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Shard::default()).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Shard> {
        self.0.iter()
    }

    /// Its number.
    pub(super) fn number(key: &SessionKey) -> usize {
        // The first bits name a session in lists, the last are as evenly spread.
        key.hash()
            .last()
            .map_or(0, |last| usize::from(*last) % SHARDS)
    }

    pub(super) fn get(&self, number: usize) -> Option<&Shard> {
        self.0.get(number)
    }

    /// Counts the bytes of a session that took `before` and takes `after`.
    pub(super) fn count(&self, home: usize, before: usize, after: usize) {
        if before == after {
            return;
        }
        if let Some(home) = self.0.get(home) {
            home.bytes.fetch_add(after, Ordering::Relaxed);
            home.bytes.fetch_sub(before, Ordering::Relaxed);
        }
    }

    /// Drops every key that leads nowhere any more.
    pub(super) fn sweep(&self, keys: &mut Keys, now: Moment) {
        keys.retain(|key, entry| {
            let held = entry.read();
            let keep = held.at(key, now).is_some();
            let over = !keep && held.bytes() > 0 && held.live(now).is_none();
            drop(held);
            if over {
                self.forget(entry);
            }
            keep
        });
        if keys.len() < keys.capacity() / 4 {
            keys.shrink_to_fit();
        }
    }

    /// Drops the sessions that are worth least, until `enough` says so, but never `spared`.
    pub(super) fn evict(
        &self,
        keys: &mut Keys,
        spared: Option<&Arc<Entry>>,
        now: Moment,
        enough: impl Fn(&Keys) -> bool,
    ) {
        self.sweep(keys, now);
        if enough(keys) {
            return;
        }
        let is_spared =
            |entry: &Arc<Entry>| spared.is_some_and(|spared| Arc::ptr_eq(spared, entry));
        let all = keys.iter().filter(|(_, entry)| !is_spared(entry));
        let mut all: Vec<(Worth, SessionKey)> = all
            .map(|(key, entry)| (entry.read().worth(now), key.clone()))
            .collect();
        // A part at once, so that a flood does not look at all of them for each of its own.
        let part = (all.len() / 32).max(1);
        all.sort_unstable();
        for (number, (_, key)) in all.into_iter().enumerate() {
            if number >= part && enough(keys) {
                break;
            }
            if let Some(entry) = keys.remove(&key) {
                self.forget(&entry);
            }
        }
    }

    /// Ends a session for want of room, or what is left of one that is over.
    fn forget(&self, entry: &Entry) {
        let mut held = entry.write();
        let bytes = held.bytes();
        held.forget();
        drop(held);
        self.count(entry.home, bytes, 0);
    }
}
