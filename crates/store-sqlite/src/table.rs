//! The database: its tables, and the statements on them.

use std::path::Path;
use std::time::Duration;

use panoply_core::{Moment, Record};
use panoply_store_memory::{Kept, MemoryStore, SketchImage};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::Error;
use crate::lock::Lock;
use crate::place::Place;
use crate::row::{Row, key_bytes, key_of, micros, moment, subject_of, subject_text};
use crate::sessions::SCHEMA as SESSIONS;

/// "Pnpl", by which the database is known to be ours.
const APPLICATION: i64 = 0x506e_706c;
const FORMAT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE counters (
        key        BLOB PRIMARY KEY NOT NULL,
        count      INTEGER NOT NULL,
        window_end INTEGER NOT NULL,
        lock_end   INTEGER NOT NULL,
        strikes    INTEGER NOT NULL,
        kind       INTEGER NOT NULL,
        rule       TEXT,
        subject    TEXT
    ) WITHOUT ROWID;
    CREATE TABLE sketches (
        part   INTEGER NOT NULL,
        span   INTEGER NOT NULL,
        old    INTEGER NOT NULL,
        turned INTEGER NOT NULL,
        period INTEGER NOT NULL,
        cells  BLOB NOT NULL,
        PRIMARY KEY (part, span, old)
    );
    CREATE TABLE clock (
        id    INTEGER PRIMARY KEY CHECK (id = 1),
        store INTEGER NOT NULL,
        wall  INTEGER NOT NULL
    );";

/// The pages that a connection keeps in memory: 8 MiB.
pub(crate) const CACHE: i32 = -8192;

/// How long a database is waited for that somebody with a tool writes to.
pub(crate) const BUSY: Duration = Duration::from_millis(250);

/// The database. Its lock is held as long as this is open.
#[derive(Debug)]
pub(crate) struct Table {
    conn: Connection,
    lock: Lock,
    place: Place,
    /// How many counters there are rows of.
    rows: usize,
    /// Whether a commit waits for the disk.
    synced: bool,
}

/// What the store's clock showed when the system's clock showed something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clocks {
    pub(crate) store: Moment,
    pub(crate) wall: Moment,
}

impl Table {
    /// Opens a file that is there, takes its lock, and makes the tables where there are none.
    pub(crate) fn open(path: &Path, wait: Duration) -> Result<Self, Error> {
        let lock = Lock::take(path, wait)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let says = |error| Error::of(path, error);
        let conn = Connection::open_with_flags(path, flags).map_err(says)?;
        if conn.is_readonly("main").map_err(says)? {
            return Err(Error::ReadOnly(path.to_owned()));
        }
        conn.busy_timeout(wait).map_err(says)?;
        conn.set_prepared_statement_cache_capacity(64);
        conn.pragma_update(None, "journal_mode", "WAL")
            .and_then(|()| conn.pragma_update(None, "cache_size", CACHE))
            .and_then(|()| conn.pragma_update(None, "synchronous", "FULL"))
            .and_then(|()| conn.pragma_update(None, "secure_delete", "FAST"))
            .and_then(|()| conn.pragma_update(None, "wal_autocheckpoint", 4096))
            .and_then(|()| conn.pragma_update(None, "journal_size_limit", 64 << 20))
            .map_err(says)?;
        let mut table = Self {
            conn,
            lock,
            place: Place::of(path),
            rows: 0,
            synced: true,
        };
        table.prepare(path)?;
        // From now on nobody else should write; a person with a tool may.
        table.conn.busy_timeout(BUSY).map_err(says)?;
        Ok(table)
    }

