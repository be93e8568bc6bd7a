//! Refusals that the store has just told.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use panoply_core::{Action, CounterKey, Decision, Moment, Op, State};
use smallvec::SmallVec;

/// What was refused a moment ago is refused again without asking, so that whoever goes on against a
/// lock costs the store next to nothing; and whoever is locked there stays so while the store is away.
#[derive(Debug)]
pub(super) struct Known {
    slots: Box<[Mutex<Option<Refused>>]>,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    key: CounterKey,
    state: State,
    now: Moment,
    /// When it was told and until when it is believed, by the clock of this process.
    at: Duration,
    until: Duration,
    /// When its lock ends, where it is one; nobody can ask meanwhile whether it was released.
    locked_until: Duration,
}

/// How long it is believed: no longer than somebody waits who was released on another node.
const BELIEVED: Duration = Duration::from_millis(250);

/// Two keys that share a slot only forget each other.
const SLOTS: usize = 1024;

impl Known {
    pub(super) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| Mutex::default());
        Self {
            slots: slots.collect(),
        }
    }

    /// The refusal of one of `ops`, if it is known at `now`.
    pub(super) fn refusal(&self, ops: &[Op<'_>], now: Duration) -> Option<Decision> {
        self.until(|refused| refused.until, ops, now)
    }

    /// The refusal by a lock that the store made, which it is not asked about as it is away.
    pub(super) fn lock(&self, ops: &[Op<'_>], now: Duration) -> Option<Decision> {
        self.until(|refused| refused.locked_until, ops, now)
    }

    fn until(
        &self,
        end: impl Fn(&Refused) -> Duration,
        ops: &[Op<'_>],
        now: Duration,
    ) -> Option<Decision> {
        let reserves = |op: &&Op<'_>| matches!(op.action, Action::Reserve { .. });
        let (key, refused) = ops.iter().filter(reserves).find_map(|op| {
            let known = (*self.slot(op.key)?)?;
            (known.key == op.key && now < end(&known)).then_some((op.key, known))
        })?;
        let state = |op: &Op<'_>| {
            if op.key == key {
                refused.state
            } else {
                State::absent()
            }
        };
        let states: SmallVec<[State; 1]> = ops.iter().map(state).collect();
        let now = refused.now.after(Some(now.saturating_sub(refused.at)));
        Some(Decision::new(now, states, false))
    }

    /// Takes note of a decision that was made at `now`.
    pub(super) fn note(&self, ops: &[Op<'_>], decision: &Decision, now: Duration) {
        if decision.is_granted() {
            // A lock that was known may have been released on another node.
            return self.forget(ops);
        }
        for (op, state) in ops.iter().zip(decision.states()) {
            let Action::Reserve { member, .. } = op.action else {
                continue;
            };
            // A smaller cost, or a member that was counted already, might still pass.
            let stays = member.is_none() && state.count >= op.rule.points();
            if state.allowed || !(state.locked || stays) {
                continue;
            }
            let wait = decision.wait(state);
            let lasts = wait.unwrap_or(BELIEVED).min(BELIEVED);
            let lock = { state.locked }.then(|| wait.unwrap_or(Duration::MAX));
            if let Some(mut slot) = self.slot(op.key) {
                *slot = Some(Refused {
                    key: op.key,
                    state: *state,
                    now: decision.now(),
                    at: now,
                    until: now.saturating_add(lasts),
                    locked_until: now.saturating_add(lock.unwrap_or_default()),
                });
            }
        }
    }

    pub(super) fn forget(&self, ops: &[Op<'_>]) {
        for op in ops {
            if let Some(mut slot) = self.slot(op.key) {
                slot.take_if(|known| known.key == op.key);
            }
        }
    }

    pub(super) fn forget_all(&self) {
        for slot in &self.slots {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn slot(&self, key: CounterKey) -> Option<MutexGuard<'_, Option<Refused>>> {
        // The keys are hashes already.
        let place = usize::try_from(key.to_bits() % SLOTS as u128).ok()?;
        let slot = self.slots.get(place)?;
        Some(slot.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
