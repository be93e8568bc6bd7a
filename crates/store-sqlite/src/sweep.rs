//! Keeps the database as small as it may be.

use hashbrown::HashSet;
use panoply_core::{CounterKey, Moment};
use panoply_store_memory::MemoryStore;

use crate::row::{Row, Rows};
use crate::table::{Table, keys_in, keys_of};

/// How many rows are deleted at once, if no more were written, so that no decision waits long.
const AT_ONCE: usize = 1000;

/// Deletes rows that are over, and those of counters that memory has folded into its sketches.
///
/// As long as there is room, a counter that had to make room in memory keeps its row: after a
/// restart it goes into the sketch again. Beyond the bound the sketches of one part are written
/// after the other, and with a sketch on disk the rows may go that it stands for.
#[derive(Debug)]
pub(crate) struct Sweep {
    most: usize,
    range: u8,
    part: usize,
    doomed: HashSet<u128>,
}

impl Sweep {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            range: 0,
            part: 0,
            doomed: HashSet::new(),
        }
    }

    /// A row that has been written anew stands for more than the sketch.
    pub(crate) fn spare(&mut self, key: u128) {
        self.doomed.remove(&key);
    }

    pub(crate) fn forget(&mut self) {
        self.doomed.clear();
    }

    /// Looks at a 256th of the rows: what is over in the next of the ranges.
    pub(crate) fn over(&mut self, table: &Table, now: Moment) -> rusqlite::Result<Rows> {
        let (first, last) = keys_in(self.range);
        self.range = self.range.wrapping_add(1);
        let mut over = Rows::default();
        table.each(first, last, |kept| {
            let record = kept.record.filter(|record| record.end() > now);
            let locked = record.is_some_and(|record| record.is_locked(now));
            // An address is kept only as long as it is blocked.
            if record.is_none() || (kept.lock.is_some() && !locked) {
                let kept = panoply_store_memory::Kept::new(kept.key, record, kept.kind, None);
                over.insert(kept.key.to_bits(), Row::of(&kept));
            }
        })?;
        Ok(over)
    }

    /// Brings the database a step nearer to its bound, after so many rows were `written`.
    pub(crate) fn step(
        &mut self,
        table: &mut Table,
        memory: &MemoryStore,
        written: usize,
    ) -> rusqlite::Result<()> {
        if self.doomed.is_empty() && table.rows() > self.most {
            self.doom(table, memory)?;
        }
        if self.doomed.is_empty() {
            return Ok(());
        }
        let keys: Vec<u128> = self
            .doomed
            .iter()
            .take(AT_ONCE.max(written * 2))
            .copied()
            .collect();
        table.write(false, |table| {
            keys.iter().try_for_each(|key| table.delete(*key))
        })?;
        for key in &keys {
            self.doomed.remove(key);
        }
        Ok(())
    }

    /// Writes the sketches of the next part, and finds the rows that they stand for.
    fn doom(&mut self, table: &mut Table, memory: &MemoryStore) -> rusqlite::Result<()> {
        let part = self.part;
        self.part = (part + 1) % MemoryStore::PARTS;
        let (first, last) = keys_of(part);
        let mut folded = HashSet::new();
        table.each(first, last, |kept| {
            if !memory.holds(kept.key) {
                folded.insert(kept.key.to_bits());
            }
        })?;
        // After the look at the keys: what they have been folded into is in it.
        let images = memory.sketches(part);
        table.write(false, |table| table.put_sketches(part, &images))?;
        self.doomed = folded;
        Ok(())
    }

    /// Writes all that memory has, in place of all that the database has; `between` its steps others
    /// have their turn.
    pub(crate) fn whole(
        &mut self,
        table: &mut Table,
        memory: &MemoryStore,
        mut between: impl FnMut(&mut Table),
    ) -> rusqlite::Result<()> {
        self.forget();
        for part in 0..MemoryStore::PARTS {
            let mut rows: Vec<(CounterKey, Row)> = Vec::new();
            memory.each_of(part, |kept| rows.push((kept.key, Row::of(&kept))));
            let images = memory.sketches(part);
            let (first, last) = keys_of(part);
            table.write(true, |table| {
                table.clear(first, last)?;
                table.put_sketches(part, &images)?;
                rows.iter()
                    .try_for_each(|(key, row)| table.put(key.to_bits(), row))
            })?;
            between(table);
        }
        Ok(())
    }
}
