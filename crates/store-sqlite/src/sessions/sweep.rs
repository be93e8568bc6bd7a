//! What is over, and what has to make room.

use panoply_core::Moment;

use super::apply::Changes;
use super::rows::{self, Due, Totals, Trouble};

/// How much all sessions may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Sessions and tombstones.
    pub(crate) held: usize,
    /// Bytes of values.
    pub(crate) bytes: u64,
}

impl Bounds {
    const fn hold(self, totals: Totals) -> bool {
        totals.held.cast_unsigned() <= self.held as u64
            && totals.bytes.cast_unsigned() <= self.bytes
    }
}

impl Changes<'_> {
    /// Deletes what is over, of each kind so many at most, and as many more as have to make room;
    /// how many it has looked at.
    pub(super) fn sweep(
        &mut self,
        now: Moment,
        most: usize,
        bounds: Bounds,
    ) -> Result<usize, Trouble> {
        let mut looked = 0;
        for of_users in [false, true] {
            for due in rows::due(self.conn, of_users, now, most)? {
                looked += 1;
                self.look(due, now, false)?;
            }
        }
        looked += self.sweep_tombstones(now, most)?;
        if !bounds.hold(self.totals) {
            looked += self.make_room(now, most, bounds)?;
        }
        Ok(looked)
    }

    /// Tombstones go first, the oldest of them; then sessions of nobody; and where there are none,
    /// those of users. Of sessions, those go first that nobody has come to since they were last
    /// looked at.
    fn make_room(&mut self, now: Moment, most: usize, bounds: Bounds) -> Result<usize, Trouble> {
        let held = usize::try_from(self.totals.held).unwrap_or(0);
        let surplus = held.saturating_sub(bounds.held);
        let mut looked = self.sweep_tombstones(Moment::NEVER, surplus.min(most))?;
        let mut all = rows::due(self.conn, false, Moment::NEVER, most)?;
        if all.is_empty() {
            all = rows::due(self.conn, true, Moment::NEVER, most)?;
        }
        for due in all {
            // What this very transaction has answered stays.
            if !bounds.hold(self.totals) && !self.has_changed(due.id) {
                looked += 1;
                self.look(due, now, due.idle_end <= due.look)?;
            }
        }
        Ok(looked)
    }

    fn sweep_tombstones(&mut self, until: Moment, most: usize) -> Result<usize, Trouble> {
        let swept = rows::delete_tombstones(self.conn, until, most)?;
        self.totals.held -= swept;
        Ok(usize::try_from(swept).unwrap_or(0))
    }

    /// Deletes a session if it is over or has to `go`, or else says when to look again.
    fn look(&mut self, due: Due, now: Moment, go: bool) -> Result<(), Trouble> {
        if due.idle_end > now && !go {
            return rows::look_at(self.conn, due.id, due.idle_end);
        }
        match self.bare(due.id) {
            Ok(Some(record)) => self.forget(due.id, &record),
            // Nobody could ever use it again.
            Ok(None) | Err(Trouble::Damaged) => self.delete(due.id),
            Err(trouble) => Err(trouble),
        }
    }
}
