//! Commits, by the thread that writes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hashbrown::HashSet;
use panoply_core::{
    Clock, Committed, SessionChange, SessionFingerprint, SessionKey, StoreError, SystemClock,
    UserChange, UserKey,
};

use super::apply::Changes;
use super::cache::{Hash, Kept};
use super::rows::{self, Totals, Trouble};
use super::{Bounds, Sessions};
use crate::table::Table;

/// What is asked of the thread that writes.
#[derive(Debug)]
pub(super) enum Write {
    Commit(SessionKey, SessionChange),
    EndKey(SessionKey),
    EndOne(UserKey, SessionFingerprint),
    EndAll(UserKey, Option<SessionKey>),
}

/// What it answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written {
    Committed(Committed),
    Ended(usize),
}

impl Write {
    /// How many bytes wait with it.
    pub(super) fn bytes(&self) -> usize {
        let Self::Commit(_, change) = self else {
            return 0;
        };
        let values = change.values();
        let bytes = values.map(|(name, value)| name.len() + value.map_or(0, Bytes::len));
        bytes.sum()
    }

    /// Whether it takes something from somebody, so that not even a power cut may give it back.
    fn takes(&self) -> bool {
        match self {
            Self::Commit(_, change) => {
                !matches!(change.new_user(), UserChange::Keep)
                    || change.new_key().is_some_and(|cycle| !cycle.keeps_old())
            }
            Self::EndKey(_) | Self::EndOne(..) | Self::EndAll(..) => true,
        }
    }
}

/// Applies what is asked, all that waits in one transaction.
#[derive(Debug)]
pub(crate) struct Clerk {
    sessions: Arc<Sessions>,
    /// Whether every commit is on the disk itself before it is answered.
    synced: bool,
    bounds: Bounds,
    next_id: i64,
    totals: Totals,
    fails: bool,
    /// Whether sessions have changed since somebody asked.
    wrote: bool,
    clock: SystemClock,
}

/// What came of a transaction.
struct Outcome {
    answers: Vec<Result<Written, StoreError>>,
    kept: Vec<Kept>,
    next_id: i64,
    totals: Totals,
    looked: usize,
}

/// How many sessions are looked at in a sweep, beside those that commits made necessary.
const BITE: usize = 64;

/// How long the sweep goes on at once, if nobody waits.
const SWEEP: Duration = Duration::from_millis(20);

/// How many transactions follow one another before the counters have their turn.
const ROUNDS: usize = 8;

