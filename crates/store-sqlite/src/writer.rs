//! The thread that writes.

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Clock, Moment, SystemClock};
use panoply_store_memory::MemoryStore;

use crate::queue::{Batch, Journal, PATIENCE};
use crate::sessions::Clerk;
use crate::sweep::Sweep;
use crate::table::{Clocks, Table};

/// How often a range of rows is looked at; 256 of them are all.
const CHORES: Duration = Duration::from_secs(2);

/// Writes what waits in the journal, one batch a transaction.
///
/// When the database fails, memory goes on alone. What changes meanwhile is not kept: as soon as
/// the database can be written again, it is given all that memory has.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) table: Table,
    pub(crate) memory: MemoryStore,
    pub(crate) journal: Arc<Journal>,
    pub(crate) sweep: Sweep,
    pub(crate) clerk: Clerk,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) kept: Clocks,
    pub(crate) changed: bool,
    #[cfg(test)]
    pub(crate) disk: Arc<crate::tests::Disk>,
}

/// When things were done last, by a clock that nobody moves.
#[derive(Debug)]
struct Pace {
    clock: SystemClock,
    lazy: Duration,
    recovery: Duration,
    chores: Duration,
}

impl Pace {
    fn due(last: &mut Duration, every: Duration, now: Duration) -> bool {
        let due = now.saturating_sub(*last) >= every;
        if due {
            *last = now;
        }
        due
    }
}

impl Writer {
    pub(crate) fn run(mut self) {
        let mut pace = Pace {
            clock: SystemClock::new(),
            lazy: Duration::ZERO,
            recovery: Duration::ZERO,
            chores: Duration::ZERO,
        };
        loop {
            let now = || pace.clock.monotonic();
            let batch = self
                .journal
                .next(|| Pace::due(&mut pace.lazy, PATIENCE, now()));
            #[cfg(test)]
            self.disk.apply(&self.table);
            let done = self.table.stays().and_then(|()| {
                if batch.well {
                    self.write(&batch)
                } else if batch.last || Pace::due(&mut pace.recovery, PATIENCE / 2, now()) {
                    self.recover(&batch)
                } else {
                    Ok(())
                }
            });
            if self.clerk.serve(&mut self.table) {
                self.journal.call();
            }
            self.changed |= self.clerk.has_written();
            let chores = !batch.last && Pace::due(&mut pace.chores, CHORES, now());
            let done = done.and_then(|()| self.tidy(batch.rows.len(), chores));
            if let Err(error) = done
                && self.journal.fail(&error.to_string())
            {
                let error = &error as &dyn std::error::Error;
                tracing::error!(store = "sqlite", error, "{TROUBLE}");
            }
            if batch.last {
                break;
            }
            if chores {
                self.clerk.tidy(&mut self.table);
                self.changed |= self.clerk.has_written();
            }
        }
        if let Err(error) = self.keep_clocks() {
            tracing::error!(store = "sqlite", %error, "the time could not be written down");
        }
        let Self {
            mut table,
            journal,
            clerk,
            ..
        } = self;
        clerk.close(&mut table);
        if let Err(error) = table.close() {
            tracing::error!(store = "sqlite", %error, "the database could not be closed");
        }
        journal.end();
    }

    fn write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        if !batch.rows.is_empty() {
            self.table.write(batch.synced, |table| {
                batch
                    .rows
                    .iter()
                    .try_for_each(|(key, row)| table.put(*key, row))
            })?;
            batch.rows.keys().for_each(|key| self.sweep.spare(*key));
            self.changed = true;
        } else if batch.synced {
            // Asked for everything on the disk, though there is nothing new.
            let clocks = self.clocks();
            self.table.write(true, |table| table.put_clocks(clocks))?;
        }
        self.journal.landed(batch.number);
        Ok(())
    }

    fn recover(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let clocks = self.clocks();
        self.table.write(true, |table| table.put_clocks(clocks))?;
        self.journal.catch_up();
        let clerk = &mut self.clerk;
        self.sweep.whole(&mut self.table, &self.memory, |table| {
            // What is left over is for the next turn.
            clerk.serve(table);
        })?;
        if self.journal.caught_up() {
            self.journal.landed(batch.number);
            tracing::warn!(store = "sqlite", "the counters are written down again");
        }
        Ok(())
    }

    /// What nobody waits for.
    fn tidy(&mut self, written: usize, chores: bool) -> rusqlite::Result<()> {
        self.sweep.step(&mut self.table, &self.memory, written)?;
        if !chores {
            return Ok(());
        }
        let over = self.sweep.over(&self.table, self.memory.moment())?;
        if !over.is_empty() {
            self.table.write(false, |table| {
                over.iter().try_for_each(|(key, row)| table.put(*key, row))
            })?;
        }
        self.keep_clocks()
    }

    /// Writes the clocks down, if something was counted since or one of them was set.
    fn keep_clocks(&mut self) -> rusqlite::Result<()> {
        let (now, kept) = (self.clocks(), self.kept);
        let apart = |clocks: Clocks| {
            i128::from(clocks.wall.as_micros()) - i128::from(clocks.store.as_micros())
        };
        if !self.changed && apart(now).abs_diff(apart(kept)) < CLOSE {
            return Ok(());
        }
        self.table.write(false, |table| table.put_clocks(now))?;
        (self.kept, self.changed) = (now, false);
        Ok(())
    }

    fn clocks(&self) -> Clocks {
        Clocks {
            store: self.memory.moment(),
            wall: wall(&*self.clock),
        }
    }
}

/// What is said when the disk fails.
pub(crate) const TROUBLE: &str = "the counters cannot be written down: they go on in memory, and \
    what is counted from now on is forgotten when the process ends; new locks are in force, but \
    answered with an error; tried again every second";

/// How many microseconds two clocks may differ and still be said to go together.
const CLOSE: u128 = 500_000;

/// What the system's clock shows.
pub(crate) fn wall(clock: &dyn Clock) -> Moment {
    let since = clock.wall().duration_since(std::time::UNIX_EPOCH);
    Moment::ZERO.after(Some(since.unwrap_or_default()))
}
