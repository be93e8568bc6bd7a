//! The stream between the listener and hyper.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::Framing;
use super::trailers::Trailing;
use super::voice;
use super::watch::Watch;

/// A connection whose bytes are followed by [`Framing`] and whose waits are noted in [`Watch`].
///
/// When a request must be refused, the byte that makes it so is replaced by NUL, which no head may
/// hold, and nothing after it is passed on. hyper then finishes the answers before it, answers
/// 400, and closes: the order of answers stays its own affair. In a body the stream ends there, and
/// whoever reads the body learns that it is broken. hyper's bare answer is replaced by ours,
/// here and whenever else hyper refuses a head by itself.
#[derive(Debug)]
pub(crate) struct Wire<T> {
    stream: Trailing<T>,
    framing: Framing,
    watch: Arc<Watch>,
    /// What hyper has still to be given of [`POISON`].
    poison: &'static [u8],
    /// Whether hyper may have words of its own, and how many of ours went out instead of them.
    speaks: bool,
    spoken: usize,
    /// Bytes that were taken after the answer.
    lingered: usize,
    /// The first byte of what a client says after a while, which hyper has still to be given.
    first: Option<u8>,
    /// What came behind a body's end.
    ahead: Bytes,
    /// Who wants to read on once all that was said is out.
    reader: Option<Waker>,
}

/// What is taken at most of a request that has been answered: 4 MiB.
const MOST_LINGERED: usize = 4 << 20;

/// No head may hold NUL; the empty line makes hyper look even at a head that came in pieces.
const POISON: &[u8] = b"\0\r\n\r\n";

impl<T> Wire<T> {
    /// Follows HTTP/1 on `stream`.
    pub(crate) fn http1(stream: T, watch: Arc<Watch>) -> Self {
        Self {
            stream: Trailing::new(stream, Arc::clone(watch.trailers())),
            framing: Framing::new(),
            watch,
            poison: &[],
            speaks: true,
            spoken: 0,
            lingered: 0,
            first: None,
            ahead: Bytes::new(),
            reader: None,
        }
    }

    fn give_poison(&mut self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, later) = self.poison.split_at(self.poison.len().min(buf.remaining()));
        buf.put_slice(now);
        self.poison = later;
        Poll::Ready(Ok(()))
    }

    /// Only watches the time: HTTP/2 has frames, and hyper checks those.
    pub(crate) fn http2(stream: T, watch: Arc<Watch>) -> Self {
        let mut wire = Self::http1(stream, watch);
        wire.framing.stop();
        wire.speaks = false;
        wire
    }
}

impl<T: AsyncRead + Unpin> Wire<T> {
    /// Resolves once the client has something to say, or has nothing to say any more.
    ///
    /// Until then nobody needs a buffer: a byte of room is enough to be told.
    pub(super) async fn begun(&mut self) -> io::Result<bool> {
        let mut byte = [0];
        let came = poll_fn(|cx| {
            let mut buf = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut *self).poll_read(cx, &mut buf))?;
            Poll::Ready(io::Result::Ok(buf.filled().first().copied()))
        });
        self.first = came.await?;
        Ok(self.first.is_some())
    }

    /// Whether the next request has to wait for the answer before it to be out.
    fn holds_its_tongue(&self) -> bool {
        let speaking = self.speaks && self.watch.voice().is_ours();
        speaking && !self.framing.in_body() && !self.watch.is_tunnel()
    }

    /// Bytes that have not been followed yet.
    fn poll_bytes(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let length = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            buf.put_slice(&[first]);
            // What more there is comes along; it is no matter if there is none.
            let more = Pin::new(this).poll_read(cx, buf);
            return if more.is_pending() {
                Poll::Ready(Ok(()))
            } else {
                more
            };
        }
        if !this.poison.is_empty() {
            return this.give_poison(buf);
        }
        if this.watch.violation().is_some() && this.framing.in_body() {
            return Poll::Ready(Ok(()));
        }
        if this.holds_its_tongue() {
            // hyper's refusal of what comes next is told from the answer before only when that is out.
            this.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = this.poll_bytes(cx, buf);
        if this.watch.is_tunnel() {
            return read;
        }
        this.watch
            .set_read_stalled(read.is_pending() && this.framing.in_body());
        ready!(read)?;
        if this.watch.violation().is_some() {
            // The client may go on talking; hyper is told that it has hung up.
            buf.set_filled(before);
            return Poll::Ready(Ok(()));
        }
        let came = buf.filled().get(before..).unwrap_or(&[]);
        match this.framing.follow_message(came) {
            Ok(followed) => {
                if let Some(behind @ [_, ..]) = came.get(followed..) {
                    let behind = Bytes::copy_from_slice(behind);
                    this.ahead = [behind, std::mem::take(&mut this.ahead)].concat().into();
                    buf.set_filled(before + followed);
                }
            }
            Err((good, violation)) => {
                this.watch.set_violation(violation);
                buf.set_filled(before + good);
                if this.framing.in_body() {
                    // Some byte of poison may be allowed there; an end before the end is not.
                    return Poll::Ready(Ok(()));
                }
                this.poison = POISON;
                return this.give_poison(buf);
            }
        }
        this.watch
            .set_place(this.framing.in_head(), this.framing.in_body());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> Wire<T> {
    /// Takes what the client still sends, until it has seen the answer and closes.
    ///
    /// A socket that is closed over unread bytes is reset by the kernel, and the answer is lost on
    /// its way. For how long is bounded by the limit on connections that are idle.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut block = [0; 4096];
        while self.lingered < MOST_LINGERED {
            let mut buf = ReadBuf::new(&mut block);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.lingered += buf.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<T: AsyncWrite + Unpin> Wire<T> {
    /// The status, where `bytes` are a refusal of hyper's own.
    fn refusal(&self, bytes: &[u8]) -> Option<u16> {
        if !self.speaks || self.watch.voice().is_ours() || self.watch.is_tunnel() {
            return None;
        }
        voice::refusal(bytes)
    }

    /// Writes our refusal instead of hyper's, whose `length` bytes are then taken for written.
    fn refuse(
        &mut self,
        cx: &mut Context<'_>,
        status: u16,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        // Whoever polls hyper looks after each poll whether words are wanted.
        let Some(words) = self.watch.voice().instead(status) else {
            return Poll::Pending;
        };
        while let Some(rest @ [_, ..]) = words.get(self.spoken..) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.spoken += written,
            }
        }
        Poll::Ready(Ok(length))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match this.refusal(buf) {
            Some(status) => this.refuse(cx, status, buf.len()),
            None => Pin::new(&mut this.stream).poll_write(cx, buf),
        };
        this.watch.set_write_stalled(written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match bufs.first().and_then(|first| this.refusal(first)) {
            Some(status) => this.refuse(cx, status, bufs.iter().map(|buf| buf.len()).sum()),
            None => Pin::new(&mut this.stream).poll_write_vectored(cx, bufs),
        };
        this.watch.set_write_stalled(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.watch.set_write_stalled(flushed.is_pending());
        this.watch.voice().end();
        if let Some(reader) = this.reader.take() {
            reader.wake();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.watch.is_parking() {
            // hyper is done with the connection, and the client is not.
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        if this.watch.is_tunnel() || !(this.framing.in_body() || this.watch.violation().is_some()) {
            return Poll::Ready(Ok(()));
        }
        ready!(this.linger(cx));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