impl Clerk {
    pub(crate) fn new(
        sessions: Arc<Sessions>,
        table: &Table,
        synced: bool,
        bounds: Bounds,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            sessions,
            synced,
            bounds,
            next_id: rows::last_id(table.conn())?.saturating_add(1),
            totals: rows::totals(table.conn())?,
            fails: false,
            wrote: false,
            clock: SystemClock::new(),
        })
    }

    /// Does what waits to be done; whether more waits.
    pub(crate) fn serve(&mut self, table: &mut Table) -> bool {
        for _ in 0..ROUNDS {
            let asked = self.sessions.writes.take();
            if asked.is_empty() {
                return false;
            }
            let looks = asked.len() * 2;
            match self.transact(table, &asked, looks) {
                Ok(outcome) => {
                    self.sessions.writes.answer(outcome.answers);
                    if std::mem::take(&mut self.fails) {
                        tracing::warn!(store = "sqlite", "sessions are written down again");
                    }
                }
                Err(error) => self.refuse(asked.len(), error),
            }
        }
        self.sessions.writes.is_waited_at()
    }

    /// Sweeps what is over, as long as nobody waits.
    pub(crate) fn tidy(&mut self, table: &mut Table) {
        let start = self.clock.monotonic();
        while !self.sessions.writes.is_waited_at() {
            match self.transact(table, &[], BITE) {
                Ok(outcome) if outcome.looked >= BITE => {}
                // Who asks will be told of an error; nobody does now.
                _ => return,
            }
            if self.clock.monotonic().saturating_sub(start) >= SWEEP {
                return;
            }
        }
    }

    /// Whether anything has been written since the last time this was asked: then it matters how
    /// late it was.
    pub(crate) const fn has_written(&mut self) -> bool {
        std::mem::replace(&mut self.wrote, false)
    }

    /// Nobody is let in any more.
    pub(crate) fn close(mut self, table: &mut Table) {
        while self.serve(table) {}
        self.sessions.writes.close();
    }

    fn transact(
        &mut self,
        table: &mut Table,
        asked: &[Write],
        looks: usize,
    ) -> rusqlite::Result<Outcome> {
        let sessions = Arc::clone(&self.sessions);
        let synced = !asked.is_empty() && self.synced || asked.iter().any(Write::takes);
        let mut fenced: HashSet<Hash> = HashSet::new();
        let done = table.write(synced, |table| {
            let (next_id, totals) = (self.next_id, self.totals);
            let mut changes = Changes::new(table.conn(), &sessions.cache, next_id, totals);
            let mut answers = Vec::with_capacity(asked.len());
            for write in asked {
                answers.push(answer(act(&sessions, &mut changes, write))?);
            }
            let swept = changes.sweep(sessions.memory.moment(), looks, self.bounds);
            let looked = answer(swept)?.unwrap_or(0);
            if changes.totals != totals {
                let put = rows::put_totals(table.conn(), changes.totals);
                answer(put)?.ok();
            }
            // From here to the end of the transaction the database alone says what is.
            fenced.clone_from(changes.keys());
            sessions.cache.fence(&fenced);
            Ok(Outcome {
                kept: changes.kept().collect(),
                next_id: changes.next_id(),
                totals: changes.totals,
                answers,
                looked,
            })
        });
        if let Ok(outcome) = &done {
            let now = sessions.memory.moment();
            for kept in &outcome.kept {
                sessions.cache.publish(kept, now);
            }
            (self.next_id, self.totals) = (outcome.next_id, outcome.totals);
            self.wrote |= !fenced.is_empty() || outcome.looked > 0;
        }
        sessions.cache.free(&fenced);
        done
    }

    /// Nothing of it was done.
    fn refuse(&mut self, all: usize, error: rusqlite::Error) {
        if !std::mem::replace(&mut self.fails, true) {
            let error = &error as &dyn std::error::Error;
            tracing::error!(
                store = "sqlite",
                error,
                "sessions cannot be written down: whoever changes one gets an error; \
                 those that are there can be read"
            );
        }
        let error = Arc::new(error);
        let answers = (0..all).map(|_| Err(failed(Arc::clone(&error))));
        self.sessions.writes.answer(answers);
    }
}

fn act(sessions: &Sessions, changes: &mut Changes<'_>, write: &Write) -> Result<Written, Trouble> {
    let now = sessions.memory.moment();
    match write {
        Write::Commit(key, change) => changes.commit(key, change, now).map(Written::Committed),
        Write::EndKey(key) => changes.end_by_key(key, now).map(Written::Ended),
        Write::EndOne(user, fingerprint) => changes
            .end_of_user(user, now, |name| name == *fingerprint)
            .map(Written::Ended),
        Write::EndAll(user, except) => {
            let except = match except {
                Some(key) => changes.name_of(key, now)?,
                None => None,
            };
            changes
                .end_of_user(user, now, |name| Some(name) != except)
                .map(Written::Ended)
        }
    }
}

/// What is answered to one, or why nothing can be done for anybody.
fn answer<T>(done: Result<T, Trouble>) -> rusqlite::Result<Result<T, StoreError>> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(Trouble::Database(error)) => Err(error),
        Err(Trouble::Damaged) => Ok(Err(damaged())),
        Err(Trouble::TooLarge) => Ok(Err(StoreError::permanent(
            "a session of more than half a gigabyte cannot be kept",
        ))),
    }
}

pub(super) fn damaged() -> StoreError {
    StoreError::permanent("the session is damaged in the database")
}

pub(super) fn failed(error: Arc<rusqlite::Error>) -> StoreError {
    let what = "the database of the sessions cannot be used";
    let known = error.sqlite_error_code();
    let error_is_lasting = matches!(
        known,
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    );
    if error_is_lasting {
        StoreError::permanent(what).because(error)
    } else {
        StoreError::transient(what).because(error)
    }
}
