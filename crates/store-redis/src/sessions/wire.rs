//! What goes to the script of sessions and comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use panoply_core::{
    Committed, LiveSession, Loaded, Moment, OldKey, SessionChange, SessionInfo, SessionKey,
    SessionRecord, SessionStamp, UserChange, UserKey,
};
use redis::{Cmd, Value};

/// The way that leads to a session: by its own key, by an old one, by one that was replaced.
const OWN: i64 = 3;
const OLD: i64 = 2;
const REPLACED: i64 = 1;

/// The arguments of a commit.
pub(super) fn commit(call: &mut Cmd, key: &SessionKey, change: &SessionChange) {
    let period = |time: Option<Duration>| time.map_or(-1, micros);
    let (does, user, most) = match change.new_user() {
        UserChange::Set { user, most } => {
            let most = most.map_or(0, std::num::NonZero::get);
            ("set", Some(user), most)
        }
        UserChange::Clear => ("clear", None, 0),
        _ => ("keep", None, 0),
    };
    let user = user.as_ref().map_or(&[][..], |user| UserKey::hash(user));
    let cycle = change.new_key();
    call.arg("commit")
        .arg(&key.hash()[..])
        .arg(u8::from(change.creates()))
        .arg(period(change.new_idle()))
        .arg(period(change.new_lifetime()))
        .arg(does)
        .arg(user)
        .arg(most)
        .arg(cycle.map_or(&[][..], |cycle| cycle.to().hash()))
        .arg(cycle.map_or(0, |cycle| micros(cycle.grace())))
        .arg(u8::from(cycle.is_some_and(panoply_core::Cycle::keeps_old)));
    match change.expected_version().filter(|_| !change.creates()) {
        Some(version) => call.arg(version),
        None => call.arg(""),
    };
    call.arg(change.limit().min(1 << 52));
    let mut field = vec![b'v'];
    for (name, value) in change.values() {
        field.truncate(1);
        field.extend_from_slice(name.as_bytes());
        call.arg(field.as_slice()).arg(u8::from(value.is_some()));
        call.arg(value.map_or(&[][..], |value| value));
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros())
        .unwrap_or(1 << 52)
        .min(1 << 52)
}

/// What a commit came to.
pub(super) fn committed(answer: &Value) -> Option<Committed> {
    let Value::Array(all) = answer else {
        return None;
    };
    let number = |place: usize| match all.get(place) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    Some(match number(0)? {
        0 => {
            let now = moment(number(2)?);
            let mut record = SessionRecord::new(&SessionKey::from_hash([0; 32]), now);
            record.version = u64::try_from(number(1)?).ok()?;
            let cycled = number(5)? == 1;
            let evicted = usize::try_from(number(6)?).ok()?;
            let mut stamp = SessionStamp::new(&record, now, cycled, evicted);
            stamp.idle_end = moment(number(3)?);
            stamp.end = moment(number(4)?);
            Committed::Done(stamp)
        }
        1 => Committed::Gone,
        2 => Committed::Stale,
        3 => Committed::Taken,
        4 => Committed::TooLarge {
            bytes: usize::try_from(number(1)?).ok()?,
        },
        _ => return None,
    })
}

/// What a key leads to.
pub(super) fn loaded(answer: &Value) -> Option<Loaded> {
    let Value::Array(all) = answer else {
        return None;
    };
    let way = match all.first()? {
        Value::Int(way) => *way,
        _ => return None,
    };
    if way < OLD {
        let replaced = way == REPLACED;
        return Some(if replaced {
            Loaded::Replaced
        } else {
            Loaded::Absent
        });
    }
    let [
        _,
        Value::Int(now),
        Value::BulkString(first),
        Value::BulkString(meta),
        fields,
    ] = all.as_slice()
    else {
        return None;
    };
    let mut record = record(first, meta)?;
    let pairs: Vec<(&Value, &Value)> = match fields {
        Value::Array(fields) => {
            let (pairs, _) = fields.as_chunks::<2>();
            pairs.iter().map(|[name, value]| (name, value)).collect()
        }
        Value::Map(fields) => fields.iter().map(|(name, value)| (name, value)).collect(),
        _ => return None,
    };
    for (name, value) in pairs {
        let (Value::BulkString(name), Value::BulkString(value)) = (name, value) else {
            return None;
        };
        if let Some(name) = name.strip_prefix(b"v") {
            let name = std::str::from_utf8(name).ok()?;
            record
                .values
                .set(Arc::from(name), Bytes::copy_from_slice(value));
        }
    }
    let live = LiveSession::new(Arc::new(record), moment(*now), way == OWN);
    Some(Loaded::Live(live))
}

/// A page of a user's sessions.
pub(super) fn listed(answer: &Value) -> Option<Vec<SessionInfo>> {
    let Value::Array(both) = answer else {
        return None;
    };
    let [Value::Int(now), Value::Array(all)] = both.as_slice() else {
        return None;
    };
    let info = |one: &Value| {
        let Value::BulkString(text) = one else {
            return None;
        };
        let (first, meta) = text.split_at_checked(32)?;
        Some(SessionInfo::new(&record(first, meta)?, moment(*now)))
    };
    all.iter().map(info).collect()
}

/// What is known of a session, without its values.
fn record(first: &[u8], meta: &[u8]) -> Option<SessionRecord> {
    let first = SessionKey::from_hash(first.try_into().ok()?);
    let mut rest = meta;
    let mut record = SessionRecord::new(&first, Moment::ZERO);
    record.key = key(&mut rest)?;
    record.key_since = moment(number(&mut rest)?);
    let has_user = byte(&mut rest)? != 0;
    let user = UserKey::from_hash(*chunk(&mut rest)?);
    record.user = has_user.then_some(user);
    record.user_since = moment(number(&mut rest)?);
    record.version = u64::try_from(number(&mut rest)?).ok()?;
    record.created = moment(number(&mut rest)?);
    record.seen = moment(number(&mut rest)?);
    record.idle = Duration::from_micros(u64::try_from(number(&mut rest)?).ok()?);
    record.end = moment(number(&mut rest)?);
    // The bytes of the values are counted as they come.
    number(&mut rest)?;
    for _ in 0..byte(&mut rest)? {
        let old = key(&mut rest)?;
        let until = moment(number(&mut rest)?);
        record
            .old_keys
            .push(OldKey::new(old, until, byte(&mut rest)? != 0));
    }
    rest.is_empty().then_some(record)
}

fn moment(micros: i64) -> Moment {
    Moment::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn key(bytes: &mut &[u8]) -> Option<SessionKey> {
    chunk(bytes).map(|hash| SessionKey::from_hash(*hash))
}

fn number(bytes: &mut &[u8]) -> Option<i64> {
    chunk(bytes).map(|number| i64::from_le_bytes(*number))
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    chunk(bytes).map(|[byte]| *byte)
}

fn chunk<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_is_not_believed() {
        for answer in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(9)]),
            Value::Array(vec![Value::Int(0), Value::Int(1)]),
        ] {
            assert!(committed(&answer).is_none(), "{answer:?}");
        }
        for length in 0..140 {
            assert!(record(&[0; 32], &vec![1; length]).is_none());
        }
        assert!(record(&[0; 31], &[0; 139]).is_none());
        assert!(loaded(&Value::Array(vec![Value::Int(3), Value::Int(0)])).is_none());
        assert!(matches!(
            loaded(&Value::Array(vec![Value::Int(0)])),
            Some(Loaded::Absent)
        ));
        assert!(listed(&Value::Array(vec![Value::Int(3)])).is_none());
    }
}
