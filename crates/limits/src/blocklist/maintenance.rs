//! A site that is closed for a while.

use std::time::Duration;

use panoply_core::{Action, BlockId, Op, Release, StoreError};

use super::known::Whom;
use super::{Blocklist, CLOSED};

/// A site that is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Maintenance {
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
        let block = Op::new(self.everybody_key(), &CLOSED, Action::Block { time });
        self.put(Whom::Everybody, block, time).await
    }

    /// Opens the site again; says whether it was closed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn end_maintenance(&self) -> Result<bool, StoreError> {
        let block = BlockId::of(self.everybody_key());
        Ok(self.release(Release::Id(block)).await? > 0)
    }

    /// Whether the site is closed, and for how much longer.
    pub fn maintenance(&self) -> Option<Maintenance> {
        let known = self.0.known.load();
        let entry = { known.everybody.as_ref() }.filter(|entry| self.in_force(entry))?;
        let now = self.0.clock.monotonic();
        Some(Maintenance {
            block: entry.id,
            left: entry.until.map(|until| until.saturating_sub(now)),
        })
    }
}
