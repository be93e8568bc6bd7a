//! Sessions in memory, as they are in the database.
//!
//! What is here is what was committed last, at any moment: before a transaction is committed, what
//! it changes is taken out under all of its keys and fenced off, so that a load meanwhile is
//! answered by the database, and after it put in anew. What a reader has found goes in unless a
//! transaction has fenced it off since the reader began.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::{HashMap, HashSet};
use panoply_core::{Moment, SessionRecord};

/// The hash of a key.
pub(super) type Hash = [u8; 32];

/// A session and the number of its row.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) id: i64,
    pub(super) record: Arc<SessionRecord>,
}

/// The sessions that were wanted last, by every key that leads to them.
#[derive(Debug)]
pub(super) struct Cache {
    shards: Box<[RwLock<Shard>]>,
    /// How many bytes a shard may take.
    most: usize,
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<Hash, Slot>,
    bytes: usize,
    fenced: HashSet<Hash>,
    /// What is being read, and whether it may still go in.
    reading: HashMap<Hash, bool>,
}

#[derive(Debug)]
struct Slot {
    kept: Kept,
    bytes: usize,
    /// Whether anybody wanted it since room was made last.
    wanted: AtomicBool,
}

const SHARDS: usize = 16;

impl Cache {
    /// A cache of so many bytes; of none it keeps nothing.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            most: bytes / SHARDS,
        }
    }

    pub(super) fn get(&self, key: &Hash) -> Option<Kept> {
        let shard = self.read(key)?;
        let slot = shard.slots.get(key)?;
        if !slot.wanted.load(Ordering::Relaxed) {
            slot.wanted.store(true, Ordering::Relaxed);
        }
        Some(slot.kept.clone())
    }

    /// Takes keys out until they are [published](Self::publish) or [freed](Self::free).
    pub(super) fn fence<'a>(&self, keys: impl IntoIterator<Item = &'a Hash>) {
        for key in keys {
            let Some(mut shard) = self.write(key) else {
                continue;
            };
            shard.remove(key);
            shard.fenced.insert(*key);
            if let Some(fresh) = shard.reading.get_mut(key) {
                *fresh = false;
            }
        }
    }

    /// Puts a session in that was committed, under all of its keys, unless it is over by now.
    pub(super) fn publish(&self, kept: &Kept, now: Moment) {
        // Its keys may be another's already.
        if kept.record.is_over(now) {
            return;
        }
        let bytes = size(&kept.record);
        for key in kept.record.keys(now) {
            if let Some(mut shard) = self.write(key.hash()) {
                shard.fenced.remove(key.hash());
                shard.put(*key.hash(), kept.clone(), bytes, self.most);
            }
        }
    }

    /// Ends the fence around keys: the transaction is over, whatever came of it.
    pub(super) fn free<'a>(&self, keys: impl IntoIterator<Item = &'a Hash>) {
        for key in keys {
            if let Some(mut shard) = self.write(key) {
                shard.fenced.remove(key);
            }
        }
    }

    /// Says that `key` is about to be read from the database. Only one reads a key at a time.
    pub(super) fn begin(&self, key: &Hash) {
        if let Some(mut shard) = self.write(key) {
            let fresh = !shard.fenced.contains(key);
            shard.reading.insert(*key, fresh);
        }
    }

    /// Says what was found there, if it was a session.
    pub(super) fn end(&self, key: &Hash, found: Option<Kept>) {
        let Some(mut shard) = self.write(key) else {
            return;
        };
        if shard.reading.remove(key) == Some(true)
            && let Some(kept) = found
        {
            let bytes = size(&kept.record);
            shard.put(*key, kept, bytes, self.most);
        }
    }

    /// About how many bytes are taken.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |shard: &RwLock<Shard>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.bytes
        };
        self.shards.iter().map(bytes).sum()
    }

    fn read(&self, key: &Hash) -> Option<RwLockReadGuard<'_, Shard>> {
        let shard = self.shards.get(number(key))?;
        Some(shard.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, key: &Hash) -> Option<RwLockWriteGuard<'_, Shard>> {
        let shard = self.shards.get(number(key))?;
        Some(shard.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Which shard a key belongs to.
fn number(key: &Hash) -> usize {
    key.last().map_or(0, |last| usize::from(*last) % SHARDS)
}

impl Shard {
    fn put(&mut self, key: Hash, kept: Kept, bytes: usize, most: usize) {
        self.remove(&key);
        // What would push everybody else out is not worth it.
        if bytes > most / 4 {
            return;
        }
        self.bytes += bytes;
        let wanted = AtomicBool::new(false);
        let slot = Slot {
            kept,
            bytes,
            wanted,
        };
        self.slots.insert(key, slot);
        // Those that nobody wanted since the last time go first, then any.
        for _ in 0..2 {
            if self.bytes > most {
                self.make_room(most / 8 * 7);
            }
        }
    }

    fn make_room(&mut self, enough: usize) {
        let mut bytes = self.bytes;
        self.slots.retain(|_, slot| {
            let keep = bytes <= enough || std::mem::take(slot.wanted.get_mut());
            if !keep {
                bytes = bytes.saturating_sub(slot.bytes);
            }
            keep
        });
        self.bytes = bytes;
    }

    fn remove(&mut self, key: &Hash) {
        if let Some(slot) = self.slots.remove(key) {
            self.bytes = self.bytes.saturating_sub(slot.bytes);
        }
    }
}

/// About how many bytes a session takes under one key.
fn size(record: &SessionRecord) -> usize {
    const PLACE: usize = 128;
    const VALUE: usize = 96;
    let own = size_of::<SessionRecord>() + size_of::<Slot>() + PLACE;
    let old = record.old_keys.len() * size_of::<panoply_core::OldKey>();
    own + old + record.values.len() * VALUE + record.values.bytes()
}

#[cfg(test)]
mod tests {
    use panoply_core::SessionKey;

    use super::*;

    const KEY: Hash = [7; 32];
    const NOW: Moment = Moment::from_micros(1000);

    fn kept(version: u64) -> Kept {
        let mut record = SessionRecord::new(&SessionKey::from_hash(KEY), NOW);
        record.version = version;
        record.idle = std::time::Duration::from_hours(1);
        record.end = Moment::NEVER;
        let record = Arc::new(record);
        Kept { id: 1, record }
    }

    fn version(cache: &Cache) -> Option<u64> {
        cache.get(&KEY).map(|kept| kept.record.version)
    }

    #[test]
    fn what_was_read_before_a_change_does_not_take_its_place() {
        let cache = Cache::new(1 << 20);
        cache.begin(&KEY);
        cache.fence([&KEY]);
        cache.publish(&kept(2), NOW);
        cache.free([&KEY]);
        cache.end(&KEY, Some(kept(1)));
        assert_eq!(version(&cache), Some(2));
        // And if the session was destroyed:
        cache.begin(&KEY);
        cache.fence([&KEY]);
        cache.free([&KEY]);
        cache.end(&KEY, Some(kept(2)));
        assert_eq!(version(&cache), None);
    }

    #[test]
    fn what_is_read_during_a_change_may_be_of_before() {
        let cache = Cache::new(1 << 20);
        cache.fence([&KEY]);
        cache.begin(&KEY);
        cache.free([&KEY]);
        cache.end(&KEY, Some(kept(1)));
        assert_eq!(version(&cache), None);
        cache.begin(&KEY);
        cache.end(&KEY, Some(kept(2)));
        assert_eq!(version(&cache), Some(2));
    }

    #[test]
    fn what_is_over_is_not_put_in() {
        let cache = Cache::new(1 << 20);
        cache.fence([&KEY]);
        cache.publish(&kept(1), Moment::NEVER);
        assert_eq!((version(&cache), cache.bytes()), (None, 0));
    }
}
