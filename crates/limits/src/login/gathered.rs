//! A body that comes in pieces, kept as one.

use bytes::{Bytes, BytesMut};

/// What has come, in one piece: of a body that comes byte by byte, the pieces would take up a hundred times what is
/// in them.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// All of it, as long as one piece is.
    first: Bytes,
    all: BytesMut,
}

impl Gathered {
    pub(super) fn push(&mut self, data: Bytes) {
        if self.is_empty() {
            self.first = data;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&data);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.all.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        if self.all.is_empty() {
            &self.first
        } else {
            &self.all
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.freeze()
        }
    }
}
