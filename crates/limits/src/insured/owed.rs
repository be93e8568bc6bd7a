//! What a store that is away is told later.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use panoply_core::{Action, CounterStore, Op, Rule};

/// An operation that outlives its caller's borrow.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    op: Op<'static>,
    rule: Rule,
}

/// The rule that stands in an owned operation until its own is put in again.
static NO_RULE: std::sync::LazyLock<Rule> =
    std::sync::LazyLock::new(|| Rule::new("", 0, Duration::ZERO));

impl Owned {
    pub(super) fn new(op: &Op<'_>) -> Self {
        let rule = op.rule.clone();
        let op = op.held_to(&NO_RULE);
        Self { op, rule }
    }

    pub(super) fn op(&self) -> Op<'_> {
        self.op.held_to(&self.rule)
    }

    /// The same, so that it does no harm when it was done already: the lock is lifted, but no point
    /// given back that may have been.
    fn in_doubt(mut self) -> Self {
        if let Action::Refund { cost, member, .. } = &mut self.op.action {
            (*cost, *member) = (0, None);
        }
        self
    }
}

/// Settlements of attempts that the store has granted.
#[derive(Debug, Default)]
pub(super) struct Owed {
    queue: Mutex<VecDeque<Vec<Owned>>>,
    any: AtomicBool,
    delivers: AtomicBool,
}

/// How many are kept, about a kilobyte each. What comes beyond stays counted.
const MOST: usize = 4096;

impl Owed {
    /// Keeps a settlement; `asked` when the store may have heard of it all the same.
    pub(super) fn keep(&self, settlement: Vec<Owned>, asked: bool) {
        let settlement = if asked {
            settlement.into_iter().map(Owned::in_doubt).collect()
        } else {
            settlement
        };
        let mut queue = self.lock();
        if queue.len() < MOST {
            queue.push_back(settlement);
            self.any.store(true, Ordering::Release);
        }
    }

    /// Tells the store, one settlement after the other, on the runtime that calls this.
    pub(super) fn deliver(self: &Arc<Self>, store: &Arc<dyn CounterStore>, deadline: Duration) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.delivers.swap(true, Ordering::AcqRel) {
            return;
        }
        let (owed, store) = (Arc::clone(self), Arc::clone(store));
        runtime.spawn(async move {
            let _delivering = Delivering(&owed);
            while let Some(settlement) = owed.next() {
                let ops: Vec<Op<'_>> = settlement.iter().map(Owned::op).collect();
                let told = tokio::time::timeout(deadline, store.decide(&ops)).await;
                let transient = match told {
                    Ok(Ok(_)) => continue,
                    Ok(Err(error)) => error.is_transient(),
                    Err(_) => true,
                };
                if transient {
                    owed.keep(settlement, true);
                    break;
                }
            }
        });
    }

    fn next(&self) -> Option<Vec<Owned>> {
        let mut queue = self.lock();
        let next = queue.pop_front();
        self.any.store(!queue.is_empty(), Ordering::Release);
        next
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Vec<Owned>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends with the task, also when its runtime ends.
struct Delivering<'a>(&'a Owed);

impl Drop for Delivering<'_> {
    fn drop(&mut self) {
        self.0.delivers.store(false, Ordering::Release);
    }
}
