//! The tables of the sessions, and the statements on them.

use std::time::Duration;

use panoply_core::{
    Moment, SessionFingerprint, SessionInfo, SessionKey, SessionRecord, SessionValues, UserKey,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::blob::{old_keys_blob, old_keys_of, values_blob, values_of};
use super::cache::Hash;
use crate::row::{micros, moment};

/// Made at the first opening by a release that knows of sessions.
///
/// `look` is when to look whether a session is over. It does not move with each commit, as
/// `idle_end` does, or each would write to an index: when the time has come, it is set anew.
///
/// The totals are of rows that are held for a session or a tombstone, and of the bytes of values.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS sessions (
        id         INTEGER PRIMARY KEY,
        first_key  BLOB NOT NULL,
        key        BLOB NOT NULL,
        key_since  INTEGER NOT NULL,
        old_keys   BLOB,
        user       BLOB,
        user_since INTEGER NOT NULL,
        version    INTEGER NOT NULL,
        created    INTEGER NOT NULL,
        seen       INTEGER NOT NULL,
        idle       INTEGER NOT NULL,
        end_at     INTEGER NOT NULL,
        idle_end   INTEGER NOT NULL,
        look       INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS session_users ON sessions (user, first_key) WHERE user IS NOT NULL;
    CREATE INDEX IF NOT EXISTS session_looks ON sessions (user IS NOT NULL, look);
    CREATE TABLE IF NOT EXISTS session_values (
        session INTEGER PRIMARY KEY,
        content BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS session_keys (
        key     BLOB PRIMARY KEY NOT NULL,
        session INTEGER,
        until   INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS session_tombstones ON session_keys (until) WHERE session IS NULL;
    CREATE TABLE IF NOT EXISTS session_totals (
        id    INTEGER PRIMARY KEY CHECK (id = 1),
        held  INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    );
    INSERT OR IGNORE INTO session_totals (id, held, bytes) VALUES (1, 0, 0);";

/// Why a statement on one session did not go as it should.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The row cannot be what was written.
    Damaged,
    /// The session has more bytes than a row takes.
    TooLarge,
    /// Anything that SQLite says.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        // Without a word of SQLite's own, it is about what a column holds.
        if error.sqlite_error().is_some() {
            Self::Database(error)
        } else {
            Self::Damaged
        }
    }
}

/// What stands at a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Nothing,
    Tombstone(Moment),
    Session(i64),
}

pub(super) fn at(conn: &Connection, key: &Hash) -> Result<At, Trouble> {
    let select = "SELECT session, until FROM session_keys WHERE key = ?1";
    let mut select = conn.prepare_cached(select)?;
    let row = select.query_row([key], |row| {
        let session: Option<i64> = row.get(0)?;
        let until: Option<i64> = row.get(1)?;
        Ok((session, until))
    });
    Ok(match row.optional()? {
        Some((Some(session), _)) => At::Session(session),
        Some((None, Some(until))) => At::Tombstone(moment(until)),
        _ => At::Nothing,
    })
}

/// A session with its values.
pub(super) fn read(conn: &Connection, id: i64) -> Result<Option<SessionRecord>, Trouble> {
    let mut select = conn.prepare_cached(
        "SELECT first_key, key, key_since, old_keys, user, user_since, version, created, seen, \
         idle, end_at, content FROM sessions LEFT JOIN session_values ON session = id \
         WHERE id = ?1",
    )?;
    let row = select.query_row([id], |row| {
        let content: Option<Vec<u8>> = row.get(11)?;
        Ok((record_of(row)?, content))
    });
    let Some((record, content)) = row.optional()? else {
        return Ok(None);
    };
    let (Some(mut record), Some(content)) = (record, content) else {
        return Err(Trouble::Damaged);
    };
    record.values = values_of(content).ok_or(Trouble::Damaged)?;
    Ok(Some(record))
}

/// A session without its values.
pub(super) fn read_bare(conn: &Connection, id: i64) -> Result<Option<SessionRecord>, Trouble> {
    let mut select = conn.prepare_cached(
        "SELECT first_key, key, key_since, old_keys, user, user_since, version, created, seen, \
         idle, end_at FROM sessions WHERE id = ?1",
    )?;
    let row = select.query_row([id], record_of).optional()?;
    row.map(|record| record.ok_or(Trouble::Damaged)).transpose()
}

