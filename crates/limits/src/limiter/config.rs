//! Settings of a limiter.

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Clock, CounterKeys, CounterStore, Lock, Rule, SystemClock};

use super::local::Local;
use super::{Limiter, SharedClock, finite};
use crate::Error;

/// What a limiter is to be, before it is checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LimiterConfig {
    points: Option<i64>,
    duration: Option<Duration>,
    block_duration: Duration,
    block_on_consumed: Option<i64>,
    key_prefix: String,
    exec_evenly: bool,
    exec_evenly_min_delay: Option<Duration>,
    in_memory_block_on_consumed: Option<i64>,
    in_memory_block_duration: Option<Duration>,
    insurance: Option<Limiter>,
    clock: SharedClock,
}

impl Default for LimiterConfig {
    fn default() -> Self {
        Self {
            points: None,
            duration: None,
            block_duration: Duration::ZERO,
            block_on_consumed: None,
            key_prefix: "rlflx".to_owned(),
            exec_evenly: false,
            exec_evenly_min_delay: None,
            in_memory_block_on_consumed: None,
            in_memory_block_duration: None,
            insurance: None,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl LimiterConfig {
    /// Nothing set: points and duration have no default.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many points a window has. Zero or less lets nothing through but a cost of zero.
    #[must_use]
    pub const fn points(mut self, points: i64) -> Self {
        self.points = Some(points);
        self
    }

    /// How long a window is; zero means for ever.
    #[must_use]
    pub const fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// How long a key is blocked that consumed too much; zero, the default, until its window ends.
    /// A block that is shorter than what is left of the window lasts as long as that.
    #[must_use]
    pub const fn block_duration(mut self, duration: Duration) -> Self {
        self.block_duration = duration;
        self
    }

    /// Blocks only when this many are consumed; by default with the first point too many.
    #[must_use]
    pub const fn block_on_consumed(mut self, points: i64) -> Self {
        self.block_on_consumed = Some(points);
        self
    }

    /// What names the keys of this limiter apart from those of another; `rlflx` by default.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = prefix.into();
        self
    }

    /// Spreads what is let through over the window: [`Standing::delay`](super::Standing::delay)
    /// says how long to wait.
    #[must_use]
    pub const fn exec_evenly(mut self, evenly: bool) -> Self {
        self.exec_evenly = evenly;
        self
    }

    /// The least delay; the window shared evenly among its points by default.
    #[must_use]
    pub const fn exec_evenly_min_delay(mut self, delay: Duration) -> Self {
        self.exec_evenly_min_delay = Some(delay);
        self
    }

    /// Refuses a key that consumed this many without asking the store again, until its window or
    /// its block ends: for a store that is far away.
    #[must_use]
    pub const fn in_memory_block_on_consumed(mut self, points: i64) -> Self {
        self.in_memory_block_on_consumed = Some(points);
        self
    }

    /// For how long at most; as long as the store says by default.
    #[must_use]
    pub const fn in_memory_block_duration(mut self, duration: Duration) -> Self {
        self.in_memory_block_duration = Some(duration);
        self
    }

    /// Who decides while the store is away. It takes this limiter's block duration and spreading
    /// over; what it counted is not carried back.
    #[must_use]
    pub fn insurance(mut self, limiter: Limiter) -> Self {
        self.insurance = Some(limiter);
        self
    }

    /// Where time comes from for blocks in memory; the system's clock by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When `points` or `duration` is missing, or a threshold lies below the points.
    pub fn build(self, store: Arc<dyn CounterStore>, keys: CounterKeys) -> Result<Limiter, Error> {
        let points = self.points.ok_or(Error::Missing {
            key: "points",
            example: "`points = 5`",
        })?;
        let duration = self.duration.ok_or(Error::Missing {
            key: "duration",
            example: "`duration = \"1s\"`, or \"0s\" for a window without an end",
        })?;
        let thresholds = [
            ("block_on_consumed", self.block_on_consumed),
            (
                "in_memory_block_on_consumed",
                self.in_memory_block_on_consumed,
            ),
        ];
        for (key, threshold) in thresholds {
            if threshold.is_some_and(|threshold| threshold < points) {
                return Err(Error::BelowPoints { key, points });
            }
        }
        if self.in_memory_block_duration.is_some() && self.in_memory_block_on_consumed.is_none() {
            return Err(Error::Alone {
                key: "in_memory_block_duration",
                other: "in_memory_block_on_consumed",
            });
        }
        let mut rule = Rule::new(self.key_prefix.clone(), points, duration);
        if finite(duration).is_none() {
            rule = rule.without_window();
        }
        if let Some(count) = self.block_on_consumed.filter(|count| *count > points) {
            rule = rule.lock_at(count);
        }
        let lock = finite(self.block_duration).map(Lock::fixed);
        if let Some(lock) = lock {
            rule = rule.lock(lock);
        }
        let share = || {
            let points = u128::try_from(points.max(1)).unwrap_or(1);
            let millis = duration.as_millis().div_ceil(points);
            Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
        };
        let evenly = self
            .exec_evenly
            .then(|| self.exec_evenly_min_delay.unwrap_or_else(share));
        let insurance = self.insurance.map(|mut insurance| {
            if let Some(lock) = lock {
                insurance.rule = insurance.rule.lock(lock);
            }
            insurance.evenly = evenly;
            Arc::new(insurance)
        });
        let local = self.in_memory_block_on_consumed.map(|threshold| {
            let at_most = self.in_memory_block_duration.and_then(finite);
            Arc::new(Local::new(threshold, at_most, self.clock))
        });
        Ok(Limiter {
            store,
            keys,
            rule,
            prefix: self.key_prefix,
            local,
            evenly,
            insurance,
        })
    }
}
