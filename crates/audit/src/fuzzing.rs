//! The doors that the fuzzers enter by; in no other build.

use crate::live::handshake::{Reply, read};
use crate::live::page::Page;

pub use crate::deps::fuzzing::{advisory, dockerfile, lock};

/// What a server's first bytes say: version and suite, nothing yet, or no.
///
/// # Errors
///
/// When it goes no further.
pub fn reply(bytes: &[u8]) -> Result<Option<(u16, u16)>, ()> {
    match read(bytes) {
        Reply::More => Ok(None),
        Reply::Accepted { version, suite } => Ok(Some((version, suite))),
        Reply::Refused | Reply::Garbage => Err(()),
    }
}

/// How many scripts stand in a page.
pub fn scripts(html: &str) -> usize {
    Page::read(html).scripts.len()
}
