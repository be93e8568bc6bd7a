//! Settings of an insured store.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use panoply_core::{Clock, CounterStore, SystemClock};

use super::Insured;
use super::breaker::Breaker;
use super::held::Held;
use super::known::Known;
use super::line::Line;

/// Settings of an [`Insured`] store.
#[derive(Debug, Clone)]
pub struct InsuredConfig {
    nodes: NonZeroU32,
    deadline: Duration,
    pause: Duration,
    in_flight: NonZeroUsize,
    clock: Arc<dyn Clock>,
}

impl Default for InsuredConfig {
    fn default() -> Self {
        Self {
            nodes: NonZeroU32::MIN,
            deadline: Insured::DEADLINE,
            pause: Duration::from_secs(1),
            in_flight: NonZeroUsize::new(256).unwrap_or(NonZeroUsize::MIN),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl InsuredConfig {
    /// One node, 50 ms, a second of pause, and 256 decisions at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many nodes share the store; one by default.
    #[must_use]
    pub const fn nodes(mut self, nodes: NonZeroU32) -> Self {
        self.nodes = nodes;
        self
    }

    /// How long a decision is waited for; 50 ms by default.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long the store is left alone; a second by default.
    #[must_use]
    pub const fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How many decisions the store is asked for at once, 256 by default; the others wait their turn.
    #[must_use]
    pub const fn in_flight(mut self, decisions: NonZeroUsize) -> Self {
        self.in_flight = decisions;
        self
    }

    /// Where time comes from; the system's clock by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// `store`, insured by `insurance`.
    pub fn build(self, store: Arc<dyn CounterStore>, insurance: Arc<dyn CounterStore>) -> Insured {
        Insured {
            store,
            insurance,
            nodes: self.nodes,
            deadline: self.deadline,
            breaker: Breaker::new(Arc::clone(&self.clock), self.pause),
            clock: self.clock,
            line: Line::new(self.in_flight, self.deadline),
            known: Known::new(),
            held: Arc::new(Held::new()),
            owed: Arc::default(),
            instead: AtomicU64::new(0),
        }
    }
}