    fn prepare(&mut self, path: &Path) -> Result<(), Error> {
        let says = |error| Error::of(path, error);
        let begin = rusqlite::TransactionBehavior::Exclusive;
        let change = self.conn.transaction_with_behavior(begin).map_err(says)?;
        let pragma = |name: &str| -> Result<i64, Error> {
            let value = change.pragma_query_value(None, name, |row| row.get(0));
            value.map_err(says)
        };
        let (application, format) = (pragma("application_id")?, pragma("user_version")?);
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = change
            .query_row(tables, [], |row| row.get(0))
            .map_err(says)?;
        match (application, tables) {
            (0, 0) => {
                change.execute_batch(SCHEMA).map_err(says)?;
                change
                    .pragma_update(None, "application_id", APPLICATION)
                    .and_then(|()| change.pragma_update(None, "user_version", FORMAT))
                    .map_err(says)?;
            }
            (APPLICATION, _) if format <= FORMAT => {}
            (APPLICATION, _) => {
                return Err(Error::Newer {
                    path: path.to_owned(),
                    found: format,
                    known: FORMAT,
                });
            }
            _ => return Err(Error::Foreign(path.to_owned())),
        }
        change.execute_batch(SESSIONS).map_err(says)?;
        change.commit().map_err(says)
    }

    /// An error where what is written would be gone with the process, as the file is not there any more.
    pub(crate) fn stays(&self) -> rusqlite::Result<()> {
        self.place.stays()
    }

