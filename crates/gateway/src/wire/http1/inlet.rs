//! What a client sends: heads, and the bodies behind them.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ahead::Ahead;
use super::head::{Bounds, Head, Refused, skip_empty, take};
use crate::http1::{Decoder, Extent};
use crate::spares::Spares;
use crate::wire::watch::Watch;

/// How much is read at once, into room that all connections of a worker share.
pub(crate) const BLOCK: usize = 64 << 10;

/// What is kept at most of requests that come before the answer to the one at hand is out.
const AHEAD: usize = 64 << 10;

/// What is taken at most of a body that nobody reads, so that another request may follow.
pub(super) const MOST_DISCARDED: usize = 64 << 10;

/// Room that is read into.
pub(crate) type Block = RefCell<Box<[u8]>>;

/// A connection's stream and what has come over it; shared by who answers and the body of the request.
#[derive(Debug)]
pub(super) struct Inlet<T> {
    inner: RefCell<Inner<T>>,
    /// Who waits for the body to end or to be given up: the connection itself.
    waits: RefCell<Option<Waker>>,
    /// Who waits for more of the body.
    reader: RefCell<Option<Waker>>,
    /// Whether somebody is to read the body.
    held: Cell<bool>,
    /// The number of the request at hand: who reads the body of one before has no part in it.
    request: Cell<u64>,
    watch: Arc<Watch>,
    block: Rc<Block>,
}

#[derive(Debug)]
struct Inner<T> {
    /// Nothing once the connection has ended, whoever still has a share in it.
    stream: Option<T>,
    bytes: BytesMut,
    decoder: Decoder,
    ahead: Ahead,
    /// Whether no more of the body can come: it is not well-formed, or the client waits for leave and has
    /// been answered without.
    stuck: bool,
    ended: bool,
}

/// The body of a connection's request, by its number, as the one who reads it has it.
///
/// Whoever writes what was read to an app that is slow may come back when the client is on with its next
/// request.
pub(crate) trait Feed: Debug {
    /// The next frame; an error when the body is broken.
    fn poll(&self, request: u64, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>>;

    /// Whether all of it has been read.
    fn is_end(&self, request: u64) -> bool;

    /// How much is still to come.
    fn size_hint(&self, request: u64) -> SizeHint;

    /// Nobody reads it any more.
    fn let_go(&self, request: u64);
}

impl<T: AsyncRead + AsyncWrite + Unpin> Inlet<T> {
    /// Of a stream of which `bytes` have been read already.
    pub(super) fn new(stream: T, bytes: BytesMut, watch: Arc<Watch>, block: Rc<Block>) -> Self {
        Self {
            inner: RefCell::new(Inner {
                stream: Some(stream),
                bytes,
                decoder: Decoder::new(Extent::Sized(0)),
                ahead: Ahead::default(),
                stuck: false,
                ended: false,
            }),
            waits: RefCell::default(),
            reader: RefCell::default(),
            held: Cell::new(false),
            request: Cell::new(0),
            watch,
            block,
        }
    }

    /// The next head; nothing when the client has no more to ask.
    pub(super) fn poll_head(
        &self,
        cx: &mut Context<'_>,
        bounds: Bounds,
        spares: &Spares,
    ) -> Poll<io::Result<Result<Option<Head>, Refused>>> {
        let mut inner = self.inner.borrow_mut();
        loop {
            skip_empty(&mut inner.bytes);
            // Half an empty line is no head, or one would be begun and ended for ever.
            let begun = !matches!(inner.bytes.first(), None | Some(b'\r'));
            self.watch.set_in_head(begun);
            if !inner.bytes.is_empty() {
                let taken = take(&mut inner.bytes, bounds, spares);
                if !matches!(taken, Ok(None)) {
                    self.watch.set_in_head(false);
                    return Poll::Ready(Ok(taken));
                }
            } else if inner.bytes.capacity() > 0 {
                // A connection that is idle holds nothing.
                inner.bytes = BytesMut::new();
            }
            if inner.ended || !ready!(inner.read(cx, &self.block))? {
                return Poll::Ready(Ok(Ok(None)));
            }
        }
    }

