//! How a key stands.

use std::time::Duration;

use panoply_core::{Decision, State, StoreError};

/// How a key stands after an operation: rate-limiter-flexible's `RateLimiterRes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    remaining: i64,
    before_next: Option<Duration>,
    consumed: i64,
    first: bool,
    blocked: bool,
    just_blocked: bool,
    delay: Duration,
}

/// Why points were not given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// There are not so many left, or the key is blocked.
    #[error("the limit is reached")]
    Limited(Standing),
    /// The store failed, and there is no insurance.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Standing {
    pub(super) fn of(decision: &Decision, state: &State, points: i64) -> Self {
        Self {
            remaining: points.saturating_sub(state.count).max(0),
            before_next: decision.wait(state),
            consumed: state.count,
            first: state.first,
            blocked: state.locked,
            just_blocked: state.just_locked,
            delay: Duration::ZERO,
        }
        .without_points_of_a_block()
    }

    /// A key that is known to be blocked without having asked the store.
    pub(super) const fn blocked_here(left: Duration) -> Self {
        Self {
            remaining: 0,
            before_next: Some(left),
            consumed: 0,
            first: false,
            blocked: true,
            just_blocked: false,
            delay: Duration::ZERO,
        }
    }

    /// What a list answers without any limiter.
    pub(super) const fn listed(remaining: i64, before_next: Duration) -> Self {
        Self {
            remaining,
            before_next: Some(before_next),
            ..Self::blocked_here(before_next)
        }
    }

    const fn without_points_of_a_block(mut self) -> Self {
        if self.blocked {
            self.remaining = 0;
        }
        self
    }

    pub(super) const fn without_remaining(mut self) -> Self {
        self.remaining = 0;
        self
    }

    pub(super) const fn waiting(mut self, before_next: Option<Duration>) -> Self {
        self.before_next = before_next;
        self
    }

    /// Spreads what is left of the window over the points that are left, at least `least` each.
    pub(super) fn spread(&mut self, least: Duration) {
        let Some(left) = self.before_next else { return };
        if self.first || left.is_zero() {
            return;
        }
        let shares = u128::try_from(self.remaining.saturating_add(2)).unwrap_or(2);
        let share = left.as_millis().div_ceil(shares);
        let mut delay = Duration::from_millis(u64::try_from(share).unwrap_or(u64::MAX));
        if delay < least {
            let times = u32::try_from(self.consumed.max(0)).unwrap_or(u32::MAX);
            delay = least.saturating_mul(times);
        }
        self.before_next = Some(left.saturating_sub(delay));
        self.delay = delay;
    }

    /// How many points are left; zero while the key is blocked.
    pub const fn remaining_points(&self) -> i64 {
        self.remaining
    }

    /// How many were consumed, refused ones included; below zero after a reward.
    pub const fn consumed_points(&self) -> i64 {
        self.consumed
    }

    /// How long until the window or the block ends; none means never.
    pub const fn before_next(&self) -> Option<Duration> {
        self.before_next
    }

    /// The same in whole milliseconds, rounded up, and −1 for never.
    pub fn ms_before_next(&self) -> i64 {
        let Some(time) = self.before_next else {
            return -1;
        };
        i64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i64::MAX)
    }

    /// Whether this opened the window.
    pub const fn is_first_in_duration(&self) -> bool {
        self.first
    }

    /// Whether the key is blocked.
    pub const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether this blocked it.
    pub const fn is_just_blocked(&self) -> bool {
        self.just_blocked
    }

    /// How long to wait before going on, see
    /// [`LimiterConfig::exec_evenly`](super::LimiterConfig::exec_evenly).
    pub const fn delay(&self) -> Duration {
        self.delay
    }
}
