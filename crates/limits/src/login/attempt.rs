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
    /// Whether others are counted there, which a success might forgive.
    pub(super) earlier: bool,
}

impl Attempt {
    /// The login was right: nothing of it counts, and the failures of this user from this client
    /// are forgotten. Gives the cookie by which this device will be known, unless the request held
    /// several user names, of which it is not known which was right.
    ///
    /// Ten times a day and user a success forgives others, and ten times it makes a device known
    /// (`login/trust`); beyond, only a device that is known already gets its cookie anew.
    ///
    /// # Errors
    ///
    /// When the store fails; the attempt then still counts.
    pub async fn succeed(self) -> Result<Option<String>, StoreError> {
        let Some(user) = self.claim.only_user() else {
            self.give_back().await?;
            return Ok(None);
        };
        let guard = &self.guard;
        let user_key = guard.user_key(user);
        let known = { self.claim.device }.filter(|device| device.user() == user_key);
        let has_devices = guard.0.rules.device.is_some();
        let forgives = { self.taken.iter() }.any(|taken| taken.earlier && taken.is_consecutive());
        let makes_known = has_devices && known.is_none();
        let mut is_known = known.is_some();
        // All of it in one decision as a rule; else what is left to be had.
        let wanted = [
            (forgives, makes_known),
            (forgives, false),
            (false, makes_known),
            (false, false),
        ];
        let mut before = None;
        for wants in wanted {
            if before.replace(wants) == Some(wants) {
                continue;
            }
            let (forgives, makes_known) = wants;
            if self.settle(user, forgives, makes_known).await? {
                is_known |= makes_known;
                break;
            }
        }
        if !has_devices || !is_known {
            return Ok(None);
        }
        Ok(guard.0.seal.seal(user_key, known))
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
        self.settle("", false, false).await.map(drop)
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

    /// Gives back what this attempt took, or forgets what others took as well, and makes a device known:
    /// for `user`, unless one of the two has been done too often, when nothing is done at all. Whether it
    /// was done.
    async fn settle(&self, user: &str, forgives: bool, knows: bool) -> Result<bool, StoreError> {
        let guard = &self.guard;
        let mut ops: SmallVec<[Op<'_>; 6]> = SmallVec::new();
        for what in [(forgives, FORGIVE), (knows, KNOW)] {
            if let ((true, what), Some(rule)) = (what, guard.rule(Which::Trust)) {
                let key = guard.key(Which::Trust, &[what, user.as_bytes()]);
                // In the same decision, so that it costs no round trip of its own.
                ops.push(Op::reserve(key, rule));
            }
        }
        ops.extend(self.taken.iter().filter_map(|taken| {
            let action = if forgives && taken.is_consecutive() {
                Action::Forget
            } else {
                Action::Refund {
                    cost: 1,
                    member: taken.member,
                    receipt: taken.receipt,
                }
            };
            Some(Op::new(taken.key, guard.rule(taken.rule)?, action))
        }));
        let decision = guard.0.store.decide(&ops).await?;
        Ok(decision.is_granted())
    }
}

/// What is counted of successes: those that forgive, and those that make a device known. A program that logs
/// in all day long without a cookie has all of the first left for when it fails.
pub(super) const FORGIVE: &[u8] = b"forgive";
pub(super) const KNOW: &[u8] = b"know";

impl Taken {
    /// Whether what is counted are failures in a row, which a success ends.
    const fn is_consecutive(&self) -> bool {
        matches!(self.rule, Which::Pair | Which::Ever | Which::Device)
    }
}
