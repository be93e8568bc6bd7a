//! An attempt that may be made, and how it is settled.

use panoply_core::{Action, BlockId, CounterKey, Op, Receipt, StoreError};
use smallvec::SmallVec;

use super::LoginGuard;
use super::claim::Claim;
use super::guard::Which;

/// An attempt that may be made. Settle it with [`succeed`](Self::succeed),
/// [`give_back`](Self::give_back) or [`fail`](Self::fail); dropped, it counts as failed, since that
/// is what was reserved.
#[derive(Debug)]
#[must_use = "an attempt that is dropped counts as failed"]
pub struct Attempt {
    pub(super) guard: LoginGuard,
    pub(super) taken: SmallVec<[Taken; 5]>,
    pub(super) claim: Claim,
}

/// What an attempt took from one counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) key: CounterKey,
    pub(super) rule: Which,
    pub(super) member: Option<CounterKey>,
    pub(super) receipt: Receipt,
}

impl Attempt {
    /// The login was right: nothing of it counts, and the failures of this user from this client
    /// are forgotten. Gives the cookie by which this device will be known, unless the request held
    /// several user names, of which it is not known which was right.
    ///
    /// # Errors
    ///
    /// When the store fails; the attempt then still counts.
    pub async fn succeed(self) -> Result<Option<String>, StoreError> {
        let sure = self.claim.only_user();
        self.settle(sure.is_some()).await?;
        let Some(user) = sure.filter(|_| self.guard.0.rules.device.is_some()) else {
            return Ok(None);
        };
        let guard = &self.guard;
        Ok(guard.0.seal.seal(guard.user_key(user), self.claim.device))
    }

    /// The login was wrong: what was reserved stays counted. The same as dropping it.
    pub fn fail(self) {
        drop(self);
    }

    /// Neither right nor wrong, as when the app failed: nothing of it counts.
    ///
    /// # Errors
    ///
    /// When the store fails; the attempt then still counts.
    pub async fn give_back(self) -> Result<(), StoreError> {
        self.settle(false).await
    }

    /// The locks that this attempt made, as it reserved the last point of a counter; they hold
    /// unless it succeeds.
    pub fn locks(&self) -> impl Iterator<Item = (&'static str, BlockId)> {
        let made = |taken: &&Taken| taken.receipt.lock_end.is_some();
        let made = self.taken.iter().filter(made);
        made.map(|taken| (taken.rule.name(), BlockId::of(taken.key)))
    }

    /// Who tries.
    pub const fn who(&self) -> &Claim {
        &self.claim
    }

    async fn settle(&self, forget: bool) -> Result<(), StoreError> {
        let ops: SmallVec<[Op<'_>; 5]> = self
            .taken
            .iter()
            .filter_map(|taken| {
                let consecutive = matches!(taken.rule, Which::Pair | Which::Ever | Which::Device);
                let action = if forget && consecutive {
                    Action::Forget
                } else {
                    Action::Refund {
                        cost: 1,
                        member: taken.member,
                        receipt: taken.receipt,
                    }
                };
                Some(Op::new(taken.key, self.guard.rule(taken.rule)?, action))
            })
            .collect();
        self.guard.0.store.decide(&ops).await.map(drop)
    }
}
