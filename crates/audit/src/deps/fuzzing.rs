//! The doors that the fuzzers enter by.

use std::collections::HashMap;

use super::lock::NAMES;
use super::{advisory, runtime};

/// Reads text as a lock file of the kind of this number.
pub fn lock(kind: u8, text: &str) {
    if let Some((_, kind)) = NAMES.get(usize::from(kind) % NAMES.len()) {
        let _ = kind.parse(text, &[], &HashMap::new());
    }
}

/// Reads text as an advisory of any form, and compares a version with it.
pub fn advisory(text: &str, version: &str) {
    advisory::disk::fuzz(text, version);
}

/// Reads text as a Dockerfile.
pub fn dockerfile(text: &str) {
    let _ = runtime::docker::last_image(text);
}
