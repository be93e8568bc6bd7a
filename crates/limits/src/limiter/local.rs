//! Keys that are refused without asking the store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use panoply_core::CounterKey;

use super::{SharedClock, Standing};

/// How many keys are remembered; beyond that the store is asked again.
const MOST: usize = 65_536;

/// Keys that are blocked, as this process knows.
#[derive(Debug)]
pub(super) struct Local {
    threshold: i64,
    time: Option<Duration>,
    clock: SharedClock,
    until: Mutex<HashMap<CounterKey, Duration>>,
}

impl Local {
    pub(super) fn new(threshold: i64, time: Option<Duration>, clock: SharedClock) -> Self {
        Self {
            threshold,
            time,
            clock,
            until: Mutex::default(),
        }
    }

    /// How much longer a key is refused.
    pub(super) fn left(&self, key: CounterKey) -> Option<Duration> {
        let until = self.lock().get(&key).copied()?;
        let left = until.saturating_sub(self.clock.monotonic());
        Some(left).filter(|left| !left.is_zero())
    }

    /// Remembers a key that has consumed enough, and says so in its standing.
    pub(super) fn note(&self, key: CounterKey, standing: &mut Standing, allowed: bool) {
        // With a time of its own a key is held back only once it was refused.
        if standing.consumed_points() < self.threshold || (self.time.is_some() && allowed) {
            return;
        }
        let left = match self.time {
            Some(time) => time,
            None => standing.before_next().unwrap_or(Duration::MAX),
        };
        let now = self.clock.monotonic();
        let mut until = self.lock();
        if until.len() >= MOST {
            until.retain(|_, until| *until > now);
        }
        if until.len() < MOST {
            until.insert(key, now.saturating_add(left));
        }
        if self.time.is_some() {
            *standing = standing.waiting(Some(left));
        }
    }

    pub(super) fn forget(&self, key: CounterKey) {
        self.lock().remove(&key);
    }

    pub(super) fn forget_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CounterKey, Duration>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
