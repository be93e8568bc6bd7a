//! What must hold for the bytes of a sealed session.

#![allow(clippy::expect_used, reason = "what fails is found")]

use super::form::{read, write};

/// Bytes: refused, or written and read they are the same session.
pub fn sealed_session(data: &[u8]) {
    let Some(record) = read(data) else {
        return;
    };
    let again = read(&write(&record)).expect("it was written here");
    assert_eq!(again, record);
}
