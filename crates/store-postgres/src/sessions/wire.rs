//! What goes to the functions and comes back.

use std::time::Duration;

use bytes::Bytes;
use panoply_core::{
    Committed, Moment, OldKey, SessionChange, SessionFingerprint, SessionInfo, SessionKey,
    SessionRecord, SessionStamp, UserChange, UserKey,
};
use tokio_postgres::Row;

use crate::wire::{period, to_moment};

/// A commit's arguments.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: Vec<u8>,
    pub(super) makes: bool,
    pub(super) idle: Option<i64>,
    pub(super) lifetime: Option<i64>,
    pub(super) names: Vec<Vec<u8>>,
    pub(super) values: Vec<Option<Value>>,
    pub(super) user_does: i32,
    pub(super) user: Option<Vec<u8>>,
    pub(super) most: Option<i64>,
    pub(super) new_key: Option<Vec<u8>>,
    pub(super) grace: i64,
    pub(super) keeps: bool,
    pub(super) expected: Option<i64>,
    pub(super) room: i64,
}

impl Asked {
    pub(super) fn of(key: &SessionKey, change: &SessionChange) -> Self {
        let (names, values) = change
            .values()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.cloned().map(Value)))
            .unzip();
        let (user_does, user, most) = match change.new_user() {
            UserChange::Set { user, most } => (1, Some(user.hash().to_vec()), most),
            UserChange::Clear => (2, None, None),
            _ => (0, None, None),
        };
        let cycle = change.new_key();
        Self {
            key: key.hash().to_vec(),
            makes: change.creates(),
            idle: change.new_idle().map(|time| period(Some(time))),
            lifetime: change.new_lifetime().map(|time| period(Some(time))),
            names,
            values,
            user_does,
            user,
            most: most.map(|most| most.get().into()),
            new_key: cycle.map(|cycle| cycle.to().hash().to_vec()),
            grace: cycle.map_or(0, |cycle| period(Some(cycle.grace()))),
            keeps: cycle.is_some_and(panoply_core::Cycle::keeps_old),
            // No session ever has a version that does not fit.
            expected: change
                .expected_version()
                .map(|version| i64::try_from(version).unwrap_or(-1)),
            room: i64::try_from(change.limit()).unwrap_or(i64::MAX),
        }
    }
}

/// A value on its way to the server, which is not copied before.
#[derive(Debug)]
pub(super) struct Value(Bytes);

impl tokio_postgres::types::ToSql for Value {
    fn to_sql(
        &self,
        kind: &tokio_postgres::types::Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        (&*self.0).to_sql(kind, out)
    }

    fn accepts(kind: &tokio_postgres::types::Type) -> bool {
        <&[u8] as tokio_postgres::types::ToSql>::accepts(kind)
    }

    tokio_postgres::types::to_sql_checked!();
}

/// What came of a commit; none when it is not what the function answers.
pub(super) fn committed(numbers: &[i64]) -> Option<Committed> {
    let (&code, rest) = numbers.split_first()?;
    match (code, rest) {
        (0, &[now, version, idle_end, end, cycled, evicted]) => {
            // A stamp is made of a session alone.
            let mut record = SessionRecord::new(&SessionKey::from_hash([0; 32]), to_moment(now));
            record.version = u64::try_from(version).ok()?;
            let mut stamp = SessionStamp::new(
                &record,
                to_moment(now),
                cycled != 0,
                usize::try_from(evicted).ok()?,
            );
            stamp.idle_end = to_moment(idle_end);
            stamp.end = to_moment(end);
            Some(Committed::Done(stamp))
        }
        (1, []) => Some(Committed::Gone),
        (2, []) => Some(Committed::Stale),
        (3, []) => Some(Committed::Taken),
        (4, &[bytes]) => Some(Committed::TooLarge {
            bytes: usize::try_from(bytes).ok()?,
        }),
        _ => None,
    }
}

/// A session and the time at the server; none when it is none.
pub(super) fn record(row: &Row) -> Option<(SessionRecord, Moment)> {
    let hash = |column| row.try_get::<_, &[u8]>(column).ok()?.try_into().ok();
    let number = |column| row.try_get::<_, i64>(column).ok();
    let time = |column| number(column).map(to_moment);
    let seen = time(7)?;
    let mut record = SessionRecord::new(&SessionKey::from_hash(hash(0)?), seen);
    record.key = SessionKey::from_hash(hash(1)?);
    record.key_since = time(2)?;
    let user: Option<&[u8]> = row.try_get(3).ok()?;
    record.user = match user {
        Some(user) => Some(UserKey::from_hash(user.try_into().ok()?)),
        None => None,
    };
    record.user_since = time(4)?;
    record.version = u64::try_from(number(5)?).ok()?;
    record.created = time(6)?;
    record.idle = Duration::from_micros(u64::try_from(number(8)?).ok()?);
    record.end = time(9)?;
    let old_keys: Vec<&[u8]> = row.try_get(10).ok()?;
    let old_until: Vec<i64> = row.try_get(11).ok()?;
    let old_opens: Vec<bool> = row.try_get(12).ok()?;
    for ((key, until), opens) in old_keys.into_iter().zip(old_until).zip(old_opens) {
        let key = SessionKey::from_hash(key.try_into().ok()?);
        record
            .old_keys
            .push(OldKey::new(key, to_moment(until), opens));
    }
    let names: Vec<&[u8]> = row.try_get(13).ok()?;
    let values: Vec<&[u8]> = row.try_get(14).ok()?;
    for (name, value) in names.into_iter().zip(values) {
        let name = std::str::from_utf8(name).ok()?;
        record
            .values
            .set(name.into(), Bytes::copy_from_slice(value));
    }
    // Whoever was seen later than the look began was seen before its end.
    let now = time(15)?.max(seen);
    Some((record, now))
}

/// A session in a list.
pub(super) fn info(row: &Row) -> Option<SessionInfo> {
    let hash: &[u8] = row.try_get(0).ok()?;
    let time = |column| row.try_get::<_, i64>(column).ok().map(to_moment);
    let key = SessionKey::from_hash(hash.try_into().ok()?);
    let mut record = SessionRecord::new(&key, time(1)?);
    record.user_since = time(2)?;
    record.seen = time(3)?;
    Some(SessionInfo::new(&record, time(4)?.max(record.seen)))
}

/// The first keys of one name lie between these, both included.
pub(super) fn keys_of(name: SessionFingerprint) -> (Vec<u8>, Vec<u8>) {
    let bound = |rest: u8| {
        let mut key = vec![rest; 32];
        key.splice(..8, name.to_bits().to_be_bytes());
        key
    };
    (bound(0), bound(0xff))
}