    /// Begins to read the body behind a head; its number if there is one.
    pub(super) fn begin(&self, extent: Extent, expects: bool) -> Option<u64> {
        let mut inner = self.inner.borrow_mut();
        inner.decoder = Decoder::new(extent);
        let has_body = !inner.decoder.is_done();
        // Whoever has begun to send wants no leave.
        let awaits = expects && has_body && inner.bytes.is_empty();
        inner.ahead.begin(awaits);
        inner.stuck = false;
        self.held.set(has_body);
        self.request.set(self.request.get() + 1);
        has_body.then(|| self.request.get())
    }

    /// Whether the body has been read.
    pub(super) fn is_done(&self) -> bool {
        self.inner.borrow().decoder.is_done()
    }

    /// Has `text` go ahead of the answer, as it is.
    pub(super) fn say(&self, text: &[u8]) {
        if !text.is_empty() {
            self.inner.borrow_mut().ahead.say(text);
        }
    }

    /// Sends what goes ahead of the answer.
    pub(super) fn poll_ahead(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.inner.borrow_mut();
        if inner.ahead.is_out() {
            return Poll::Ready(Ok(()));
        }
        ready!(inner.send_ahead(cx))?;
        // Who waited to write it has the client's bytes to wait for.
        wake(&self.reader);
        Poll::Ready(Ok(()))
    }

    /// The answer begins: what is to go out before it, which nobody else writes from now on.
    pub(super) fn begin_answer(&self) -> Vec<u8> {
        let mut inner = self.inner.borrow_mut();
        let (text, in_vain) = inner.ahead.finish(self.held.get());
        inner.stuck |= in_vain;
        if in_vain || !text.is_empty() {
            // Who waited to write it has the client's bytes to wait for.
            wake(&self.reader);
        }
        text
    }

    /// Whether another request can follow the answer that begins: who reads the body has it, or the rest
    /// is little enough to be taken and thrown away. Of chunks nobody knows how much is still to come, and
    /// who has been told that the connection lasts must not lose it (RFC 9112 §9.6).
    pub(super) fn may_last(&self) -> bool {
        if self.held.get() || self.drain() {
            return true;
        }
        let inner = self.inner.borrow();
        let rest = inner.decoder.size_hint().exact();
        !inner.stuck && !inner.ended && rest.is_some_and(|rest| rest <= MOST_DISCARDED as u64)
    }

