//! Connections that have become something other than HTTP.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use pin_project_lite::pin_project;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy, split,
};

use super::serve::Line;
use super::watch::Watch;
use crate::proxy::{AppStream, Busy};

/// The app's end of a tunnel, as an extension of its answer, and what it has said already.
///
/// One thread alone uses it; the lock is there because extensions must be such as could be sent
/// elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Tunnel(Arc<Mutex<Option<Side>>>);

/// The app's side, what it has said, and that it is at it.
type Side = (AppStream, Bytes, Option<Busy>);

impl Tunnel {
    pub(crate) fn to(side: Side) -> Self {
        Self(Arc::new(Mutex::new(Some(side))))
    }

    /// Passes bytes both ways until both sides have said all, for the connection that `line` is of; the client
    /// has said `said` already.
    ///
    /// One that does not take what it is sent is ended as any other, and so is one that says nothing more once
    /// the app has said all: that closes when it has had enough, and must not be held by whoever does not.
    pub(super) fn open<T>(&self, client: T, said: Bytes, line: &Line)
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let app = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((app, first, busy)) = app else {
            return;
        };
        let (watch, slot) = (Arc::clone(&line.watch), Rc::clone(&line.slot));
        let passing = Arc::clone(&watch);
        let task = tokio::task::spawn_local(async move {
            if let Err(error) = pass((client, said), (app, first), &passing).await {
                tracing::trace!(%error, "a tunnel broke off");
            }
            drop((slot, busy));
        });
        line.worker.look_after(watch, task.abort_handle());
    }
}

/// Passes bytes both ways between the client, `a`, and the app, `b`. What has been read of a stream already goes
/// before the rest, each side's in its own time: neither has to be read before it is written to.
async fn pass<A, B>((a, of_a): (A, Bytes), (b, of_b): (B, Bytes), watch: &Watch) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let ((from_a, mut to_a), (from_b, mut to_b)) = (split(a), split(b));
    let (mut from_a, mut from_b) = (
        Noted::new(Cursor::new(of_a).chain(from_a), watch),
        Noted::new(Cursor::new(of_b).chain(from_b), watch),
    );
    let there = async {
        let mut to_b = Taken {
            to: &mut to_b,
            watch,
        };
        copy(&mut from_a, &mut to_b).await?;
        to_b.shutdown().await
    };
    let back = async {
        copy(&mut from_b, &mut to_a).await?;
        watch.set_half_open();
        to_a.shutdown().await
    };
    tokio::try_join!(there, back).map(drop)
}

pin_project! {
    /// A side of a tunnel that is noted to go on.
    struct Noted<'a, R> {
        #[pin]
        from: R,
        watch: &'a Watch,
    }
}

impl<'a, R> Noted<'a, R> {
    const fn new(from: R, watch: &'a Watch) -> Self {
        Self { from, watch }
    }
}

impl<R: AsyncRead> AsyncRead for Noted<'_, R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let read = this.from.poll_read(cx, buf);
        if read.is_ready() {
            this.watch.moved();
        }
        read
    }
}

/// The app's side of a tunnel, of which it is noted whether it takes what it is sent.
struct Taken<'a, W> {
    to: &'a mut W,
    watch: &'a Watch,
}

impl<W> Taken<'_, W> {
    fn noted<R>(&self, written: Poll<R>) -> Poll<R> {
        self.watch.set_unread(written.is_pending());
        self.watch.moved();
        written
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Taken<'_, W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut *this.to).poll_write(cx, buf);
        this.noted(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().to).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().to).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::duplex;

    use super::*;
    use crate::wire::watch::{Patience, Sweeper};

    const MUCH: usize = 1 << 20;

    /// Says much before it reads anything; how much it has read.
    async fn says_first(stream: impl AsyncRead + AsyncWrite) -> usize {
        let (mut read, mut write) = split(stream);
        write.write_all(&vec![b'x'; MUCH]).await.unwrap();
        write.shutdown().await.unwrap();
        let mut heard = Vec::new();
        read.read_to_end(&mut heard).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_that_says_much_before_it_reads_is_read() {
        let ((client, ours), (app, its)) = (duplex(1024), duplex(1024));
        let first = Bytes::from_static(b"first");
        let watch = Watch::default();
        let passing = pass((ours, vec![b'y'; MUCH].into()), (its, first), &watch);
        let asking = async {
            let (mut read, mut write) = split(client);
            write.write_all(b"more").await.unwrap();
            write.shutdown().await.unwrap();
            let mut heard = Vec::new();
            read.read_to_end(&mut heard).await.unwrap();
            heard
        };
        let all = async { tokio::join!(passing, asking, says_first(app)) };
        let all = tokio::time::timeout(Duration::from_secs(1), all).await;
        let (passed, by_client, by_app) = all.expect("each waits for another");
        passed.unwrap();
        assert_eq!(by_app, MUCH + "more".len());
        assert_eq!(by_client.len(), MUCH + "first".len());
        assert!(by_client.starts_with(b"firstx"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_app_is_not_idle() {
        let ((client, ours), (app, its)) = (duplex(1024), duplex(1024));
        let sweeper = Sweeper::default();
        let watch = sweeper.watch();
        watch.tunnel();
        let waits = tokio::spawn(std::future::pending::<()>());
        sweeper.add(Arc::clone(&watch), waits.abort_handle());
        let tick = || {
            let soon = Duration::from_millis(250);
            let (head, quiet, stall) = (soon, soon, soon);
            let mut ended = None;
            sweeper.tick(Patience { head, quiet, stall }, |limit| ended = Some(limit));
            ended
        };
        let passing = pass((ours, Bytes::new()), (its, Bytes::new()), &watch);
        let asking = async {
            let (_read, mut write) = split(client);
            write.write_all(&vec![b'x'; MUCH]).await.unwrap();
            // All is taken by now, and more may come.
            tokio::time::sleep(Duration::from_secs(1)).await;
            (0..9).find_map(|_| tick())
        };
        let taking = async {
            let (mut read, mut write) = split(app);
            write.shutdown().await.unwrap();
            tokio::time::sleep(Duration::from_mins(1)).await;
            // It has all its time.
            assert_eq!((0..9).find_map(|_| tick()), None);
            read.read_exact(&mut vec![0; MUCH]).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = asking => assert_eq!(ended, Some("limits/idle")),
            _ = passing => panic!("it has ended"),
            () = taking => {}
        }
    }
}
