//! A part of the keys, under one lock.

use std::time::Duration;

use hashbrown::{HashMap, HashTable};
use panoply_core::{Action, Block, BlockId, CounterKey, Moment, Op, Record, Subject};

use crate::page::Page;
use crate::sketch::{Sketch, Span};
use crate::slot::{Kind, Slot, low, revived};
use crate::slots::Slots;

mod image;

/// A part of the keys.
#[derive(Debug)]
pub(crate) struct Shard {
    slots: Slots,
    index: HashTable<u32>,
    notes: HashMap<u128, Note>,
    sketches: [Sketch; 4],
    bounds: Bounds,
    swept: usize,
    looked_at: usize,
    notes_swept: Moment,
    dice: u64,
}

/// How large a shard may grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) keys: usize,
    pub(crate) row: usize,
}

/// Of a locked key, what people want to know.
#[derive(Debug)]
struct Note {
    rule: Box<str>,
    subject: Subject,
}

/// How many counters are looked at to find the one that makes room.
const LOOKED_AT: usize = 16;

impl Shard {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            slots: Slots::default(),
            index: HashTable::new(),
            notes: HashMap::new(),
            sketches: Default::default(),
            bounds,
            swept: 0,
            looked_at: 0,
            notes_swept: Moment::ZERO,
            dice: 0x2545_f491_4f6c_dd1d,
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.bounds);
    }

    /// The record of an operation's own key.
    pub(crate) fn load(&mut self, op: &Op<'_>, now: Moment) -> Option<Record> {
        let key = op.key.to_bits();
        if let Some(place) = self.place(key) {
            self.looked_at = place;
            let record = self.slots.get(place).map(Slot::record);
            return record.filter(|record| record.end() > now);
        }
        let kind = Kind::of(op.rule);
        let sketch = self.sketch(kind.span)?;
        sketch.age(now);
        let estimate = sketch.read(key, kind.points)?;
        Some(revived(estimate.count, estimate.locked, op, now))
    }

    pub(crate) fn load_member(&self, key: CounterKey) -> Option<Record> {
        self.find(key.to_bits()).map(Slot::record)
    }

    /// Keeps what an operation made of its key: what is kept, here or in the sketch.
    pub(crate) fn save(
        &mut self,
        op: &Op<'_>,
        record: Option<Record>,
        now: Moment,
    ) -> Option<Record> {
        let key = op.key.to_bits();
        let kind = Kind::of(op.rule);
        let known = || {
            let sketch = self.sketches.get(kind.span as usize);
            sketch.and_then(|sketch| sketch.read(key, kind.points))
        };
        let record = match record {
            // What the sketch knows of the key must not come back when it has been forgotten.
            None if matches!(op.action, Action::Forget) && known().is_some() => {
                Some(Record::new(0, now.after(op.rule.window()), Moment::ZERO, 0))
            }
            record => record,
        };
        let Some(record) = record.filter(|record| record.end() > now) else {
            self.remove(key);
            return None;
        };
        let locked = record.is_locked(now);
        if let Some(slot) = self.find_mut(key)
            && slot.is_noted() == locked
        {
            slot.set(&record);
            return Some(record);
        }
        // Who adds a block by hand may go beyond the bound, an attacker may not.
        let by_hand = matches!(op.action, Action::Block { .. });
        if locked && !by_hand && !self.may_note(key, now) {
            self.fold(key, &record, kind, now);
            self.remove(key);
            return Some(record);
        }
        if !self.put(key, &record, kind, now) {
            return Some(record);
        }
        if locked {
            let note = Note {
                rule: op.rule.name().into(),
                subject: op.subject,
            };
            self.notes.insert(key, note);
        } else {
            self.notes.remove(&key);
        }
        if let Some(slot) = self.find_mut(key) {
            slot.note(locked);
        }
        Some(record)
    }

    pub(crate) fn save_member(
        &mut self,
        key: u128,
        record: Option<Record>,
        kind: Kind,
        now: Moment,
    ) {
        match record {
            Some(record) => {
                self.put(key, &record, kind, now);
            }
            None => self.remove(key),
        }
    }

    /// Puts the blocks in force behind `after` into `page`, as far as they belong there.
    pub(crate) fn blocks(&self, now: Moment, after: Option<BlockId>, page: &mut Page) {
        for (&key, note) in &self.notes {
            let id = BlockId::of(CounterKey::from_bits(key));
            // Most are not for this page: nothing is copied of those.
            if after.is_some_and(|after| id <= after) || !page.has_room_for(id) {
                continue;
            }
            let Some(record) = self.find(key).map(Slot::record) else {
                continue;
            };
            if record.is_locked(now) {
                page.put(Block::new(
                    CounterKey::from_bits(key),
                    note.rule.to_string(),
                    note.subject,
                    record.count,
                    record.lock_end.since(now),
                ));
            }
        }
    }

    /// The keys of the blocks in force that are `meant`.
    pub(crate) fn blocked(
        &self,
        now: Moment,
        meant: impl Fn(CounterKey, Subject) -> bool,
    ) -> Vec<CounterKey> {
        let notes = self.notes.iter();
        let found = notes.map(|(key, note)| (CounterKey::from_bits(*key), note.subject));
        let found = found.filter(|(key, subject)| meant(*key, *subject));
        let in_force = |key: &CounterKey| {
            let slot = self.find(key.to_bits());
            slot.is_some_and(|slot| slot.record().is_locked(now))
        };
        found.map(|(key, _)| key).filter(in_force).collect()
    }

    pub(crate) fn remove(&mut self, key: u128) {
        let Some(place) = self.place(key) else { return };
        if self.slots.get(place).is_some_and(Slot::is_noted) {
            self.notes.remove(&key);
        }
        self.unlink(key);
        let last = self.slots.len().saturating_sub(1);
        self.slots.swap_remove(place);
        if let Some(moved) = self.slots.get(place) {
            let (hash, from) = (low(moved.key()), small(last));
            if let Some(index) = self.index.find_mut(hash, |index| *index == from) {
                *index = small(place);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let sketches: usize = self.sketches.iter().map(Sketch::bytes).sum();
        self.slots.bytes() + self.index.allocation_size() + self.notes.allocation_size() + sketches
    }

    fn sketch(&mut self, span: Span) -> Option<&mut Sketch> {
        self.sketches.get_mut(span as usize)
    }

    /// Writes a record, in the place of another if need be; `false` when it went into the sketch.
    fn put(&mut self, key: u128, record: &Record, kind: Kind, now: Moment) -> bool {
        if let Some(slot) = self.find_mut(key) {
            slot.set(record);
            return true;
        }
        self.sweep(now);
        if self.slots.len() >= self.bounds.keys && !(0..8).any(|_| self.make_room(now)) {
            self.fold(key, record, kind, now);
            return false;
        }
        let place = small(self.slots.len());
        self.slots.push(Slot::new(key, record, kind));
        let slots = &self.slots;
        self.index.insert_unique(low(key), place, |&place| {
            slots.get(place as usize).map_or(0, |slot| low(slot.key()))
        });
        true
    }

    /// Looks at two counters for every new one and drops those that are over.
    fn sweep(&mut self, now: Moment) {
        for _ in 0..2 {
            self.swept = if self.swept + 1 < self.slots.len() {
                self.swept + 1
            } else {
                0
            };
            if let Some(slot) = self.slots.get(self.swept)
                && slot.record().end() <= now
            {
                let key = slot.key();
                self.remove(key);
            }
        }
    }

    /// Folds the coldest of a few counters into the sketch; `false` when all of them are locked.
    fn make_room(&mut self, now: Moment) -> bool {
        let mut coldest: Option<Slot> = None;
        for _ in 0..LOOKED_AT {
            let place = self.roll();
            let Some(slot) = self.slots.get(place) else {
                continue;
            };
            let record = slot.record();
            if record.end() <= now {
                coldest = Some(*slot);
                break;
            }
            let colder = |than: &Slot| slot.heat() < than.heat();
            if !record.is_locked(now) && coldest.as_ref().is_none_or(colder) {
                coldest = Some(*slot);
            }
        }
        let Some(slot) = coldest else { return false };
        let record = slot.record();
        if record.end() > now {
            self.fold(slot.key(), &record, slot.kind(), now);
        }
        self.remove(slot.key());
        true
    }

    fn fold(&mut self, key: u128, record: &Record, kind: Kind, now: Moment) {
        if kind.member {
            return;
        }
        let count = if record.window_end > now {
            record.count
        } else {
            0
        };
        let strikes = i64::from(record.strikes);
        let count = if strikes > 0 {
            count.max(i64::from(kind.points) + strikes - 1)
        } else {
            count
        };
        let locked = record.is_locked(now);
        if count <= 0 && !locked {
            return;
        }
        let row = self.bounds.row;
        // A lock may be longer than the window of its rule.
        let ahead = record.end().since(now).unwrap_or(Duration::ZERO);
        if let Some(sketch) = self.sketch(kind.span) {
            let period = (kind.span != Span::Forever).then_some(ahead);
            sketch.age(now);
            sketch.write(key, (count, locked), kind.points, period, (row, now));
        }
    }

    /// Whether one more locked key may be kept exactly.
    fn may_note(&mut self, key: u128, now: Moment) -> bool {
        let most = self.bounds.keys / 2;
        if self.notes.len() < most || self.notes.contains_key(&key) {
            return true;
        }
        if now.since(self.notes_swept) >= Some(Duration::from_secs(1)) {
            self.notes_swept = now;
            let over = |key: &&u128| {
                let slot = self.find(**key);
                slot.is_none_or(|slot| !slot.record().is_locked(now))
            };
            let over: Vec<u128> = self.notes.keys().filter(over).copied().collect();
            for key in over {
                self.notes.remove(&key);
                if let Some(slot) = self.find_mut(key) {
                    slot.note(false);
                }
            }
        }
        self.notes.len() < most
    }

    fn place(&self, key: u128) -> Option<usize> {
        // What is written was mostly just read.
        if self
            .slots
            .get(self.looked_at)
            .is_some_and(|slot| slot.is(key))
        {
            return Some(self.looked_at);
        }
        let is = |place: &u32| {
            self.slots
                .get(*place as usize)
                .is_some_and(|slot| slot.is(key))
        };
        self.index.find(low(key), is).map(|place| *place as usize)
    }

    fn find(&self, key: u128) -> Option<&Slot> {
        self.slots.get(self.place(key)?)
    }

    fn find_mut(&mut self, key: u128) -> Option<&mut Slot> {
        let place = self.place(key)?;
        self.slots.get_mut(place)
    }

    fn unlink(&mut self, key: u128) {
        let slots = &self.slots;
        let is = |place: &u32| slots.get(*place as usize).is_some_and(|slot| slot.is(key));
        if let Ok(entry) = self.index.find_entry(low(key), is) {
            entry.remove();
        }
    }

    /// A counter by chance; what an outsider cannot know is the keys, not the dice.
    fn roll(&mut self) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let place = u128::from(self.dice) * (self.slots.len() as u128);
        usize::try_from(place >> 64).unwrap_or(0)
    }
}

/// A place among the slots, of which there are fewer than 2³².
fn small(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
