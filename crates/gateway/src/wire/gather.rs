//! What a turn of an HTTP/2 connection writes, sent at once.
//!
//! h2 writes a frame of data by itself, and flushes it before it takes the next: ten short answers on one
//! connection would be ten records of TLS and ten calls of the kernel. So a flush below it waits until
//! the connection's turn is over, when all streams that had something to say have said it.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::texts::Texts;

/// The most that is gathered: what is more is sent before the turn is over.
const MOST: usize = 64 << 10;

/// A piece from which on there will be more of its kind.
const LONG: usize = 4 << 10;

/// A stream whose flushes wait for the end of a turn.
pub(super) struct Gather<T>(Rc<RefCell<Inner<T>>>);

struct Inner<T> {
    stream: T,
    held: Vec<u8>,
    sent: usize,
    texts: Rc<Texts>,
    /// Whether there was no room for something in this turn, which is still to come.
    is_full: bool,
}

impl<T: AsyncWrite + Unpin> Inner<T> {
    /// Sends all that is held.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.held.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        if self.sent > 0 {
            self.sent = 0;
            self.texts.give(std::mem::take(&mut self.held));
        }
        // TLS may hold records that the kernel did not take.
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Takes what there is room for.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.held.len() >= MOST {
            let sent = self.poll_send(cx);
            self.is_full = sent.is_pending();
            ready!(sent)?;
        }
        if self.held.capacity() == 0 {
            self.held = self.texts.take();
        }
        let before = self.held.len();
        for piece in pieces {
            let room = MOST.saturating_sub(self.held.len());
            let taken = piece.get(..room).unwrap_or(piece);
            if taken.len() > LONG {
                self.held.reserve_exact(room);
            }
            self.held.extend_from_slice(taken);
        }
        Poll::Ready(Ok(self.held.len() - before))
    }
}

impl<T> Gather<T> {
    pub(super) fn new(stream: T, texts: Rc<Texts>) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            stream,
            held: Vec::new(),
            sent: 0,
            texts,
            is_full: false,
        })))
    }

    /// Another hold of the same stream, for whoever drives the connection.
    pub(super) fn turn(&self) -> Turn<T> {
        Turn(Rc::clone(&self.0))
    }
}

/// The end of the turns of a connection over a [`Gather`].
pub(super) struct Turn<T>(Rc<RefCell<Inner<T>>>);