fn record_of(row: &Row<'_>) -> rusqlite::Result<Option<SessionRecord>> {
    let key = |column| row.get(column).map(SessionKey::from_hash);
    let time = |column| row.get(column).map(moment);
    let mut record = SessionRecord::new(&key(0)?, time(7)?);
    record.key = key(1)?;
    record.key_since = time(2)?;
    let old_keys = match row.get_ref(3)?.as_blob_or_null()? {
        Some(blob) => old_keys_of(blob),
        None => Some(Vec::new()),
    };
    let Some(old_keys) = old_keys else {
        return Ok(None);
    };
    record.old_keys = old_keys;
    record.user = row.get::<_, Option<Hash>>(4)?.map(UserKey::from_hash);
    record.user_since = time(5)?;
    record.version = row.get::<_, i64>(6)?.cast_unsigned();
    record.seen = time(8)?;
    record.idle = Duration::from_micros(time(9)?.as_micros());
    record.end = time(10)?;
    record.values = SessionValues::new();
    Ok(Some(record))
}

/// Writes a new session, or the whole of one that is there but its values.
pub(super) fn put(
    conn: &Connection,
    id: i64,
    record: &SessionRecord,
    new: bool,
) -> Result<(), Trouble> {
    let idle = i64::try_from(record.idle.as_micros()).unwrap_or(i64::MAX);
    let values = params![
        id,
        record.key.hash(),
        micros(record.key_since),
        old_keys_blob(&record.old_keys),
        record.user.as_ref().map(UserKey::hash),
        micros(record.user_since),
        record.version.cast_signed(),
        micros(record.seen),
        idle,
        micros(record.end),
        micros(record.idle_end()),
    ];
    if new {
        let mut insert = conn.prepare_cached(
            "INSERT INTO sessions (id, key, key_since, old_keys, user, user_since, version, seen, \
             idle, end_at, idle_end, look, first_key, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13)",
        )?;
        let (first, created) = (record.first_key.hash(), micros(record.created));
        let more = params![first, created];
        let all: Vec<&dyn rusqlite::ToSql> = values.iter().chain(more).copied().collect();
        insert.execute(&*all)?;
        return Ok(());
    }
    let mut update = conn.prepare_cached(
        "UPDATE sessions SET key = ?2, key_since = ?3, old_keys = ?4, user = ?5, user_since = ?6, \
         version = ?7, seen = ?8, idle = ?9, end_at = ?10, idle_end = ?11, look = min(look, ?11) \
         WHERE id = ?1",
    )?;
    update.execute(values)?;
    Ok(())
}

/// Writes the values of a session, and says how many bytes they take.
pub(super) fn put_values(
    conn: &Connection,
    id: i64,
    values: &SessionValues,
) -> Result<i64, Trouble> {
    let content = values_blob(values).ok_or(Trouble::TooLarge)?;
    let write = "INSERT OR REPLACE INTO session_values (session, content) VALUES (?1, ?2)";
    conn.prepare_cached(write)?.execute(params![id, content])?;
    Ok(i64::try_from(content.len()).unwrap_or(i64::MAX))
}

/// Deletes a session, but not its keys; how many sessions and how many bytes that were.
pub(super) fn delete(conn: &Connection, id: i64) -> Result<(i64, i64), Trouble> {
    let delete = "DELETE FROM sessions WHERE id = ?1";
    let sessions = conn.prepare_cached(delete)?.execute([id])?;
    let delete = "DELETE FROM session_values WHERE session = ?1 RETURNING length(content)";
    let mut delete = conn.prepare_cached(delete)?;
    let bytes = delete.query_row([id], |row| row.get(0)).optional()?;
    Ok((count(sessions), bytes.unwrap_or(0)))
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Lets a key lead to a session, wherever it led before.
pub(super) fn put_key(conn: &Connection, key: &Hash, id: i64) -> Result<(), Trouble> {
    let write = "INSERT OR REPLACE INTO session_keys (key, session) VALUES (?1, ?2)";
    conn.prepare_cached(write)?.execute(params![key, id])?;
    Ok(())
}

/// Lets a key lead nowhere, if it leads to this session.
pub(super) fn free_key(conn: &Connection, key: &Hash, id: i64) -> Result<(), Trouble> {
    let delete = "DELETE FROM session_keys WHERE key = ?1 AND session = ?2";
    conn.prepare_cached(delete)?.execute(params![key, id])?;
    Ok(())
}

/// Puts a tombstone at a key, if it leads to this session; how many that are.
pub(super) fn bury(conn: &Connection, key: &Hash, id: i64, until: Moment) -> Result<i64, Trouble> {
    let update =
        "UPDATE session_keys SET session = NULL, until = ?3 WHERE key = ?1 AND session = ?2";
    let mut update = conn.prepare_cached(update)?;
    Ok(count(update.execute(params![key, id, micros(until)])?))
}

/// A session of a user's, as far as a cap has to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owned {
    pub(super) id: i64,
    pub(super) fingerprint: SessionFingerprint,
    pub(super) since: Moment,
}

