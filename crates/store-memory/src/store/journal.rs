//! What a store needs that keeps its counters here and writes them down elsewhere.

use std::time::Duration;

use panoply_core::{Action, BlockId, CounterKey, Decision, Moment, Op, Record, Release, Subject};

use super::{MemoryStore, Planned, lock};
use crate::slot::Kind;

/// One counter as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept<'a> {
    /// The key.
    pub key: CounterKey,
    /// The record; none if there is none any more.
    pub record: Option<Record>,
    /// Bits of this crate's own that say what the counter is held to, roughly, and whether it is a
    /// member of another.
    pub kind: u32,
    /// Of a locked key the name of the rule that locked it, and whom it stands for.
    pub lock: Option<(&'a str, Subject)>,
}

impl<'a> Kept<'a> {
    /// A counter that was written down.
    pub const fn new(
        key: CounterKey,
        record: Option<Record>,
        kind: u32,
        lock: Option<(&'a str, Subject)>,
    ) -> Self {
        Self {
            key,
            record,
            kind,
            lock,
        }
    }
}

/// What a decision is about to write.
#[derive(Debug)]
pub struct Told<'a> {
    ops: &'a [Op<'a>],
    planned: &'a [Planned],
    now: Moment,
}

impl<'a> Told<'a> {
    pub(super) const fn new(ops: &'a [Op<'a>], planned: &'a [Planned], now: Moment) -> Self {
        Self { ops, planned, now }
    }

    /// Whether it locks a key.
    pub fn locks(&self) -> bool {
        self.planned.iter().any(|plan| plan.state.just_locked)
    }

    /// Goes through the counters that are other than before.
    pub fn each(&self, mut note: impl FnMut(Kept<'a>)) {
        for (op, plan) in self.ops.iter().zip(self.planned) {
            let forgets = matches!(op.action, Action::Forget);
            if plan.before != plan.after || forgets {
                let locked = plan.after.is_some_and(|record| record.is_locked(self.now));
                let lock = locked.then(|| (op.rule.name(), op.subject));
                let kind = Kind::of(op.rule).to_bits();
                note(Kept::new(op.key, plan.after, kind, lock));
            }
            if let Some(key) = op.action.member()
                && plan.member != plan.member_after
            {
                let kind = Kind::member_of(op).to_bits();
                note(Kept::new(key, plan.member_after, kind, None));
            }
        }
    }
}

/// For stores that write down what is counted here: each change is told before anybody else can
/// see it, so that two decisions about one key are told of in their order.
///
/// What is called does so under locks; it should not take long, and must not ask this store.
impl MemoryStore {
    /// In how many parts the keys lie, by their first four bits.
    pub const PARTS: usize = super::SHARDS;

    /// Decides, and tells `journal` what it writes; nothing of a decision that was refused.
    pub fn decide_and_tell(&self, ops: &[Op<'_>], journal: impl FnOnce(&Told<'_>)) -> Decision {
        let now = self.now();
        match ops {
            [op] if op.action.member().is_none() => self.decide_one(op, now, journal),
            ops => self.decide_all(ops, now, journal),
        }
    }

    /// Releases, and tells `journal` of each key.
    pub fn release_and_tell(&self, which: Release, mut journal: impl FnMut(Kept<'_>)) -> usize {
        let now = self.now();
        let meant = |key: CounterKey, subject: Subject| match which {
            Release::Id(id) => BlockId::of(key) == id,
            Release::Client(address) => subject.address() == Some(address),
            _ => false,
        };
        let mut released = 0;
        for shard in self.shards.iter() {
            let mut shard = lock(shard);
            let found = shard.blocked(now, meant);
            for key in &found {
                let (record, kind) = shard.forget(key.to_bits(), now);
                journal(Kept::new(*key, record, kind.to_bits(), None));
            }
            released += found.len();
        }
        released
    }

    /// What the store's clock shows.
    pub fn moment(&self) -> Moment {
        self.now()
    }

    /// Puts back what was written down, as far as it has not ended; what is beyond the bounds of
    /// this store goes into its sketches.
    pub fn restore(&self, kept: &Kept<'_>) {
        let now = self.now();
        self.shard(kept.key).1.restore(kept, now);
    }

    /// Forgets everything, and gives the memory back.
    pub fn clear(&self) {
        self.shards.iter().for_each(|shard| lock(shard).clear());
    }

    /// Whether a counter is kept exactly, not in a sketch.
    pub fn holds(&self, key: CounterKey) -> bool {
        self.shard(key).1.load_member(key).is_some()
    }

    /// Goes through all counters of one part that are kept exactly.
    pub fn each_of(&self, part: usize, note: impl FnMut(Kept<'_>)) {
        let now = self.now();
        if let Some(shard) = self.shards.get(part) {
            lock(shard).each(now, note);
        }
    }

    /// The sketches of one part, as far as there is something in them.
    pub fn sketches(&self, part: usize) -> Vec<SketchImage> {
        let shard = self.shards.get(part);
        shard.map_or_else(Vec::new, |shard| lock(shard).images())
    }

    /// Puts back a sketch of one part. One that cannot be of this store is left out, which is
    /// answered with `false`.
    pub fn restore_sketch(&self, part: usize, image: SketchImage) -> bool {
        let shard = self.shards.get(part);
        shard.is_some_and(|shard| lock(shard).restore_image(image))
    }
}

/// Half of a sketch as it is written down: counters that had to make room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SketchImage {
    /// Of which length of windows it is, as this crate numbers them.
    pub span: u8,
    /// Whether it is the half that is forgotten next.
    pub old: bool,
    /// When the halves were last turned.
    pub turned: Moment,
    /// How long each half lives.
    pub period: Duration,
    /// The cells.
    pub cells: Vec<u8>,
}

impl SketchImage {
    /// What was written down.
    pub const fn new(
        span: u8,
        old: bool,
        turned: Moment,
        period: Duration,
        cells: Vec<u8>,
    ) -> Self {
        Self {
            span,
            old,
            turned,
            period,
            cells,
        }
    }
}

#[cfg(test)]
mod tests;
