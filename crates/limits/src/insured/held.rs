//! Locks that the insurance has made: they hold on this node when the store is back, and the store is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use panoply_core::{Action, CounterKey, CounterStore, Decision, Op, State, StoreError};
use smallvec::SmallVec;

use super::owed::Owned;
use super::within;

/// Locks that were made while the store was away.
#[derive(Debug)]
pub(super) struct Held {
    locks: Mutex<HashMap<CounterKey, Kept>>,
    /// When the last of them ends, in milliseconds.
    until: AtomicU64,
    /// The same of those for which there was no room here: any other that is locked may be one of them.
    beyond: AtomicU64,
    /// When the store is told next.
    next: AtomicU64,
    tells: AtomicBool,
}

#[derive(Debug)]
struct Kept {
    /// Looks whether it is locked.
    look: Owned,
    until: Duration,
    /// When the store is told; never again, once it knows.
    tell: Duration,
}

/// How many the store is told of. Whoever is locked beyond them is locked on this node.
const MOST: usize = 4096;

/// How long after a lock was made the store is told: the attempt that made it may still succeed, which
/// lifts it here, and would not lift another one there.
const SETTLED: Duration = Duration::from_secs(10);

impl Held {
    pub(super) fn new() -> Self {
        Self {
            locks: Mutex::default(),
            until: AtomicU64::new(0),
            beyond: AtomicU64::new(0),
            next: AtomicU64::new(u64::MAX),
            tells: AtomicBool::new(false),
        }
    }

