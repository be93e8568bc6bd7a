//! What holds while the store is away.

mod breaker;
mod config;
mod held;
mod known;
mod line;
mod owed;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use panoply_core::{
    Action, Block, BlockId, Clock, CounterStore, Decision, Op, Release, Reply, Rule, StoreError,
};
use smallvec::SmallVec;

pub use config::InsuredConfig;

use breaker::Breaker;
use held::Held;
use known::Known;
use line::{Absent, Line};
use owed::{Owed, Owned};

/// A store with an insurance: while it is away, a local store decides with the limits divided by
/// the number of nodes, so that logins go on and no more is let through in all.
///
/// A decision that is not there within the deadline is made by the insurance if the store has
/// answered nobody else either for half as long, and so is one that it answers with an error, whether
/// that may pass by itself or somebody must act. After three in a row the store is left alone for a
/// second, then tried again by one decision at a time, which waits no longer than any other.
///
/// A store that is only slow still decides, or no limit would hold when it is needed most: it is
/// waited for up to twenty times the deadline, and what takes longer is an error. Whoever was refused
/// by a lock is refused again for a quarter of a second without asking, and no more decisions than
/// [`InsuredConfig::in_flight`] are asked for at once, so that a thousand guesses at one lock cost
/// the store a few.
///
/// What settles an attempt ([`Action::Refund`], [`Action::Forget`]) is done in both, and kept for
/// the store while it is away: 4,096 settlements at most, beyond which an attempt stays counted.
/// What the store may have heard of already is told again only as far as that does no harm.
///
/// A block that somebody adds ([`Action::Block`]) is made in both too, and is an error when the
/// store does not take it: it then holds on this node, and only while the store is away.
///
/// Whom the store has locked, and who was refused for it on this node, is refused while the store is away, too: up to
/// 1,024 of them, by a hash of the key, of which a later one takes the place. To whoever else it locked, it gives its share of the limit.
///
/// Who is locked while the store is away stays so on this node when it is back, until that lock ends or is
/// released here, if the insurance answers at once, as one in memory does. The store is told ten
/// seconds after a lock was made at the earliest, of 4,096 keys at once, and locks them by its own
/// reckoning, unless they are locked there; then every node knows of it, and any may release it.
///
/// It needs a tokio runtime, unless the store answers at once.
#[derive(Debug)]
pub struct Insured {
    store: Arc<dyn CounterStore>,
    insurance: Arc<dyn CounterStore>,
    nodes: NonZeroU32,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    breaker: Breaker,
    line: Line,
    known: Known,
    held: Arc<Held>,
    owed: Arc<Owed>,
    instead: AtomicU64,
}

/// How long a list of blocks or a release is waited for: a person asked for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a decision is for, which says what becomes of it while the store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Whether to let something through.
    Verdict,
    /// To settle what was let through.
    Settlement,
    /// To block by hand.
    ByHand,
}

impl Purpose {
    fn of(ops: &[Op<'_>]) -> Self {
        let all = |test: fn(&Action) -> bool| ops.iter().all(|op| test(&op.action));
        if all(|action| matches!(action, Action::Refund { .. } | Action::Forget)) {
            Self::Settlement
        } else if ops
            .iter()
            .any(|op| matches!(op.action, Action::Block { .. }))
        {
            // Also with what is counted along with it, such as the changes of a list that other nodes look at.
            Self::ByHand
        } else {
            Self::Verdict
        }
    }
}

impl Insured {
    /// How long a decision is waited for unless said: 50 ms.
    pub const DEADLINE: Duration = Duration::from_millis(50);

    /// Whether the insurance decides at present. So it does for a store that answers who only looks and takes no
    /// writes, as a database that is read-only, and until something has been written again.
    pub fn is_away(&self) -> bool {
        self.breaker.is_away()
    }

    /// Why the insurance decides at present, if it does: what the store said last before it was left alone.
    pub fn away(&self) -> Option<String> {
        self.breaker.why()
    }

    /// What somebody must act on, while the store refuses what it is asked for, also where it answers who only looks:
    /// one without memory left, say.
    pub fn trouble(&self) -> Option<String> {
        self.breaker.trouble()
    }

