//! A session as bytes, to be sealed: a head of one length, then names and values with theirs.

use std::time::Duration;

use bytes::Bytes;
use panoply_core::{Moment, SessionKey, SessionRecord};

use crate::session::USER;
use crate::user_key;

/// The first byte, by which another form can be told from this one.
const FORM: u8 = 1;

pub(super) fn write(record: &SessionRecord) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96 + record.values.bytes() + record.values.len() * 8);
    bytes.push(FORM);
    bytes.extend_from_slice(record.first_key.hash());
    let idle = u64::try_from(record.idle.as_micros()).unwrap_or(u64::MAX);
    let times = [
        record.created.as_micros(),
        record.seen.as_micros(),
        record.user_since.as_micros(),
        record.end.as_micros(),
        record.version,
        idle,
    ];
    for time in times {
        bytes.extend_from_slice(&time.to_be_bytes());
    }
    for (name, value) in record.values.iter() {
        for part in [name.as_bytes(), value] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// The session, or nothing where anything is missing or left over.
pub(super) fn read(mut bytes: &[u8]) -> Option<SessionRecord> {
    let [form] = *take(&mut bytes)?;
    if form != FORM {
        return None;
    }
    let key = SessionKey::from_hash(*take::<32>(&mut bytes)?);
    let mut number = || take(&mut bytes).map(|number| u64::from_be_bytes(*number));
    let created = Moment::from_micros(number()?);
    let mut record = SessionRecord::new(&key, created);
    record.seen = Moment::from_micros(number()?);
    record.user_since = Moment::from_micros(number()?);
    record.end = Moment::from_micros(number()?);
    record.version = number()?;
    record.idle = Duration::from_micros(number()?);
    while !bytes.is_empty() {
        let name = part(&mut bytes)?;
        let value = part(&mut bytes)?;
        let name = std::str::from_utf8(name).ok()?;
        record
            .values
            .set(name.into(), Bytes::copy_from_slice(value));
    }
    if let Some(user) = record.values.get(USER) {
        let name: String = serde_json::from_slice(user).ok()?;
        record.user = Some(user_key(&name));
    }
    Some(record)
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_be_bytes(*take(bytes)?)).ok()?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use panoply_core::{Committed, SessionChange};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            values in prop::collection::btree_map(".{0,8}", prop::collection::vec(any::<u8>(), 0..40), 0..6),
            now in 1..u64::MAX / 4,
        ) {
            let now = Moment::from_micros(now);
            let key = SessionKey::from_hash([7; 32]);
            let times = (Duration::from_mins(1), Duration::from_mins(10));
            let mut change = SessionChange::create(times.0, times.1);
            for (name, value) in values {
                change = change.set(name, value);
            }
            let (record, committed) = SessionRecord::apply(None, &key, &change, false, now);
            prop_assert!(matches!(committed, Committed::Done(_)));
            let record = record.unwrap();
            let bytes = write(&record);
            prop_assert_eq!(read(&bytes), Some(record));
            for length in 0..bytes.len() {
                // Cut between two values it is another session, which the seal is there for.
                drop(read(&bytes[..length]));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(read(&bytes));
        }
    }
}
