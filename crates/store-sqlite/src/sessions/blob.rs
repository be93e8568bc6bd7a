//! Values and old keys as they stand in a row.

use std::sync::Arc;

use bytes::Bytes;
use panoply_core::{Moment, OldKey, SessionKey, SessionValues};

use crate::row::{micros, moment};

/// The length of a name, the length of its value, both as 32 bits from the lowest on, the name and
/// the value; and so on. None for more than SQLite takes.
pub(super) fn values_blob(values: &SessionValues) -> Option<Vec<u8>> {
    if size(values) > MOST {
        return None;
    }
    let mut blob = Vec::with_capacity(size(values));
    for (name, value) in values.iter() {
        blob.extend(u32::try_from(name.len()).ok()?.to_le_bytes());
        blob.extend(u32::try_from(value.len()).ok()?.to_le_bytes());
        blob.extend(name.as_bytes());
        blob.extend(value);
    }
    Some(blob)
}

/// How many bytes the blob of these values has.
pub(super) fn bytes_of(values: &SessionValues) -> i64 {
    i64::try_from(size(values)).unwrap_or(i64::MAX)
}

fn size(values: &SessionValues) -> usize {
    values
        .bytes()
        .saturating_add(values.len().saturating_mul(8))
}

/// How many bytes a blob may have; SQLite would take a little less than a gigabyte.
const MOST: usize = 512 * 1024 * 1024;

/// None for bytes that nobody can have written.
pub(super) fn values_of(blob: Vec<u8>) -> Option<SessionValues> {
    let mut rest = Bytes::from(blob);
    let mut values = SessionValues::new();
    while !rest.is_empty() {
        let name = take_length(&mut rest)?;
        let value = take_length(&mut rest)?;
        let name = take(&mut rest, name)?;
        let value = take(&mut rest, value)?;
        // Copied, or a small value would keep the whole blob in memory when the others are gone.
        let value = Bytes::copy_from_slice(&value);
        values.set(Arc::from(std::str::from_utf8(&name).ok()?), value);
    }
    Some(values)
}

fn take_length(rest: &mut Bytes) -> Option<usize> {
    let length = take(rest, 4)?;
    let length = length.first_chunk().copied()?;
    usize::try_from(u32::from_le_bytes(length)).ok()
}

fn take(rest: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= rest.len()).then(|| rest.split_to(length))
}

/// The key, until when it is known in microseconds, and a byte that says whether it opens; none
/// where there are no keys.
pub(super) fn old_keys_blob(keys: &[OldKey]) -> Option<Vec<u8>> {
    let mut blob = Vec::with_capacity(keys.len() * OLD_KEY);
    for old in keys {
        blob.extend(old.key.hash());
        blob.extend(micros(old.until).to_le_bytes());
        blob.push(u8::from(old.opens));
    }
    (!blob.is_empty()).then_some(blob)
}

const OLD_KEY: usize = 32 + 8 + 1;

/// None for bytes that nobody can have written.
pub(super) fn old_keys_of(blob: &[u8]) -> Option<Vec<OldKey>> {
    let (keys, []) = blob.as_chunks::<OLD_KEY>() else {
        return None;
    };
    keys.iter().map(old_key_of).collect()
}

fn old_key_of(blob: &[u8; OLD_KEY]) -> Option<OldKey> {
    let (hash, rest) = blob.split_first_chunk::<32>()?;
    let (until, rest) = rest.split_first_chunk::<8>()?;
    let [opens @ (0 | 1)] = rest else {
        return None;
    };
    let until: Moment = moment(i64::from_le_bytes(*until));
    Some(OldKey::new(
        SessionKey::from_hash(*hash),
        until,
        *opens == 1,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_keeps_no_other_in_memory() {
        let mut values = SessionValues::new();
        values.set(Arc::from("large"), Bytes::from(vec![1; 60_000]));
        values.set(Arc::from("small"), Bytes::from(vec![2; 1]));
        let blob = values_blob(&values).unwrap();
        let read = values_of(blob).unwrap();
        assert_eq!(read, values);
        assert!(read.iter().all(|(_, value)| value.is_unique()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            all in prop::collection::btree_map(".{0,8}", prop::collection::vec(any::<u8>(), 0..40), 0..6),
            keys in prop::collection::vec((any::<[u8; 32]>(), 0..1_i64 << 60, any::<bool>()), 0..4),
        ) {
            let mut values = SessionValues::new();
            for (name, value) in &all {
                values.set(Arc::from(name.as_str()), Bytes::copy_from_slice(value));
            }
            let blob = values_blob(&values).unwrap();
            prop_assert_eq!(i64::try_from(blob.len()).ok(), Some(bytes_of(&values)));
            for length in 0..blob.len() {
                // Cut between two values it is another session; in one it is none.
                let read = values_of(blob[..length].to_vec());
                prop_assert!(read.is_none_or(|read| read.len() < values.len()));
            }
            prop_assert_eq!(values_of(blob), Some(values));
            let keys = keys.into_iter().map(|(hash, until, opens)| {
                OldKey::new(SessionKey::from_hash(hash), moment(until), opens)
            });
            let keys: Vec<OldKey> = keys.collect();
            match old_keys_blob(&keys) {
                Some(blob) => prop_assert_eq!(old_keys_of(&blob), Some(keys)),
                None => prop_assert!(keys.is_empty()),
            }
        }
    }
}