impl<T: AsyncWrite + Unpin> Turn<T> {
    /// Drives `connection` to its end, and sends what it wrote after each time that it ran; calls `settled` when
    /// nothing that it has to say is left.
    ///
    /// # Errors
    ///
    /// When nothing can be sent any more.
    pub(super) async fn drive<F: Future>(
        &self,
        mut connection: Pin<&mut F>,
        mut settled: impl FnMut(),
    ) -> io::Result<F::Output> {
        let mut is_behind = false;
        poll_fn(|cx| {
            self.0.borrow_mut().is_full = false;
            // What did not go out goes first: while a client sends without end, reading uses up all that tokio
            // grants a task for a turn, and behind it nothing would ever be sent.
            if is_behind && let Poll::Ready(Err(error)) = self.0.borrow_mut().poll_send(cx) {
                return Poll::Ready(Err(error));
            }
            if let Poll::Ready(output) = connection.as_mut().poll(cx) {
                // Who is at its end has nothing to wait for but this: see `rest`.
                return Poll::Ready(Ok(output));
            }
            let sent = self.0.borrow_mut().poll_send(cx);
            is_behind = sent.is_pending();
            if !is_behind && !self.0.borrow().is_full {
                settled();
            }
            match sent {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Sends what a connection that has ended has left.
    ///
    /// # Errors
    ///
    /// When it cannot be sent.
    pub(super) async fn rest(&self) -> io::Result<()> {
        poll_fn(|cx| self.0.borrow_mut().poll_send(cx)).await
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gather<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gather<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_take(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_take(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.0.borrow_mut();
        ready!(inner.poll_send(cx))?;
        Pin::new(&mut inner.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// A stream that takes as much at a time as it is told to: nothing is to wait, and all when it was
    /// told nothing.
    #[derive(Debug, Default)]
    struct Peer {
        takes: VecDeque<usize>,
        writes: Vec<usize>,
        got: Vec<u8>,
        flushes: usize,
        is_gone: bool,
        is_shut: bool,
    }

    impl AsyncWrite for Peer {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            if self.is_gone {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let room = self.takes.pop_front().unwrap_or(buf.len());
            if room == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let taken = &buf[..room.min(buf.len())];
            self.writes.push(taken.len());
            self.got.extend_from_slice(taken);
            Poll::Ready(Ok(taken.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.is_shut = true;
            Poll::Ready(Ok(()))
        }
    }

    fn run<F: Future>(test: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(test)
    }

    fn over(peer: Peer) -> (Gather<Peer>, Turn<Peer>) {
        let gather = Gather::new(peer, Rc::default());
        let turn = gather.turn();
        (gather, turn)
    }

    #[test]
    fn a_turn_is_one_write() {
        run(async {
            let (mut gather, turn) = over(Peer::default());
            let more = turn.0.clone();
            let mut after = Gather(more);
            let connection = async {
                for _ in 0..10 {
                    gather.write_all(&[7; 1200]).await.unwrap();
                    gather.flush().await.unwrap();
                }
                tokio::task::yield_now().await;
                gather.write_all(b"more").await.unwrap();
            };
            turn.drive(std::pin::pin!(connection), || ()).await.unwrap();
            assert_eq!(turn.0.borrow().stream.writes, [12_000]);
            let flushes = turn.0.borrow().stream.flushes;
            assert!(flushes > 0, "TLS may hold what it was given");
            turn.rest().await.unwrap();
            assert_eq!(turn.0.borrow().stream.writes, [12_000, 4]);
            assert_eq!(turn.0.borrow().held.capacity(), 0, "room is given back");
            turn.0.borrow().texts.give(Vec::with_capacity(5000));
            after.write_all(b"again").await.unwrap();
            let room = turn.0.borrow().held.capacity();
            assert!(room >= 5000, "what is kept is written into");
        });
    }

    #[test]
    fn no_more_is_held_than_may_be() {
        run(async {
            let (mut gather, turn) = over(Peer::default());
            gather.write_all(&vec![7; MOST * 3 + 1]).await.unwrap();
            assert_eq!(turn.0.borrow().stream.writes, [MOST, MOST, MOST]);
            assert_eq!(turn.0.borrow().held.len(), 1);
            gather.shutdown().await.unwrap();
            let inner = turn.0.borrow();
            assert_eq!(
                inner.stream.got.len(),
                MOST * 3 + 1,
                "all of it, and then the end"
            );
            assert!(inner.stream.is_shut);
        });
    }

    #[test]
    fn nothing_is_settled_while_something_waits() {
        run(async {
            // A room that is taken whole twice, with nothing before, between and behind.
            let takes = [0, 100, 0, MOST - 100, 0, MOST, 1, 0];
            let (mut gather, turn) = over(Peer {
                takes: takes.into(),
                ..Peer::default()
            });
            let connection = async {
                tokio::task::yield_now().await;
                gather.write_all(&vec![7; MOST * 2 + 2]).await.unwrap();
                std::future::pending::<()>().await;
            };
            let settled = RefCell::new(Vec::new());
            let inner = Rc::clone(&turn.0);
            let note = || {
                let got = inner.try_borrow().map(|inner| inner.stream.got.len());
                settled.borrow_mut().push(got.unwrap());
            };
            let connection = std::pin::pin!(connection);
            let mut driven = std::pin::pin!(turn.drive(connection, note));
            for _ in 0..20 {
                let polled = poll_fn(|cx| Poll::Ready(driven.as_mut().poll(cx).is_ready())).await;
                assert!(!polled);
            }
            let mut settled = settled.take();
            settled.dedup();
            assert_eq!(settled, [0, MOST * 2 + 2]);
        });
    }

    #[test]
    fn whoever_reads_without_end_still_sends() {
        run(async {
            let (stream, _client) = tokio::io::duplex(64);
            let mut gather = Gather::new(stream, Rc::default());
            let turn = gather.turn();
            let connection = async {
                gather.write_all(b"heard").await.unwrap();
                // Two turns in which it reads for as long as it may.
                for _ in 0..2 {
                    while tokio::task::coop::has_budget_remaining() {
                        tokio::task::coop::consume_budget().await;
                    }
                    tokio::task::yield_now().await;
                }
            };
            turn.drive(std::pin::pin!(connection), || ()).await.unwrap();
            assert!(turn.0.borrow().held.is_empty());
        });
    }

    #[test]
    fn who_is_gone_ends_the_connection() {
        run(async {
            let (mut gather, turn) = over(Peer {
                is_gone: true,
                ..Peer::default()
            });
            let connection = async {
                gather.write_all(b"lost").await.unwrap();
                std::future::pending::<()>().await;
            };
            let error = turn
                .drive(std::pin::pin!(connection), || ())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
    }

    proptest! {
        /// However little is taken at a time, and however it is written, it arrives as it was.
        #[test]
        fn what_arrives_is_what_was_written(
            pieces in prop::collection::vec((0..40_000_usize, any::<u8>(), any::<bool>()), 0..12),
            takes in prop::collection::vec(0..70_000_usize, 0..40),
        ) {
            run(async {
                let (mut gather, turn) = over(Peer { takes: takes.into(), ..Peer::default() });
                let mut whole = Vec::new();
                let connection = async {
                    for (length, byte, rests) in pieces {
                        let piece = vec![byte; length];
                        gather.write_all(&piece).await.unwrap();
                        whole.extend(piece);
                        if rests {
                            tokio::task::yield_now().await;
                        }
                    }
                };
                turn.drive(std::pin::pin!(connection), || ()).await.unwrap();
                turn.rest().await.unwrap();
                prop_assert_eq!(&turn.0.borrow().stream.got, &whole);
                Ok(())
            })?;
        }
    }
}
