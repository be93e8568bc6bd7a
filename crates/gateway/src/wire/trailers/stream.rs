//! The stream that adds a trailer section to what hyper writes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Trailers;

/// A stream below hyper's HTTP/1, client or server.
///
/// When a body leaves trailers, hyper ends it in the same breath: it puts [`LAST_CHUNK`] behind all
/// that it has to write, then writes, and begins nothing new before that is gone. So the first
/// write after trailers were left ends in the last chunk, and they belong before its last two bytes.
/// What does not end so is passed on as it is, and the trailers are dropped.
#[derive(Debug)]
pub(crate) struct Trailing<T> {
    stream: T,
    trailers: Arc<Trailers>,
    /// What has still to be written before the empty line.
    section: Vec<u8>,
    written: usize,
}

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
const EMPTY_LINE: usize = 2;

impl<T> Trailing<T> {
    pub(crate) fn new(stream: T, trailers: Arc<Trailers>) -> Self {
        Self {
            stream,
            trailers,
            section: Vec::new(),
            written: 0,
        }
    }
}

impl<T: AsyncWrite + Unpin> Trailing<T> {
    fn splice(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let length: usize = bufs.iter().map(|buf| buf.len()).sum();
        if length > EMPTY_LINE {
            let before = shorten(bufs, length - EMPTY_LINE);
            return stream.poll_write_vectored(cx, &before);
        }
        let mut stream = stream;
        while let Some(rest @ [_, ..]) = self.section.get(self.written..) {
            let written = ready!(stream.as_mut().poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.section = Vec::new();
        self.written = 0;
        stream.poll_write_vectored(cx, bufs)
    }
}

/// The first `length` bytes of `bufs`.
fn shorten<'a>(bufs: &'a [IoSlice<'_>], mut length: usize) -> Vec<IoSlice<'a>> {
    let mut short = Vec::with_capacity(bufs.len());
    for buf in bufs {
        let part = buf.get(..length).unwrap_or(buf);
        short.push(IoSlice::new(part));
        length -= part.len();
    }
    short
}

/// Whether the bytes of `bufs` end in the last chunk of a body.
fn end_a_body(bufs: &[IoSlice<'_>]) -> bool {
    let backwards = bufs.iter().rev().flat_map(|buf| buf.iter().rev());
    backwards.take(LAST_CHUNK.len()).eq(LAST_CHUNK.iter().rev())
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Trailing<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(section) = this.trailers.take().filter(|_| end_a_body(bufs)) {
            this.section = section;
        }
        if this.section.is_empty() {
            Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
        } else {
            this.splice(cx, bufs)
        }
    }

    fn is_write_vectored(&self) -> bool {
        // Also keeps hyper from putting the next head behind the last chunk before that is written.
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Trailing<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}
