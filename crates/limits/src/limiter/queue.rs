//! A queue in front of a limiter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use panoply_core::{Clock, StoreError};
use tokio::sync::Mutex;

use super::{Limiter, Rejection};

/// Makes callers wait for their tokens in the order in which they came, instead of refusing them.
#[derive(Debug, Clone)]
pub struct Queue {
    limiter: Limiter,
    max: usize,
    clock: Arc<dyn Clock>,
    turn: Arc<Mutex<()>>,
    waiting: Arc<AtomicUsize>,
}

/// Why a queue gave no tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// More tokens than there ever are at once.
    #[error("{wanted} tokens were asked for, but a window has only {points}")]
    TooMany {
        /// How many were asked for.
        wanted: u32,
        /// How many there are.
        points: i64,
    },
    /// As many wait as may.
    #[error("{0} are waiting already")]
    Full(usize),
    /// The time was over before there were tokens.
    #[error("the tokens did not come in time")]
    Expired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One place in the queue, given up when its holder is dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Queue {
    const KEY: &'static str = "limiter";

    /// A queue before `limiter` in which `max` may wait at most.
    pub fn new(limiter: Limiter, max: usize, clock: impl Clock + 'static) -> Self {
        Self {
            limiter,
            max,
            clock: Arc::new(clock),
            turn: Arc::default(),
            waiting: Arc::default(),
        }
    }

    /// Waits for `tokens`: how many are left then.
    ///
    /// With `expires`, a point of [`Clock::monotonic`], it gives up when it comes to try again
    /// after it.
    ///
    /// # Errors
    ///
    /// When there are never so many, too many wait, the time is over or the store fails.
    pub async fn remove_tokens(
        &self,
        tokens: u32,
        expires: Option<Duration>,
    ) -> Result<i64, QueueError> {
        let points = self.limiter.points();
        if i64::from(tokens) > points {
            return Err(QueueError::TooMany {
                wanted: tokens,
                points,
            });
        }
        if self.waiting.load(Ordering::Acquire) == 0
            && let Some(left) = self.try_once(tokens).await?.ok()
        {
            return Ok(left);
        }
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= self.max {
            drop(Place(&self.waiting));
            return Err(QueueError::Full(self.max));
        }
        let _place = Place(&self.waiting);
        let _turn = self.turn.lock().await;
        loop {
            if expires.is_some_and(|expires| self.clock.monotonic() >= expires) {
                return Err(QueueError::Expired);
            }
            match self.try_once(tokens).await? {
                Ok(left) => return Ok(left),
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// The tokens that are left, or how long to wait.
    async fn try_once(&self, tokens: u32) -> Result<Result<i64, Duration>, QueueError> {
        match self.limiter.consume(Self::KEY, tokens).await {
            Ok(standing) => Ok(Ok(standing.remaining_points())),
            Err(Rejection::Limited(standing)) => {
                // A block without an end is asked about again once an hour.
                let wait = standing.before_next().unwrap_or(Duration::from_hours(1));
                Ok(Err(wait))
            }
            Err(Rejection::Store(error)) => Err(error.into()),
        }
    }
}
