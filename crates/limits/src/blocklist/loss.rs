//! A store that has lost what was written to it.

use std::time::Duration;

use panoply_core::{Action, Op, StoreError};

use super::known::Known;
use super::{BLOCK, Blocklist, CHANGES, MOST};

/// Blocks by hand that a store had lost, and that were put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// How many.
    pub put_back: usize,
    /// When, by the clock of the process.
    pub at: Duration,
}

/// How many are put back in one decision.
const AT_ONCE: usize = 100;

impl Blocklist {
    /// The last time that the store had lost blocks, as by `FLUSHALL`, by evicting what it may not, or by going back
    /// to an earlier copy. What this process knew was put back; locks and counters were lost with them.
    pub fn loss(&self) -> Option<Loss> {
        self.0.loss.load().as_deref().copied()
    }

    /// Has the store know again what this process knows and `found` in the store lacks, where fewer changes are
    /// counted there than the `before` that were; gives how many are counted from now on.
    pub(super) async fn put_back(&self, found: &mut Known, before: i64) -> Result<i64, StoreError> {
        // Asked as for a block by hand, so that no insurance answers in place of the store.
        let nothing = Action::Block {
            time: Some(Duration::ZERO),
        };
        let look = Op::new(self.0.keys.key("block/look", &[]), &BLOCK, nothing);
        let count = Op::new(self.changes(), &CHANGES, Action::Get);
        let decided = self.0.store.decide(&[look, count]).await?;
        let counted = decided.states().get(1).map_or(0, |state| state.count);
        if counted >= before {
            // What was found may be older than that.
            return Ok(before);
        }
        let known = self.0.known.load_full();
        let lost: Vec<_> = { known.all() }
            .filter(|(whom, entry)| self.in_force(entry) && !found.knows(*whom))
            .take(MOST.saturating_sub(found.len()))
            .collect();
        let now = self.0.clock.monotonic();
        for some in lost.chunks(AT_ONCE) {
            let ops: Vec<Op<'_>> = { some.iter() }
                .map(|(whom, entry)| {
                    let time = entry.until.map(|until| until.saturating_sub(now));
                    self.block(*whom, time)
                })
                .collect();
            self.0.store.decide(&ops).await?;
            for (whom, entry) in some {
                found.insert(*whom, *entry);
            }
        }
        // More than any node has seen, so that all look again, and none of them finds it lost once more.
        let points = before.saturating_sub(counted).saturating_add(1);
        let count = Op::new(self.changes(), &CHANGES, Action::Add { points });
        let after = self.0.store.decide(&[count]).await?.state().count;
        if !lost.is_empty() {
            let put_back = lost.len();
            let at = self.0.clock.monotonic();
            self.0.loss.store(Some(Loss { put_back, at }.into()));
            tracing::error!(
                put_back,
                "the store has lost what was written to it, as by FLUSHALL, or by evicting what it may not: blocks \
                 by hand that were known here are put back, locks and counters begin anew"
            );
        }
        Ok(after)
    }
}
