//! What holds while the store is away.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use panoply_core::{
    Block, BlockId, Clock, CounterStore, Decision, Op, Release, Reply, Rule, StoreError,
    SystemClock,
};

/// A store with an insurance: while it is away, a local store decides with the limits divided by
/// the number of nodes, so that logins go on and no more is let through in all.
///
/// A decision that is not there within the deadline is made by the insurance. After three in a row
/// the store is left alone for a second, then tried again by one decision.
#[derive(Debug)]
pub struct Insured {
    store: Arc<dyn CounterStore>,
    insurance: Arc<dyn CounterStore>,
    nodes: NonZeroU32,
    deadline: Duration,
    pause: Duration,
    clock: Arc<dyn Clock>,
    failures: AtomicUsize,
    open_until: AtomicU64,
}

/// Settings of an [`Insured`] store.
#[derive(Debug, Clone)]
pub struct InsuredConfig {
    nodes: NonZeroU32,
    deadline: Duration,
    pause: Duration,
    clock: Arc<dyn Clock>,
}

/// How many failures in a row it takes to leave the store alone.
const FAILURES: usize = 3;

impl Default for InsuredConfig {
    fn default() -> Self {
        Self {
            nodes: NonZeroU32::MIN,
            deadline: Duration::from_millis(50),
            pause: Duration::from_secs(1),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl InsuredConfig {
    /// One node, 50 ms, and a second of pause.
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
            pause: self.pause,
            clock: self.clock,
            failures: AtomicUsize::new(0),
            open_until: AtomicU64::new(0),
        }
    }
}

/// An operation that outlives its caller's borrow.
struct Owned {
    op: Op<'static>,
    rule: Rule,
}

/// The rule that stands in an owned operation until its own is put in again.
static NO_RULE: std::sync::LazyLock<Rule> =
    std::sync::LazyLock::new(|| Rule::new("", 0, Duration::ZERO));

impl Insured {
    /// Whether the insurance decides at present.
    pub fn is_away(&self) -> bool {
        self.now() < self.open_until.load(Ordering::Acquire)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the store may be asked: always, or once a pause while it is away.
    fn may_ask(&self) -> bool {
        let open_until = self.open_until.load(Ordering::Acquire);
        if open_until == 0 {
            return true;
        }
        let now = self.now();
        let next = now.saturating_add(self.pause_millis());
        let taken = || {
            let order = Ordering::AcqRel;
            self.open_until
                .compare_exchange(open_until, next, order, Ordering::Acquire)
        };
        now >= open_until && taken().is_ok()
    }

    fn pause_millis(&self) -> u64 {
        u64::try_from(self.pause.as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    fn note(&self, error: Option<&StoreError>) {
        let Some(error) = error else {
            self.failures.store(0, Ordering::Release);
            if self.open_until.swap(0, Ordering::AcqRel) != 0 {
                tracing::warn!("the store is back");
            }
            return;
        };
        let failures = self.failures.fetch_add(1, Ordering::AcqRel) + 1;
        if failures == FAILURES {
            tracing::warn!(%error, "the store is away, the insurance decides");
        }
        if failures >= FAILURES {
            let until = self.now().saturating_add(self.pause_millis());
            self.open_until.store(until, Ordering::Release);
        }
    }

    async fn decide_later(&self, owned: Vec<Owned>) -> Result<Decision, StoreError> {
        if self.may_ask() {
            let ops: Vec<Op<'_>> = owned.iter().map(|owned| owned.under(&owned.rule)).collect();
            let asked = tokio::time::timeout(self.deadline, self.store.decide(&ops)).await;
            let answer =
                asked.unwrap_or_else(|_| Err(StoreError::transient("the store took too long")));
            match answer {
                Err(error) if error.is_transient() => self.note(Some(&error)),
                answer => {
                    self.note(None);
                    return answer;
                }
            }
        }
        let shares: Vec<Rule> = owned
            .iter()
            .map(|owned| owned.rule.divided_by(self.nodes))
            .collect();
        let ops: Vec<Op<'_>> = owned
            .iter()
            .zip(&shares)
            .map(|(owned, rule)| owned.under(rule))
            .collect();
        self.insurance.decide(&ops).await
    }
}

impl Owned {
    fn new(op: &Op<'_>) -> Self {
        let rule = op.rule.clone();
        let op = Op::new(op.key, &NO_RULE, op.action).about(op.subject);
        Self { op, rule }
    }

    fn under<'a>(&self, rule: &'a Rule) -> Op<'a> {
        Op::new(self.op.key, rule, self.op.action).about(self.op.subject)
    }
}

impl CounterStore for Insured {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        let owned = ops.iter().map(Owned::new).collect();
        Reply::later(self.decide_later(owned))
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.store.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        Reply::later(async move {
            // Here too, or the client would be refused again as soon as the store is away.
            let local = self.insurance.release(which).await?;
            Ok(self.store.release(which).await?.max(local))
        })
    }
}
