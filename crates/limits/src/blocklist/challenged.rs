//! A site of which everybody has to show that he runs a browser.

use std::sync::atomic::Ordering;
use std::time::Duration;

use panoply_core::{Action, BlockId, CounterKey, Op, Release, StoreError};

use super::known::Whom;
use super::{Blocklist, CHALLENGE, CHALLENGED};

/// A site of which everybody has to show that he runs a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenged {
    /// The id that it has among the blocks.
    pub block: BlockId,
    /// How much longer; none means until it is ended.
    pub left: Option<Duration>,
}

impl Blocklist {
    /// Has everybody show that he runs a browser, at whatever path, for `time`, or until
    /// [`end_challenge`](Self::end_challenge), on every node that shares the store: by a
    /// [`ChallengeLayer`](crate::ChallengeLayer) that is [switched](crate::ChallengeLayer::switched_by) by this list.
    ///
    /// ```
    /// # async fn defend(blocklist: panoply_limits::Blocklist) -> Result<(), panoply_core::StoreError> {
    /// blocklist.begin_challenge(Some(std::time::Duration::from_secs(3600))).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn begin_challenge(&self, time: Option<Duration>) -> Result<BlockId, StoreError> {
        let block = Op::new(self.challenge_key(), &CHALLENGED, Action::Block { time });
        self.put(Whom::Challenged, block, time).await
    }

    /// Ends that; says whether it had begun.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn end_challenge(&self) -> Result<bool, StoreError> {
        let block = BlockId::of(self.challenge_key());
        Ok(self.release(Release::Id(block)).await? > 0)
    }

    /// Whether everybody has to show it, and for how much longer.
    pub fn challenged(&self) -> Option<Challenged> {
        if !self.has_challenged() {
            return None;
        }
        let known = self.0.known.load();
        let entry = { known.challenged.as_ref() }.filter(|entry| self.in_force(entry))?;
        let now = self.0.clock.monotonic();
        Some(Challenged {
            block: entry.id,
            left: entry.until.map(|until| until.saturating_sub(now)),
        })
    }

    /// Whether that was so at some time since the start of the process, as far as it was known here.
    pub(crate) fn has_challenged(&self) -> bool {
        self.0.challenges.load(Ordering::Relaxed)
    }

    pub(super) fn note_challenge(&self, is_there: bool) {
        if is_there {
            self.0.challenges.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn challenge_key(&self) -> CounterKey {
        self.0.keys.key(CHALLENGE, &[])
    }
}
