//! Whose words go out on a connection: the stack's, or hyper's own.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU16};

use bytes::Bytes;
use http::StatusCode;

/// Tells hyper's answers to heads that it cannot read from the stack's, so that they are replaced.
///
/// What the stack gives to hyper is said here beforehand, and forgotten when hyper flushes, which it
/// does only with nothing left to write. Bytes that come in between are hyper's own: 100 Continue,
/// or a bare refusal, its last words on the connection.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    ours: AtomicBool,
    refused: AtomicU16,
    words: OnceLock<Bytes>,
}

impl Voice {
    /// Something of the stack's is about to be written.
    pub(super) fn begin(&self) {
        self.ours.store(true, Relaxed);
    }

    /// All of it is out.
    pub(super) fn end(&self) {
        self.ours.store(false, Relaxed);
    }

    pub(super) fn is_ours(&self) -> bool {
        self.ours.load(Relaxed)
    }

    /// What goes out instead of hyper's refusal with `status`, as soon as it is known.
    pub(super) fn instead(&self, status: u16) -> Option<&Bytes> {
        self.refused.store(status, Relaxed);
        self.words.get()
    }

    /// The status of a refusal that waits for its words.
    pub(super) fn wanted(&self) -> Option<StatusCode> {
        let status = self.refused.load(Relaxed);
        (status != 0 && self.words.get().is_none())
            .then(|| StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST))
    }

    /// Whether the refusal had its words, and was counted with them.
    pub(super) fn has_spoken(&self) -> bool {
        self.words.get().is_some()
    }

    pub(super) fn give(&self, words: Bytes) {
        // hyper refuses once.
        let _ = self.words.set(words);
    }
}

/// The status in a refusal's first bytes; 100 Continue is none.
pub(super) fn refusal(bytes: &[u8]) -> Option<u16> {
    let status = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let status = std::str::from_utf8(status).ok()?.parse().ok()?;
    (status >= 400).then_some(status)
}