    /// Resolves with the body's end, or when nobody reads it any more.
    pub(super) fn poll_left(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.held.get() || self.is_done() {
            self.watch.set_unread(false);
            return Poll::Ready(());
        }
        self.watch.set_unread(true);
        *self.waits.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes a body that nobody reads, if there is not too much of it; whether that was all.
    pub(super) fn poll_discard(&self, cx: &mut Context<'_>, most: &mut usize) -> Poll<bool> {
        let inner = &mut *self.inner.borrow_mut();
        while !inner.decoder.is_done() && !inner.stuck && !inner.ended {
            let polled = inner.frame(cx, &self.block);
            self.watch.set_read_stalled(polled.is_pending());
            match ready!(polled) {
                Ok(Some(frame)) => {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    let Some(left) = most.checked_sub(length) else {
                        break;
                    };
                    *most = left;
                }
                Ok(None) | Err(_) => break,
            }
        }
        Poll::Ready(inner.decoder.is_done())
    }

    /// Takes what is there of a body that nobody reads; whether that was all of it.
    fn drain(&self) -> bool {
        let inner = &mut *self.inner.borrow_mut();
        // Whoever waits for leave to send it does not send it.
        while !inner.stuck && matches!(inner.decoder.decode(&mut inner.bytes), Ok(Some(_))) {}
        inner.decoder.is_done()
    }

    /// The connection ends, and with it what is left of a body: whoever reads that has an error.
    pub(super) fn close(&self) {
        self.held.set(false);
        self.inner.borrow_mut().stream = None;
        wake(&self.reader);
    }

    /// Whether all that the client has sent has been read.
    pub(super) fn is_spent(&self) -> bool {
        let inner = self.inner.borrow();
        inner.decoder.is_done() && inner.bytes.is_empty()
    }

    /// Whether the client has gone, as far as can be told while the answer is on its way.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.inner.borrow_mut();
        while inner.decoder.is_done() && !inner.ended && inner.bytes.len() < AHEAD {
            if !matches!(ready!(inner.read(cx, &self.block)), Ok(true)) {
                inner.ended = true;
            }
        }
        if inner.ended {
            return Poll::Ready(());
        }
        if !inner.decoder.is_done() {
            // Looked for again once the body has been read.
            *self.waits.borrow_mut() = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Calls `write` with the stream.
    pub(super) fn poll_write<R>(
        &self,
        write: impl FnOnce(&mut T) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match &mut self.inner.borrow_mut().stream {
            Some(stream) => write(stream),
            None => Poll::Ready(Err(closed())),
        }
    }

    /// Takes what the client still sends, at most `most` bytes, until it closes.
    pub(super) fn poll_linger(&self, cx: &mut Context<'_>, most: &mut usize) -> Poll<()> {
        let inner = &mut *self.inner.borrow_mut();
        let mut block = self.block.borrow_mut();
        let Some(stream) = inner.stream.as_mut().filter(|_| !inner.ended) else {
            return Poll::Ready(());
        };
        while *most > 0 {
            let mut buf = ReadBuf::new(&mut block);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {
                    *most = most.saturating_sub(buf.filled().len());
                }
                _ => break,
            }
        }
        Poll::Ready(())
    }

    /// The stream, and what has come of another protocol.
    pub(super) fn take_stream(&self) -> Option<(T, Bytes)> {
        let mut inner = self.inner.borrow_mut();
        let bytes = std::mem::take(&mut inner.bytes).freeze();
        inner.stream.take().map(|stream| (stream, bytes))
    }
}

fn wake(waiting: &RefCell<Option<Waker>>) {
    if let Some(waker) = waiting.borrow_mut().take() {
        waker.wake();
    }
}

/// Whose connection has ended.
fn closed() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl<T: AsyncRead + AsyncWrite + Unpin> Inner<T> {
    /// Reads more into `bytes`; false at the end.
    fn read(&mut self, cx: &mut Context<'_>, block: &Block) -> Poll<io::Result<bool>> {
        let stream = self.stream.as_mut().ok_or_else(closed)?;
        let mut block = block.borrow_mut();
        let mut buf = ReadBuf::new(&mut block);
        ready!(Pin::new(stream).poll_read(cx, &mut buf))?;
        self.bytes.extend_from_slice(buf.filled());
        Poll::Ready(Ok(!buf.filled().is_empty()))
    }

    fn send_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_out() {
            return Poll::Ready(Ok(()));
        }
        let stream = self.stream.as_mut().ok_or_else(closed)?;
        self.ahead.poll(cx, stream)
    }

    fn frame(
        &mut self,
        cx: &mut Context<'_>,
        block: &Block,
    ) -> Poll<io::Result<Option<Frame<Bytes>>>> {
        loop {
            let frame = self
                .decoder
                .decode(&mut self.bytes)
                .map_err(io::Error::other)?;
            if frame.is_some() || self.decoder.is_done() {
                return Poll::Ready(Ok(frame));
            }
            self.ahead.give_leave();
            ready!(self.send_ahead(cx))?;
            if !ready!(self.read(cx, block))? {
                self.ended = true;
                self.decoder.end().map_err(io::Error::other)?;
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Debug> Feed for Inlet<T> {
    fn poll(&self, request: u64, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut inner = self.inner.borrow_mut();
        if self.request.get() != request || inner.decoder.is_done() {
            return Poll::Ready(None);
        }
        if !self.held.get() {
            // What has broken off never comes to an end that could be taken for its own.
            return Poll::Ready(Some(Err(closed())));
        }
        let frame = inner.frame(cx, &self.block);
        self.watch.set_read_stalled(frame.is_pending());
        if frame.is_pending() {
            *self.reader.borrow_mut() = Some(cx.waker().clone());
        }
        let frame = ready!(frame);
        self.watch.renew_unread();
        if frame.is_err() || inner.decoder.is_done() {
            inner.stuck = frame.is_err();
            self.held.set(frame.is_ok());
            wake(&self.waits);
        }
        Poll::Ready(frame.transpose())
    }

    fn is_end(&self, request: u64) -> bool {
        self.request.get() != request || self.is_done()
    }

    fn size_hint(&self, request: u64) -> SizeHint {
        if self.is_end(request) {
            return SizeHint::with_exact(0);
        }
        self.inner.borrow().decoder.size_hint()
    }

    fn let_go(&self, request: u64) {
        if self.request.get() == request {
            self.held.set(false);
            self.watch.set_read_stalled(false);
            wake(&self.waits);
        }
    }
}
