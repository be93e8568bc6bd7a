//! A body that comes in pieces, kept as one.

use bytes::{Bytes, BytesMut};

/// From how many bytes on a piece is kept as it came, with the block that it was read into: 4 KiB.
const KEPT: usize = 4 << 10;

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
            // A piece may be a few bytes of all that was read with it.
            self.first = if data.len() < KEPT {
                Bytes::copy_from_slice(&data)
            } else {
                data
            };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_body_does_not_hold_what_it_was_read_into() {
        let read = Bytes::from(vec![b'a'; 64 * 1024]);
        let mut gathered = Gathered::default();
        gathered.push(read.slice(7..8));
        assert!(read.is_unique());
        assert_eq!(gathered.into_bytes(), "a");
    }
}