    /// How many decisions the insurance has made so far.
    pub fn decided_instead(&self) -> u64 {
        self.instead.load(Ordering::Relaxed)
    }

    /// Takes note of the store's answer.
    fn heard(&self, ops: &[Op<'_>], decision: &Decision) {
        if ops.iter().any(|op| op.action != Action::Get) {
            self.breaker.works();
        } else {
            self.breaker.answers();
        }
        self.known.note(ops, decision, self.clock.monotonic());
        self.owed.deliver(&self.store, self.deadline);
        let both = (&self.store, &self.insurance);
        self.held.tell(both, self.deadline, self.clock.monotonic());
    }

    /// The insurance's decision, unless the store has locked who asks.
    fn instead(&self, ops: &[Op<'_>]) -> Reply<'_, Decision> {
        if let Some(refusal) = self.known.lock(ops, self.clock.monotonic()) {
            return Reply::ready(Ok(refusal));
        }
        self.instead.fetch_add(1, Ordering::Relaxed);
        match self.locally(ops).now() {
            Ok(Ok(decision)) => {
                self.held.note(ops, &decision, self.clock.monotonic());
                Reply::ready(Ok(decision))
            }
            Ok(failed) => Reply::ready(failed),
            Err(later) => later,
        }
    }

    /// The refusal of whoever was locked while the store was away.
    fn held(&self, ops: &[Op<'_>]) -> Option<Decision> {
        let now = self.clock.monotonic();
        self.held.refusal(ops, &*self.insurance, now)
    }

    /// Looks whether the store is back, for one who is refused whatever it says.
    async fn refused(
        &self,
        looks: SmallVec<[Owned; 4]>,
        refusal: Decision,
    ) -> Result<Decision, StoreError> {
        let looks: SmallVec<[Op<'_>; 4]> = looks.iter().map(Owned::op).collect();
        match self.line.wait(self.store.decide(&looks)).await {
            Ok(decision) => self.heard(&looks, &decision),
            Err(Absent::Away(error)) => self.breaker.bad(&error),
            Err(Absent::Slow(_)) => {}
        }
        Ok(refusal)
    }

    /// The same, since the store has failed.
    fn past(&self, ops: &[Op<'_>], error: &StoreError) -> Reply<'_, Decision> {
        self.breaker.bad(error);
        self.instead(ops)
    }

    fn locally(&self, ops: &[Op<'_>]) -> Reply<'_, Decision> {
        let shares: SmallVec<[Rule; 4]> = ops
            .iter()
            .map(|op| op.rule.divided_by(self.nodes))
            .collect();
        let ops: SmallVec<[Op<'_>; 4]> = ops
            .iter()
            .zip(&shares)
            .map(|(op, rule)| op.held_to(rule))
            .collect();
        self.insurance.decide(&ops)
    }

    fn verdict(&self, ops: &[Op<'_>]) -> Reply<'_, Decision> {
        if let Some(refusal) = self.known.refusal(ops, self.clock.monotonic()) {
            return Reply::ready(Ok(refusal));
        }
        if let Some(refusal) = self.held(ops) {
            if !(self.breaker.is_open() && self.breaker.may_ask()) {
                return Reply::ready(Ok(refusal));
            }
            // Nobody else may be there to see that the store is back.
            return Reply::later(self.refused(held::looks(ops), refusal));
        }
        if !self.breaker.may_ask() {
            return self.instead(ops);
        }
        let Some(place) = self.line.place() else {
            let owned: SmallVec<[Owned; 4]> = ops.iter().map(Owned::new).collect();
            return Reply::later(self.in_turn(owned));
        };
        let asked = match self.store.decide(ops).now() {
            Ok(Ok(decision)) => {
                self.line.answered();
                self.heard(ops, &decision);
                return Reply::ready(Ok(decision));
            }
            Ok(Err(error)) => {
                return self.past(ops, &error);
            }
            Err(asked) => asked,
        };
        let owned: SmallVec<[Owned; 4]> = ops.iter().map(Owned::new).collect();
        Reply::later(async move {
            let answer = self.line.wait(asked).await;
            drop(place);
            let ops: SmallVec<[Op<'_>; 4]> = owned.iter().map(Owned::op).collect();
            self.or_instead(&ops, answer).await
        })
    }

    /// The decision of a caller who has to wait for a place first.
    async fn in_turn(&self, owned: SmallVec<[Owned; 4]>) -> Result<Decision, StoreError> {
        let ops: SmallVec<[Op<'_>; 4]> = owned.iter().map(Owned::op).collect();
        let asked = Reply::later(async {
            let _place = self.line.turn().await;
            // Those before may have been refused meanwhile.
            match self.known.refusal(&ops, self.clock.monotonic()) {
                Some(refusal) => Ok(refusal),
                None => self.store.decide(&ops).await,
            }
        });
        let answer = self.line.wait(asked).await;
        self.or_instead(&ops, answer).await
    }

    async fn or_instead(
        &self,
        ops: &[Op<'_>],
        answer: Result<Decision, Absent>,
    ) -> Result<Decision, StoreError> {
        match answer {
            Ok(decision) => {
                self.heard(ops, &decision);
                Ok(decision)
            }
            Err(Absent::Slow(error)) => Err(error),
            Err(Absent::Away(error)) => self.past(ops, &error).await,
        }
    }

    fn both(&self, ops: &[Op<'_>], purpose: Purpose) -> Reply<'_, Decision> {
        let owned: Vec<Owned> = ops.iter().map(Owned::new).collect();
        Reply::later(async move {
            let ops: SmallVec<[Op<'_>; 4]> = owned.iter().map(Owned::op).collect();
            let by_hand = purpose == Purpose::ByHand;
            self.known.forget(&ops);
            // What the insurance has never let through needs no settling there.
            let mut local = None;
            if by_hand || self.decided_instead() > 0 || self.is_away() {
                local = Some(self.locally(&ops).await);
            }
            // Whoever blocks by hand is told how the store is.
            let asked = self.breaker.may_ask() || by_hand;
            let error = if asked {
                match self.line.wait(self.store.decide(&ops)).await {
                    Ok(decision) => {
                        self.heard(&ops, &decision);
                        return Ok(decision);
                    }
                    Err(Absent::Slow(error)) => error,
                    Err(Absent::Away(error)) => {
                        self.breaker.bad(&error);
                        error
                    }
                }
            } else {
                StoreError::transient("the store is away")
            };
            if by_hand {
                return Err(error);
            }
            let local = match local {
                Some(local) => local,
                None => self.locally(&ops).await,
            };
            drop(ops);
            self.owed.keep(owned, asked);
            local
        })
    }
}

async fn within<T>(time: Duration, reply: Reply<'_, T>) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(time, reply).await;
    answer.unwrap_or_else(|_| Err(StoreError::transient("the store took too long")))
}

impl CounterStore for Insured {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        match Purpose::of(ops) {
            Purpose::Verdict => self.verdict(ops),
            purpose => self.both(ops, purpose),
        }
    }

    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        if Purpose::of(ops) != Purpose::Verdict || self.is_away() {
            return None;
        }
        if let Some(refusal) = self.known.refusal(ops, self.clock.monotonic()) {
            return Some(Ok(refusal));
        }
        if let Some(refusal) = self.held(ops) {
            return Some(Ok(refusal));
        }
        let _place = self.line.place()?;
        match self.store.decide_now(ops)? {
            Ok(decision) => {
                self.line.answered();
                self.heard(ops, &decision);
                Some(Ok(decision))
            }
            Err(error) => {
                // Not asked again: the store has answered.
                let instead = self.past(ops, &error).now();
                Some(instead.unwrap_or(Err(error)))
            }
        }
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        Reply::later(async move { within(PATIENCE, self.store.blocks(after, most)).await })
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        Reply::later(async move {
            self.known.forget_all();
            // Here too, or the client would be refused again as soon as the store is away.
            let local = self.insurance.release(which).await?;
            Ok(within(PATIENCE, self.store.release(which))
                .await?
                .max(local))
        })
    }
}
