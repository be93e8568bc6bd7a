//! What holds for everybody: a site that is closed for a while, or of which everybody has to show that he runs a browser.

use std::sync::atomic::Ordering;
use std::time::Duration;

use panoply_core::{BlockId, Release, StoreError};

use super::Blocklist;
use super::known::{Entry, Whom};

/// A site that is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Maintenance {
    /// The id that it has among the blocks.
    pub block: BlockId,
    /// How much longer; none means until it is ended.
    pub left: Option<Duration>,
}

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
    /// Closes the site for `time`, or until [`end_maintenance`](Self::end_maintenance), on every node that shares
    /// the store: [`BlockLayer`](super::BlockLayer) answers 503 to everybody but those that it is
    /// [open to](super::BlockLayer::open_to).
    ///
    /// ```
    /// # async fn deploy(blocklist: panoply_limits::Blocklist) -> Result<(), panoply_core::StoreError> {
    /// blocklist.begin_maintenance(Some(std::time::Duration::from_secs(1800))).await?;
    /// // The database is moved.
    /// blocklist.end_maintenance().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn begin_maintenance(&self, time: Option<Duration>) -> Result<BlockId, StoreError> {
        self.put(Whom::Everybody, time).await
    }

    /// Opens the site again; says whether it was closed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn end_maintenance(&self) -> Result<bool, StoreError> {
        self.end(Whom::Everybody).await
    }

    /// Whether the site is closed, and for how much longer.
    pub fn maintenance(&self) -> Option<Maintenance> {
        let (block, left) = self.standing(self.0.known.load().everybody)?;
        Some(Maintenance { block, left })
    }

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
        self.put(Whom::Challenged, time).await
    }

    /// Ends that; says whether it had begun.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn end_challenge(&self) -> Result<bool, StoreError> {
        self.end(Whom::Challenged).await
    }

    /// Whether everybody has to show it, and for how much longer.
    pub fn challenged(&self) -> Option<Challenged> {
        if !self.has_challenged() {
            return None;
        }
        let (block, left) = self.standing(self.0.known.load().challenged)?;
        Some(Challenged { block, left })
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

    async fn end(&self, whom: Whom) -> Result<bool, StoreError> {
        let block = BlockId::of(self.key(whom));
        Ok(self.release(Release::Id(block)).await? > 0)
    }

    /// The id of what is in force, and how much longer it is.
    fn standing(&self, entry: Option<Entry>) -> Option<(BlockId, Option<Duration>)> {
        let entry = entry.filter(|entry| self.in_force(entry))?;
        let now = self.0.clock.monotonic();
        let left = entry.until.map(|until| until.saturating_sub(now));
        Some((entry.id, left))
    }
}