    /// Takes note of what the insurance has decided at `now`.
    pub(super) fn note(&self, ops: &[Op<'_>], decision: &Decision, now: Duration) {
        for (op, state) in ops.iter().zip(decision.states()) {
            // What was locked before is a block by hand, or is known.
            if let Some(look) = look(op).filter(|_| state.just_locked) {
                self.keep(&look, decision, state, now);
            }
        }
    }

    fn keep(&self, look: &Op<'_>, decision: &Decision, state: &State, now: Duration) {
        let left = decision.wait(state).unwrap_or(Duration::MAX);
        let until = now.saturating_add(left);
        self.until.fetch_max(millis(until), Ordering::AcqRel);
        let mut locks = self.lock();
        if locks.len() >= MOST {
            locks.retain(|_, held| held.until > now);
        }
        if let Some(held) = locks.get_mut(&look.key) {
            held.until = held.until.max(until);
        } else if locks.len() < MOST {
            let (look, tell) = (Owned::new(look), now.saturating_add(SETTLED));
            self.next.fetch_min(millis(tell), Ordering::AcqRel);
            locks.insert(look.op().key, Kept { look, until, tell });
        } else {
            self.beyond.fetch_max(millis(until), Ordering::AcqRel);
        }
    }

    /// The refusal of one of `ops`, if the insurance has it locked and the store does not know of it.
    pub(super) fn refusal(
        &self,
        ops: &[Op<'_>],
        insurance: &dyn CounterStore,
        now: Duration,
    ) -> Option<Decision> {
        // Read first: every decision comes by here, on every thread.
        if millis(now) >= self.until.load(Ordering::Acquire) {
            return None;
        }
        let (key, decision) = ops.iter().filter_map(look).find_map(|look| {
            let told = |held: &Kept| held.tell == Duration::MAX;
            let is_told = self.lock().get(&look.key).map(told);
            let beyond = millis(now) < self.beyond.load(Ordering::Acquire);
            let may_be = is_told.map_or(beyond, |told| !told);
            if !may_be {
                // The store decides, so that it may be released on any node, and so may a block that is older.
                return None;
            }
            let decision = insurance.decide(&[look]).now().ok()?.ok()?;
            let state = decision.state();
            if !state.locked {
                return None;
            }
            self.keep(&look, &decision, &state, now);
            Some((look.key, decision))
        })?;
        let state = |op: &Op<'_>| {
            if op.key == key {
                decision.state()
            } else {
                State::absent()
            }
        };
        let states: SmallVec<[State; 1]> = ops.iter().map(state).collect();
        Some(Decision::new(decision.now(), states, false))
    }

    /// Tells the store what it is time to tell, on the runtime that calls this.
    pub(super) fn tell(
        self: &Arc<Self>,
        (store, insurance): (&Arc<dyn CounterStore>, &Arc<dyn CounterStore>),
        deadline: Duration,
        now: Duration,
    ) {
        if millis(now) < self.next.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.tells.swap(true, Ordering::AcqRel) {
            return;
        }
        let (held, store, insurance) = (Arc::clone(self), Arc::clone(store), Arc::clone(insurance));
        runtime.spawn(async move {
            let _telling = Telling(&held);
            held.tell_due(&*store, &*insurance, deadline, now).await;
        });
    }

    async fn tell_due(
        &self,
        store: &dyn CounterStore,
        insurance: &dyn CounterStore,
        deadline: Duration,
        now: Duration,
    ) {
        let due: Vec<Owned> = {
            let mut locks = self.lock();
            locks.retain(|_, held| held.until > now);
            let due = locks.values().filter(|held| held.tell <= now);
            due.map(|held| held.look.clone()).collect()
        };
        let mut answers = true;
        for look in due {
            let look = look.op();
            let here = insurance.decide(&[look]).await;
            let Some(left) = here.ok().and_then(|here| left(&here)) else {
                // It was lifted meanwhile.
                self.lock().remove(&look.key);
                continue;
            };
            let told = if answers {
                tell_of(store, &look, left, deadline).await
            } else {
                Ok(false)
            };
            answers &= told.is_ok();
            if let Some(held) = self.lock().get_mut(&look.key) {
                held.tell = match told {
                    Ok(true) => Duration::MAX,
                    _ => now.saturating_add(SETTLED),
                };
            }
        }
        let next = self.lock().values().map(|held| millis(held.tell)).min();
        self.next.store(next.unwrap_or(u64::MAX), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CounterKey, Kept>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks a key in the store as whoever spends all of its points does, unless it is locked there as long;
/// whether it is now.
///
/// A lock that is there is not touched: it may be a longer one, and attempts are on their way.
async fn tell_of(
    store: &dyn CounterStore,
    look: &Op<'_>,
    here: Duration,
    deadline: Duration,
) -> Result<bool, StoreError> {
    let there = within(deadline, store.decide(&[*look])).await?;
    if let Some(there) = left(&there) {
        return Ok(there >= here);
    }
    let missing = look.rule.points().saturating_sub(there.state().count);
    let cost = u32::try_from(missing.max(1)).unwrap_or(u32::MAX);
    let mut reserve = *look;
    reserve.action = Action::Reserve { cost, member: None };
    let spent = within(deadline, store.decide(&[reserve])).await?;
    Ok(spent.state().just_locked)
}

/// How much longer the key is locked, if it is.
fn left(decision: &Decision) -> Option<Duration> {
    let state = decision.state();
    (state.locked).then(|| decision.wait(&state).unwrap_or(Duration::MAX))
}

/// What looks at the counter of an attempt, where one may be locked.
fn look<'a>(op: &Op<'a>) -> Option<Op<'a>> {
    let attempts = matches!(op.action, Action::Reserve { .. }) && op.rule.locks().is_some();
    let mut look = *op;
    look.action = Action::Reserve {
        cost: 0,
        member: None,
    };
    attempts.then_some(look)
}

/// The same of a whole decision.
pub(super) fn looks(ops: &[Op<'_>]) -> SmallVec<[Owned; 4]> {
    ops.iter()
        .filter_map(look)
        .map(|op| Owned::new(&op))
        .collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Ends with the task, also when its runtime ends.
struct Telling<'a>(&'a Held);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.tells.store(false, Ordering::Release);
    }
}
