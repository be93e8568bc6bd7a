//! What came of a decision.

use std::time::Duration;

use smallvec::SmallVec;

use super::Moment;

/// What came of a decision: one state for each operation, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    now: Moment,
    states: SmallVec<[State; 1]>,
    granted: bool,
}

/// How one counter stands after a decision; after one that was refused, as it stood before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
#[non_exhaustive]
pub struct State {
    /// Whether this counter let it through.
    pub allowed: bool,
    /// The count, as far as its window has not ended.
    pub count: i64,
    /// Whether there was a counter before.
    pub existed: bool,
    /// Whether this opened the window.
    pub first: bool,
    /// Whether the key is locked.
    pub locked: bool,
    /// Whether this locked it.
    pub just_locked: bool,
    /// When it changes by itself: a refusal ends, or else the counter.
    pub until: Moment,
    /// What to give back by, see [`Action::Refund`](crate::Action::Refund).
    pub receipt: Receipt,
}

/// Which window a reservation took its points from, and which lock it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Receipt {
    /// The end of the window.
    pub window_end: Moment,
    /// The end of the lock that this reservation made.
    pub lock_end: Option<Moment>,
}

impl Receipt {
    /// A receipt, for stores that make one.
    pub const fn new(window_end: Moment, lock_end: Option<Moment>) -> Self {
        Self {
            window_end,
            lock_end,
        }
    }
}

impl State {
    /// A counter that is not there.
    pub const fn absent() -> Self {
        Self {
            allowed: true,
            count: 0,
            existed: false,
            first: false,
            locked: false,
            just_locked: false,
            until: Moment::ZERO,
            receipt: Receipt::new(Moment::ZERO, None),
        }
    }
}

impl Decision {
    /// A decision made at `now` by the store's clock.
    pub const fn new(now: Moment, states: SmallVec<[State; 1]>, granted: bool) -> Self {
        Self {
            now,
            states,
            granted,
        }
    }

    /// When it was made, by the store's clock.
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// The states, in the order of the operations.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The state of the first operation, or of an absent counter when there was none.
    pub fn state(&self) -> State {
        self.states.first().copied().unwrap_or(State::absent())
    }

    /// Whether every condition let it through.
    pub const fn is_granted(&self) -> bool {
        self.granted
    }

    /// How long until `state` changes by itself; none means never.
    pub fn wait(&self, state: &State) -> Option<Duration> {
        state.until.since(self.now)
    }
}
