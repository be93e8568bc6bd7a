//! Bytes on their way out.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use tokio::io::AsyncWrite;

/// What ends a line.
const CRLF: &[u8] = b"\r\n";

/// What is copied behind the head instead of being written beside it: one piece costs the kernel less
/// than two, and over TLS it is one record.
const SMALL: usize = 4 << 10;

/// A head, or the line before a chunk, and the piece of a body behind it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    text: Vec<u8>,
    written: usize,
    data: Bytes,
    after: &'static [u8],
}

impl Queue {
    /// One that begins with `head`.
    pub(crate) const fn new(head: Vec<u8>) -> Self {
        Self {
            text: head,
            written: 0,
            data: Bytes::new(),
            after: b"",
        }
    }

    /// Whether all of it is out.
    pub(crate) fn is_written(&self) -> bool {
        self.written == self.text.len() && self.data.is_empty() && self.after.is_empty()
    }

    /// How many bytes are still to be written.
    pub(crate) const fn left(&self) -> usize {
        self.text.len() - self.written + self.data.len() + self.after.len()
    }

    /// As if nothing had been written of a head alone.
    pub(crate) const fn again(&mut self) {
        self.written = 0;
    }

    /// Room for the next head.
    pub(crate) fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// Room for what comes after all that was written.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        if self.written > 0 && self.is_written() {
            self.text.clear();
            self.written = 0;
        }
        &mut self.text
    }

    /// A piece of a body, whose length is known from the head.
    pub(crate) fn data(&mut self, data: Bytes) {
        let text = self.text();
        if data.len() <= SMALL {
            text.extend_from_slice(&data);
        } else {
            self.data = data;
        }
    }

    /// A chunk (RFC 9112 §7.1), and the end of the body behind it if it is the `last`.
    pub(crate) fn chunk(&mut self, data: Bytes, last: bool) {
        let after: &'static [u8] = if last { b"\r\n0\r\n\r\n" } else { CRLF };
        let text = self.text();
        // Writing to a vector does not fail.
        let _ = write!(text, "{:x}\r\n", data.len());
        if data.len() <= SMALL {
            text.extend_from_slice(&data);
            text.extend_from_slice(after);
        } else {
            self.data = data;
            self.after = after;
        }
    }

    /// The last chunk, and the trailer section (RFC 9112 §7.1.2).
    pub(crate) fn end(&mut self, trailers: &HeaderMap) {
        let text = self.text();
        text.extend_from_slice(b"0\r\n");
        for (name, value) in trailers {
            field(text, name.as_str().as_bytes(), value.as_bytes());
        }
        text.extend_from_slice(CRLF);
    }

    /// Writes until all of it is out.
    pub(crate) fn poll<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<io::Result<()>> {
        while !self.is_written() {
            let text = self.text.get(self.written..).unwrap_or(&[]);
            let written = match [text, &self.data, self.after] {
                [alone, [], []] | [[], alone, []] => {
                    ready!(Pin::new(&mut *to).poll_write(cx, alone))?
                }
                parts => {
                    let parts = parts.map(IoSlice::new);
                    ready!(Pin::new(&mut *to).poll_write_vectored(cx, &parts))?
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether any of it has been written since it was last empty.
    pub(crate) const fn has_begun(&self) -> bool {
        self.written > 0
    }

    fn advance(&mut self, mut written: usize) {
        let text = written.min(self.text.len() - self.written);
        self.written += text;
        written -= text;
        let data = written.min(self.data.len());
        self.data.advance(data);
        written -= data;
        self.after = self.after.get(written..).unwrap_or(&[]);
    }
}

/// Writes one line of a head or a trailer section.
pub(crate) fn field(text: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, CRLF] {
        text.extend_from_slice(part);
    }
}
