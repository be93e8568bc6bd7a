//! What goes ahead of an answer: leave to send the body, and interim answers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// What says that a body may be sent.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is not out of it: one line of bytes, lest one thing come into the middle of another.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    text: Vec<u8>,
    /// Whether the client waits for leave to send the body.
    awaits: bool,
    /// Whether some of it waits in the stream itself, as TLS has it.
    unflushed: bool,
}

impl Ahead {
    /// A request begins, whose client may wait for leave to send the body.
    pub(super) const fn begin(&mut self, awaits: bool) {
        self.awaits = awaits;
    }

    /// Adds `text`, as it is.
    pub(super) fn say(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Somebody wants the body.
    pub(super) fn give_leave(&mut self) {
        if std::mem::take(&mut self.awaits) {
            self.say(CONTINUE);
        }
    }

    /// Whether none of it has to be written.
    pub(super) const fn is_out(&self) -> bool {
        self.text.is_empty() && !self.unflushed
    }

    /// The answer begins, and has the rest before it. Says too whether a client waits in vain for leave,
    /// since nobody wants the body.
    pub(super) fn finish(&mut self, is_wanted: bool) -> (Vec<u8>, bool) {
        // What is in the stream goes out with the answer.
        self.unflushed = false;
        if is_wanted {
            self.give_leave();
        }
        let in_vain = std::mem::take(&mut self.awaits);
        (std::mem::take(&mut self.text), in_vain)
    }

    /// Writes all of it to `stream`.
    pub(super) fn poll<T: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut T,
    ) -> Poll<io::Result<()>> {
        while !self.text.is_empty() {
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &self.text))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            if written == self.text.len() {
                // A connection that waits holds nothing.
                self.text = Vec::new();
            } else {
                self.text.drain(..written);
            }
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
