//! What must hold for the bytes of a row, whoever has changed the file.

#![allow(clippy::expect_used, reason = "what fails is found")]

use super::blob::{bytes_of, old_keys_blob, old_keys_of, values_blob, values_of};

/// Bytes of values or of old keys: refused, or written and read they are the same.
pub fn session_row(data: &[u8]) {
    if let Some(values) = values_of(data.to_vec()) {
        let blob = values_blob(&values).expect("it is short");
        assert_eq!(i64::try_from(blob.len()).ok(), Some(bytes_of(&values)));
        assert_eq!(values_of(blob).as_ref(), Some(&values));
    }
    if let Some(keys) = old_keys_of(data)
        && let Some(blob) = old_keys_blob(&keys)
    {
        assert_eq!(old_keys_of(&blob), Some(keys));
    }
}
