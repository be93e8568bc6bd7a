//! The limiter of rate-limiter-flexible, in its words.

mod burst;
mod config;
mod lists;
mod local;
mod queue;
mod standing;
mod union;

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{
    Action, Clock, CounterKey, CounterKeys, CounterStore, Decision, Op, Rule, StoreError,
};

pub use burst::Burst;
pub use config::LimiterConfig;
pub use lists::Lists;
use local::Local;
pub use queue::{Queue, QueueError};
pub use standing::{Rejection, Standing};
pub use union::{Union, UnionRejection};

/// Points in a window that opens with the first hit, and a block that follows.
///
/// Each operation is one round trip to the store. Clones share the counters.
#[derive(Debug, Clone)]
pub struct Limiter {
    store: Arc<dyn CounterStore>,
    keys: CounterKeys,
    rule: Rule,
    prefix: String,
    local: Option<Arc<Local>>,
    evenly: Option<Duration>,
    insurance: Option<Arc<Self>>,
}

impl Limiter {
    /// The points of a window.
    pub const fn points(&self) -> i64 {
        self.rule.points()
    }

    /// What names this limiter's keys apart from another's.
    pub fn key_prefix(&self) -> &str {
        &self.prefix
    }

    /// Takes `points` of `key`. They count, even if they are refused.
    ///
    /// # Errors
    ///
    /// [`Rejection::Limited`] when there are not so many left or the key is blocked,
    /// [`Rejection::Store`] when the store fails and there is no insurance.
    pub async fn consume(&self, key: &str, points: u32) -> Result<Standing, Rejection> {
        self.take(key, points, None).await
    }

    /// Takes `points` of `key`, whose window lasts `duration` if this opens it
    /// (rate-limiter-flexible's `customDuration`).
    ///
    /// # Errors
    ///
    /// As [`consume`](Self::consume).
    pub async fn consume_for(
        &self,
        key: &str,
        points: u32,
        duration: Duration,
    ) -> Result<Standing, Rejection> {
        self.take(key, points, Some(duration)).await
    }

    async fn take(
        &self,
        key: &str,
        points: u32,
        window: Option<Duration>,
    ) -> Result<Standing, Rejection> {
        let id = self.key(key);
        if let Some(left) = self.local.as_ref().and_then(|local| local.left(id)) {
            return Err(Rejection::Limited(Standing::blocked_here(left)));
        }
        let action = Action::Consume {
            points: points.into(),
            window,
        };
        let (decision, by) = self.insured(key, action).await?;
        let state = decision.state();
        let mut standing = Standing::of(&decision, &state, by.points());
        if let Some(local) = &by.local {
            local.note(id, &mut standing, state.allowed);
        }
        if !state.allowed {
            return Err(Rejection::Limited(standing));
        }
        if let Some(least) = self.evenly {
            standing.spread(least);
        }
        Ok(standing)
    }

    /// Adds `points` to what `key` has consumed and refuses nothing; past the points it blocks.
    ///
    /// # Errors
    ///
    /// When the store fails and there is no insurance.
    pub async fn penalty(&self, key: &str, points: u32) -> Result<Standing, StoreError> {
        let points = i64::from(points);
        self.act(key, Action::Add { points }).await
    }

    /// Takes `points` off what `key` has consumed, below zero too. A block stays.
    ///
    /// # Errors
    ///
    /// When the store fails and there is no insurance.
    pub async fn reward(&self, key: &str, points: u32) -> Result<Standing, StoreError> {
        let points = -i64::from(points);
        self.act(key, Action::Add { points }).await
    }

    /// Blocks `key` for `duration`, in place of an earlier block; zero means for ever.
    ///
    /// # Errors
    ///
    /// When the store fails and there is no insurance.
    pub async fn block(&self, key: &str, duration: Duration) -> Result<Standing, StoreError> {
        let time = finite(duration);
        self.act(key, Action::Block { time }).await
    }

    /// How `key` stands, if anything is known of it.
    ///
    /// # Errors
    ///
    /// When the store fails and there is no insurance.
    pub async fn get(&self, key: &str) -> Result<Option<Standing>, StoreError> {
        let (decision, by) = self.insured(key, Action::Get).await?;
        let state = decision.state();
        Ok(state
            .existed
            .then(|| Standing::of(&decision, &state, by.points())))
    }

    /// Sets what `key` has consumed, in a window of `duration`: the limiter's own without one, for
    /// ever with zero. A block stays.
    ///
    /// # Errors
    ///
    /// When the store fails and there is no insurance.
    pub async fn set(
        &self,
        key: &str,
        points: i64,
        duration: Option<Duration>,
    ) -> Result<Standing, StoreError> {
        let window = match duration {
            Some(duration) => finite(duration),
            None => self.rule.window(),
        };
        let count = points;
        let standing = self.act(key, Action::Set { count, window }).await?;
        Ok(standing.without_remaining())
    }

    /// Forgets `key`, its block too; `false` when nothing was known of it.
    ///
    /// # Errors
    ///
    /// When the store fails and there is no insurance.
    pub async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        let (decision, by) = self.insured(key, Action::Forget).await?;
        if let Some(local) = &by.local {
            local.forget(self.key(key));
        }
        Ok(decision.state().existed)
    }

    /// Forgets which keys are blocked in this process, see
    /// [`LimiterConfig::in_memory_block_on_consumed`]. The store's blocks stay.
    pub fn delete_in_memory_blocked_all(&self) {
        if let Some(local) = &self.local {
            local.forget_all();
        }
    }

    async fn act(&self, key: &str, action: Action) -> Result<Standing, StoreError> {
        let (decision, by) = self.insured(key, action).await?;
        Ok(Standing::of(&decision, &decision.state(), by.points()))
    }

    fn key(&self, key: &str) -> CounterKey {
        self.keys.key(&self.prefix, &[key.as_bytes()])
    }

    /// Asks the store, or else the insurance: the decision, and who made it.
    async fn insured(&self, key: &str, action: Action) -> Result<(Decision, &Self), StoreError> {
        let mut by = self;
        loop {
            let op = Op::new(by.key(key), &by.rule, action);
            match by.store.decide(&[op]).await {
                Ok(decision) => return Ok((decision, by)),
                Err(error) => match &by.insurance {
                    Some(insurance) => {
                        tracing::warn!(%error, "the store is away, the insurance decides");
                        by = insurance;
                    }
                    None => return Err(error),
                },
            }
        }
    }
}

/// Zero stands for no end.
fn finite(duration: Duration) -> Option<Duration> {
    Some(duration).filter(|duration| *duration > Duration::ZERO)
}

/// Where a limiter's own memory takes its time from.
type SharedClock = Arc<dyn Clock>;
