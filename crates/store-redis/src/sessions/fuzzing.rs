//! What must hold for answers about sessions.

use panoply_core::Loaded;
use redis::Value;

use super::wire::{committed, listed, loaded};

/// Whatever was answered, it is read or refused; a session that is read has no more values than were
/// sent.
pub(crate) fn answer(value: &Value) {
    let _ = committed(value);
    let _ = listed(value);
    if let Some(Loaded::Live(live)) = loaded(value) {
        assert!(live.record.old_keys.len() <= 255);
    }
}
