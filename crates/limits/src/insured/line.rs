//! How long the store is waited for.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use panoply_core::{Reply, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The line before a store: so many are asked at once, the others wait their turn.
#[derive(Debug)]
pub(super) struct Line {
    permits: Semaphore,
    deadline: Duration,
    /// How often it has answered.
    answers: AtomicU64,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Absent {
    /// It has said nothing to anybody for a while, or an error.
    Away(StoreError),
    /// It answers others, but this took too long all the same.
    Slow(StoreError),
}

/// For how many deadlines a store that answers others is waited for.
const PATIENCE: u32 = 20;

impl Line {
    pub(super) fn new(width: NonZeroUsize, deadline: Duration) -> Self {
        Self {
            permits: Semaphore::new(width.get().min(Semaphore::MAX_PERMITS)),
            deadline,
            answers: AtomicU64::new(0),
        }
    }

    /// A place, if one is free.
    pub(super) fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.permits.try_acquire().ok()
    }

    /// A place, when it is one's turn.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed; if it were, there would be no line.
        self.permits.acquire().await.ok()
    }

    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for an answer: until the deadline, and as long again as the store answers anybody, since
    /// what is only slow must not be taken for what is away.
    pub(super) async fn wait<T>(&self, mut reply: Reply<'_, T>) -> Result<T, Absent> {
        // Half a deadline without any answer is enough for whoever has waited that long.
        let tick = self.deadline / 2;
        let mut heard = self.answers.load(Ordering::Relaxed);
        for ticks in 1..=PATIENCE.saturating_mul(2) {
            match timeout(tick, &mut reply).await {
                Ok(Ok(answer)) => {
                    self.answered();
                    return Ok(answer);
                }
                Ok(Err(error)) => return Err(Absent::Away(error)),
                Err(_) => {}
            }
            let before = std::mem::replace(&mut heard, self.answers.load(Ordering::Relaxed));
            if ticks >= 2 && before == heard {
                return Err(Absent::Away(StoreError::transient(TOO_LONG)));
            }
        }
        Err(Absent::Slow(StoreError::transient(TOO_LONG)))
    }
}

const TOO_LONG: &str = "the store took too long";
