//! Loads of what is not in memory, by a thread that waits for no transaction.

use std::path::Path;
use std::sync::Arc;

use hashbrown::HashSet;
use panoply_core::{
    Loaded, SessionFingerprint, SessionInfo, SessionKey, SessionSlot, StoreError, UserKey,
};
use rusqlite::{Connection, OpenFlags};

use super::Sessions;
use super::cache::Kept;
use super::clerk::{damaged, failed};
use super::rows::{self, At, Trouble};
use crate::table::{BUSY, CACHE};

/// What is asked of the thread that reads.
#[derive(Debug)]
pub(super) enum Read {
    Load(SessionKey),
    List {
        user: UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    },
}

/// What it answers.
#[derive(Debug)]
pub(super) enum Seen {
    Loaded(Loaded),
    List(Vec<SessionInfo>),
}

/// Reads what the writer has committed.
#[derive(Debug)]
pub(crate) struct Reader {
    conn: Connection,
    sessions: Arc<Sessions>,
}

impl Reader {
    /// A second connection to a database that is open.
    pub(crate) fn open(path: &Path, sessions: Arc<Sessions>) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "query_only", true)?;
        conn.pragma_update(None, "cache_size", CACHE)?;
        // The first look opens the files beside the database.
        rows::last_id(&conn)?;
        Ok(Self { conn, sessions })
    }

    pub(crate) fn run(self) {
        let sessions = Arc::clone(&self.sessions);
        while !sessions.reads.is_over() {
            let asked = sessions.reads.wait();
            if !asked.is_empty() {
                let seen = self.answer(&asked);
                sessions.reads.answer(seen);
            }
        }
        if let Err((_, error)) = self.conn.close() {
            tracing::error!(store = "sqlite", %error, "a connection could not be closed");
        }
    }

    /// Answers all that is asked from one state of the database.
    fn answer(&self, asked: &[Read]) -> Vec<Result<Seen, StoreError>> {
        let cache = &self.sessions.cache;
        let keys = asked.iter().filter_map(|read| match read {
            Read::Load(key) => Some(*key.hash()),
            Read::List { .. } => None,
        });
        let mut missing: HashSet<_> = keys.collect();
        missing.iter().for_each(|key| cache.begin(key));
        if let Err(error) = self.conn.execute_batch("BEGIN") {
            missing.iter().for_each(|key| cache.end(key, None));
            let error = Arc::new(error);
            let failed = asked.iter().map(|_| Err(failed(Arc::clone(&error))));
            return failed.collect();
        }
        let seen = asked.iter().map(|read| match read {
            Read::Load(key) => {
                let found = self.find(key);
                if missing.remove(key.hash()) {
                    let kept = found.as_ref().ok().and_then(Option::as_ref);
                    cache.end(key.hash(), kept.cloned());
                }
                let now = self.sessions.memory.moment();
                let slot = found?.map(|kept| SessionSlot::Live(kept.record));
                let loaded = slot.map_or(Loaded::Absent, |slot| slot.load(key, now));
                Ok(Seen::Loaded(loaded))
            }
            Read::List { user, after, most } => {
                let now = self.sessions.memory.moment();
                let all = rows::list(&self.conn, user, *after, *most, now);
                all.map(Seen::List).map_err(told)
            }
        });
        let seen = seen.collect();
        if !self.conn.is_autocommit() {
            // What was only read can always be given up.
            drop(self.conn.execute_batch("ROLLBACK"));
        }
        seen
    }

    fn find(&self, key: &SessionKey) -> Result<Option<Kept>, StoreError> {
        let at = rows::at(&self.conn, key.hash()).map_err(told)?;
        let At::Session(id) = at else {
            return Ok(None);
        };
        let record = rows::read(&self.conn, id).map_err(told)?.map(Arc::new);
        Ok(record.map(|record| Kept { id, record }))
    }
}

fn told(trouble: Trouble) -> StoreError {
    match trouble {
        Trouble::Database(error) => failed(Arc::new(error)),
        Trouble::Damaged | Trouble::TooLarge => damaged(),
    }
}