/// All sessions of a user's that are not over.
pub(super) fn of_user(
    conn: &Connection,
    user: &UserKey,
    now: Moment,
) -> Result<Vec<Owned>, Trouble> {
    let mut select = conn.prepare_cached(
        "SELECT id, first_key, user_since FROM sessions WHERE user = ?1 AND idle_end > ?2",
    )?;
    let rows = select.query_map(params![user.hash(), micros(now)], |row| {
        Ok(Owned {
            id: row.get(0)?,
            fingerprint: SessionFingerprint::of(&row.get(1)?),
            since: moment(row.get(2)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The sessions of a user's that are not over, from the one behind `after`.
pub(super) fn list(
    conn: &Connection,
    user: &UserKey,
    after: Option<SessionFingerprint>,
    most: usize,
    now: Moment,
) -> Result<Vec<SessionInfo>, Trouble> {
    let mut select = conn.prepare_cached(
        "SELECT first_key, key, key_since, old_keys, user, user_since, version, created, seen, \
         idle, end_at FROM sessions \
         WHERE user = ?1 AND first_key > ?2 AND idle_end > ?3 ORDER BY first_key LIMIT ?4",
    )?;
    // The last key of that fingerprint, or what comes before every key.
    let mut behind = Vec::new();
    if let Some(after) = after {
        behind.extend(after.to_bits().to_be_bytes());
        behind.extend([0xff; 24]);
    }
    let of = params![user.hash(), behind, micros(now), count(most)];
    let rows = select.query_map(of, record_of)?;
    let known = rows.map(|record| Ok(record?.map(|record| SessionInfo::new(&record, now))));
    let all: rusqlite::Result<Vec<Option<SessionInfo>>> = known.collect();
    Ok(all?.into_iter().flatten().collect())
}

/// A session of which it is time to look whether it is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) id: i64,
    pub(super) look: Moment,
    pub(super) idle_end: Moment,
}

/// The sessions of nobody, or those of users, that are due, the longest due first.
pub(super) fn due(
    conn: &Connection,
    of_users: bool,
    now: Moment,
    most: usize,
) -> Result<Vec<Due>, Trouble> {
    let mut select = conn.prepare_cached(
        "SELECT id, look, idle_end FROM sessions \
         WHERE (user IS NOT NULL) = ?1 AND look <= ?2 ORDER BY look LIMIT ?3",
    )?;
    let of = params![of_users, micros(now), count(most)];
    let rows = select.query_map(of, |row| {
        Ok(Due {
            id: row.get(0)?,
            look: moment(row.get(1)?),
            idle_end: moment(row.get(2)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Says when to look again.
pub(super) fn look_at(conn: &Connection, id: i64, when: Moment) -> Result<(), Trouble> {
    let update = "UPDATE sessions SET look = ?2 WHERE id = ?1";
    let mut update = conn.prepare_cached(update)?;
    update.execute(params![id, micros(when)])?;
    Ok(())
}

/// Deletes tombstones that stand until then at the latest, and says how many.
pub(super) fn delete_tombstones(
    conn: &Connection,
    until: Moment,
    most: usize,
) -> Result<i64, Trouble> {
    let mut delete = conn.prepare_cached(
        "DELETE FROM session_keys WHERE key IN (SELECT key FROM session_keys \
         WHERE session IS NULL AND until <= ?1 ORDER BY until LIMIT ?2)",
    )?;
    Ok(count(delete.execute(params![micros(until), count(most)])?))
}

/// What all sessions take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Sessions and tombstones.
    pub(crate) held: i64,
    /// Bytes of values.
    pub(crate) bytes: i64,
}

pub(crate) fn totals(conn: &Connection) -> rusqlite::Result<Totals> {
    let select = "SELECT held, bytes FROM session_totals";
    conn.query_row(select, [], |row| {
        Ok(Totals {
            held: row.get(0)?,
            bytes: row.get(1)?,
        })
    })
}

pub(super) fn put_totals(conn: &Connection, totals: Totals) -> Result<(), Trouble> {
    let update = "UPDATE session_totals SET held = ?1, bytes = ?2";
    let mut update = conn.prepare_cached(update)?;
    update.execute(params![totals.held, totals.bytes])?;
    Ok(())
}

/// The highest number of a session so far.
pub(crate) fn last_id(conn: &Connection) -> rusqlite::Result<i64> {
    let select = "SELECT coalesce(max(id), 0) FROM sessions";
    conn.query_row(select, [], |row| row.get(0))
}
