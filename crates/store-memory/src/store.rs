//! The store: many shards, and decisions that touch several of them at once.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use panoply_core::{
    Action, Block, BlockId, Clock, CounterKey, CounterStore, Decision, Moment, Op, Record, Release,
    Reply, State, StoreError,
};
use smallvec::{SmallVec, smallvec};

use crate::MemoryStoreBuilder;
use crate::page::Page;
use crate::shard::{Bounds, Shard};
use crate::slot::{Kind, high};

mod image;
mod journal;

pub use journal::{Kept, SketchImage, Told};

const SHARDS: usize = 16;

/// Counters in the memory of this process.
///
/// Clones share the counters.
#[derive(Clone)]
pub struct MemoryStore {
    shards: Arc<[Mutex<Shard>; SHARDS]>,
    clock: Arc<dyn Clock>,
    /// What the clock's zero is.
    base: Moment,
}

/// The shards of one decision, locked in the order of their numbers so that none waits for another
/// in a circle.
type Locked<'a> = SmallVec<[(usize, MutexGuard<'a, Shard>); 8]>;

impl MemoryStore {
    /// Settings other than the defaults.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder::default()
    }

    pub(crate) fn new(settings: MemoryStoreBuilder) -> Self {
        let bounds = Bounds {
            keys: settings.max_keys.max(1024) / SHARDS,
            row: settings.sketch_bytes.max(64 * 1024) / SHARDS / 4,
        };
        Self {
            shards: Arc::new(std::array::from_fn(|_| Mutex::new(Shard::new(bounds)))),
            base: settings.base(),
            clock: settings.clock,
        }
    }

    /// How many counters are kept exactly.
    pub fn len(&self) -> usize {
        self.each(Shard::len).sum()
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that are held for counters, blocks and sketches.
    pub fn bytes(&self) -> usize {
        self.each(Shard::bytes).sum()
    }

    fn each<'a, T>(&'a self, look: impl Fn(&Shard) -> T + 'a) -> impl Iterator<Item = T> + 'a {
        self.shards.iter().map(move |shard| look(&lock(shard)))
    }

    fn now(&self) -> Moment {
        self.base.after(Some(self.clock.monotonic()))
    }

    fn shard(&self, key: CounterKey) -> (usize, MutexGuard<'_, Shard>) {
        let number = shard_of(key);
        let [first, ..] = &*self.shards;
        (number, lock(self.shards.get(number).unwrap_or(first)))
    }

    /// Takes all locks that the operations need, lowest number first.
    fn lock_all(&self, ops: &[Op<'_>]) -> Locked<'_> {
        let mut needed = [false; SHARDS];
        for op in ops {
            for key in std::iter::once(op.key).chain(op.action.member()) {
                if let Some(shard) = needed.get_mut(shard_of(key)) {
                    *shard = true;
                }
            }
        }
        let shards = self.shards.iter().enumerate().zip(needed);
        shards
            .filter(|(_, needed)| *needed)
            .map(|((number, shard), _)| (number, lock(shard)))
            .collect()
    }

    fn decide_one(&self, op: &Op<'_>, now: Moment, tell: impl FnOnce(&Told<'_>)) -> Decision {
        let (_, mut shard) = self.shard(op.key);
        let before = shard.load(op, now);
        let (after, state) = Record::apply(before, op.rule, &op.action, false, now);
        let granted = state.allowed || !op.action.is_condition();
        if granted && !matches!(op.action, Action::Get) {
            let plan = Planned {
                after: shard.save(op, after, now),
                ..Planned::new(before, state)
            };
            let (ops, planned) = (std::slice::from_ref(op), std::slice::from_ref(&plan));
            tell(&Told::new(ops, planned, now));
        }
        Decision::new(now, smallvec![state], granted)
    }

    fn decide_all(&self, ops: &[Op<'_>], now: Moment, tell: impl FnOnce(&Told<'_>)) -> Decision {
        let mut shards = self.lock_all(ops);
        let mut planned: SmallVec<[Planned; 4]> = SmallVec::new();
        let mut granted = true;
        for op in ops {
            let plan = plan(&mut shards, op, now);
            granted &= plan.state.allowed || !op.action.is_condition();
            planned.push(plan);
        }
        for (op, plan) in ops.iter().zip(&mut planned) {
            if granted {
                write(&mut shards, op, plan, now);
            } else if plan.state.allowed {
                plan.state = Record::apply(plan.before, op.rule, &Action::Get, false, now).1;
            }
        }
        if granted {
            tell(&Told::new(ops, &planned, now));
        }
        Decision::new(
            now,
            planned.iter().map(|plan| plan.state).collect(),
            granted,
        )
    }
}

/// What an operation does.
#[derive(Debug)]
struct Planned {
    before: Option<Record>,
    after: Option<Record>,
    member: Option<Record>,
    member_after: Option<Record>,
    state: State,
}

impl Planned {
    const fn new(before: Option<Record>, state: State) -> Self {
        Self {
            before,
            after: before,
            member: None,
            member_after: None,
            state,
        }
    }
}

fn plan(shards: &mut Locked<'_>, op: &Op<'_>, now: Moment) -> Planned {
    let before = at(shards, op.key).and_then(|shard| shard.load(op, now));
    let member = op
        .action
        .member()
        .and_then(|key| at(shards, key)?.load_member(key));
    let counted = op.action.member().is_some()
        && Record::counted(member.as_ref(), before.as_ref(), &op.action, now);
    let (after, state) = Record::apply(before, op.rule, &op.action, counted, now);
    Planned {
        after,
        member,
        member_after: member,
        ..Planned::new(before, state)
    }
}

/// Writes what was planned, and notes what is kept of it.
fn write(shards: &mut Locked<'_>, op: &Op<'_>, plan: &mut Planned, now: Moment) {
    if matches!(op.action, Action::Get) {
        return;
    }
    let set = plan.after;
    if let Some(shard) = at(shards, op.key) {
        plan.after = shard.save(op, set, now);
    }
    let Some((member, set)) = op.action.member().zip(set) else {
        return;
    };
    plan.member_after = Record::apply_member(plan.member, &set, &op.action, now);
    if let Some(shard) = at(shards, member) {
        shard.save_member(
            member.to_bits(),
            plan.member_after,
            Kind::member_of(op),
            now,
        );
    }
}

fn at<'a>(shards: &'a mut Locked<'_>, key: CounterKey) -> Option<&'a mut Shard> {
    let wanted = shard_of(key);
    let found = shards.iter_mut().find(|(number, _)| *number == wanted);
    found.map(|(_, shard)| &mut **shard)
}

fn shard_of(key: CounterKey) -> usize {
    usize::try_from(high(key.to_bits()) >> 60).unwrap_or(0)
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}

impl CounterStore for MemoryStore {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        Reply::ready(Ok(self.decide_and_tell(ops, |_| {})))
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        let now = self.now();
        let mut page = Page::new(most);
        for shard in self.shards.iter() {
            lock(shard).blocks(now, after, &mut page);
        }
        Reply::ready(Ok(page.into_blocks()))
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        Reply::ready(Ok(self.release_and_tell(which, |_| {})))
    }

    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        Some(Ok(self.decide_and_tell(ops, |_| {})))
    }
}