    /// How many counters there are rows of.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Does `change` whole or not at all; `synced`, it is on the disk itself when this returns,
    /// not only with the operating system.
    pub(crate) fn write<T>(
        &mut self,
        synced: bool,
        change: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if self.synced != synced {
            let mode = if synced { "FULL" } else { "NORMAL" };
            self.conn.pragma_update(None, "synchronous", mode)?;
            self.synced = synced;
        }
        let rows = self.rows;
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let done = change(self).and_then(|done| {
            self.conn.execute_batch("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            self.rows = rows;
            // Some errors have undone it already; this then fails, which is of no interest.
            drop(self.conn.execute_batch("ROLLBACK"));
        }
        done
    }

    /// Writes the row of one counter, or deletes it.
    pub(crate) fn put(&mut self, key: u128, row: &Row) -> rusqlite::Result<()> {
        let Some(record) = row.record else {
            return self.delete(key);
        };
        let (rule, subject) = match &row.lock {
            Some((rule, subject)) => (Some(&**rule), subject_text(*subject)),
            None => (None, None),
        };
        let bytes = key_bytes(key);
        let values = params![
            bytes,
            record.count,
            micros(record.window_end),
            micros(record.lock_end),
            record.strikes,
            row.kind,
            rule,
            subject
        ];
        let mut update = self.conn.prepare_cached(
            "UPDATE counters SET count = ?2, window_end = ?3, lock_end = ?4, strikes = ?5, \
             kind = ?6, rule = ?7, subject = ?8 WHERE key = ?1",
        )?;
        if update.execute(values)? == 0 {
            let mut insert = self.conn.prepare_cached(
                "INSERT INTO counters (key, count, window_end, lock_end, strikes, kind, rule, \
                 subject) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            insert.execute(values)?;
            self.rows += 1;
        }
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: u128) -> rusqlite::Result<()> {
        let delete = "DELETE FROM counters WHERE key = ?1";
        let deleted = self
            .conn
            .prepare_cached(delete)?
            .execute([key_bytes(key)])?;
        self.rows = self.rows.saturating_sub(deleted);
        Ok(())
    }

    /// Deletes all rows from one key to another, both within.
    pub(crate) fn clear(&mut self, first: u128, last: u128) -> rusqlite::Result<()> {
        let delete = "DELETE FROM counters WHERE key BETWEEN ?1 AND ?2";
        let mut delete = self.conn.prepare_cached(delete)?;
        let deleted = delete.execute([key_bytes(first), key_bytes(last)])?;
        self.rows = self.rows.saturating_sub(deleted);
        Ok(())
    }

    /// Goes through the rows from one key to another, both within; how many there were.
    pub(crate) fn each(
        &self,
        first: u128,
        last: u128,
        mut note: impl FnMut(Kept<'_>),
    ) -> rusqlite::Result<usize> {
        let mut select = self.conn.prepare_cached(
            "SELECT key, count, window_end, lock_end, strikes, kind, rule, subject \
             FROM counters WHERE key BETWEEN ?1 AND ?2",
        )?;
        let mut rows = select.query([key_bytes(first), key_bytes(last)])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            seen += 1;
            let Some(key) = key_of(row.get_ref(0)?) else {
                continue;
            };
            let record = Record::new(
                row.get(1)?,
                moment(row.get(2)?),
                moment(row.get(3)?),
                row.get(4)?,
            );
            let rule = row.get_ref(6)?.as_str_or_null()?;
            let subject = subject_of(row.get_ref(7)?.as_str_or_null()?);
            let lock = rule.map(|rule| (rule, subject));
            note(Kept::new(key, Some(record), row.get(5)?, lock));
        }
        Ok(seen)
    }

    /// Puts everything back into memory.
    pub(crate) fn restore(&mut self, memory: &MemoryStore) -> rusqlite::Result<()> {
        let mut select = self
            .conn
            .prepare("SELECT part, span, old, turned, period, cells FROM sketches")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let period = Duration::from_micros(moment(row.get(4)?).as_micros());
            let turned = moment(row.get(3)?);
            let image = SketchImage::new(row.get(1)?, row.get(2)?, turned, period, row.get(5)?);
            let part = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX);
            if !memory.restore_sketch(part, image) {
                tracing::warn!(store = "sqlite", "a sketch that cannot be one was left out");
            }
        }
        drop(rows);
        drop(select);
        self.rows = self.each(0, u128::MAX, |kept| memory.restore(&kept))?;
        Ok(())
    }

    /// Replaces the sketches of one part.
    pub(crate) fn put_sketches(&self, part: usize, images: &[SketchImage]) -> rusqlite::Result<()> {
        let part = i64::try_from(part).unwrap_or(i64::MAX);
        let mut delete = self
            .conn
            .prepare_cached("DELETE FROM sketches WHERE part = ?1")?;
        delete.execute([part])?;
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO sketches (part, span, old, turned, period, cells) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for image in images {
            let period = i64::try_from(image.period.as_micros()).unwrap_or(i64::MAX);
            let turned = micros(image.turned);
            insert.execute(params![
                part,
                image.span,
                image.old,
                turned,
                period,
                image.cells
            ])?;
        }
        Ok(())
    }

    pub(crate) fn clocks(&self) -> rusqlite::Result<Option<Clocks>> {
        let select = "SELECT store, wall FROM clock";
        let clocks = self.conn.query_row(select, [], |row| {
            Ok(Clocks {
                store: moment(row.get(0)?),
                wall: moment(row.get(1)?),
            })
        });
        clocks.optional()
    }

    pub(crate) fn put_clocks(&self, clocks: Clocks) -> rusqlite::Result<()> {
        let write = "INSERT OR REPLACE INTO clock (id, store, wall) VALUES (1, ?1, ?2)";
        let mut write = self.conn.prepare_cached(write)?;
        write.execute([micros(clocks.store), micros(clocks.wall)])?;
        Ok(())
    }

    /// Moves the journal into the database and gives the file back.
    pub(crate) fn close(self) -> rusqlite::Result<()> {
        let closed = self.conn.close().map_err(|(_, error)| error);
        drop(self.lock);
        closed
    }

    pub(crate) const fn conn(&self) -> &Connection {
        &self.conn
    }

    /// How many pages the database may have, for tests of a disk that is full.
    #[cfg(test)]
    pub(crate) fn limit(&self, pages: u32) {
        let limit = format!("PRAGMA max_page_count = {pages}");
        self.conn.query_row(&limit, [], |_| Ok(())).unwrap();
    }
}

/// The keys of one part of the memory, the first and the last.
pub(crate) fn keys_of(part: usize) -> (u128, u128) {
    let size = u128::MAX / (MemoryStore::PARTS as u128) + 1;
    let first = size.saturating_mul(part as u128);
    (first, first + (size - 1))
}

/// The keys of the `number`th of many equal ranges.
pub(crate) fn keys_in(number: u8) -> (u128, u128) {
    let first = u128::from(number) << 120;
    (first, first | u128::MAX >> 8)
}
