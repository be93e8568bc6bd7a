//! The stream between the listener and HTTP.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::unsent::Unsent;
use super::watch::Watch;

/// What may wait in the kernel to be sent, beyond what is on its way: 128 KiB.
pub(super) const UNSENT: u32 = 128 << 10;

/// Bounds what waits in the kernel to be sent over `socket`, where the system can.
///
/// The kernel would take megabytes for each: whoever does not read them would not be missed until all of
/// them are full, and nobody counts that memory.
pub(crate) fn bound_unsent(socket: &impl AsFd) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(socket).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "what waits to be sent is not bounded");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// A connection that can be given up.
pub(crate) trait Socket {
    /// Whether there is more to an end than that no more comes, as TLS has it.
    const SAYS_GOODBYE: bool;

    /// Its socket.
    fn socket(&self) -> SockRef<'_>;
}

impl Socket for TcpStream {
    const SAYS_GOODBYE: bool = false;

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self)
    }
}

impl Socket for Box<TlsStream<TcpStream>> {
    const SAYS_GOODBYE: bool = true;

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self.get_ref().0)
    }
}

/// A connection whose waits for a client that takes nothing are noted in [`Watch`].
#[derive(Debug)]
pub(crate) struct Wire<T: Socket> {
    stream: T,
    watch: Arc<Watch>,
    unsent: Unsent,
}

impl<T: Socket> Drop for Wire<T> {
    fn drop(&mut self) {
        if self.watch.is_given_up() {
            // Closed in peace, the kernel would go on for minutes with what nobody takes, and the client
            // would not even notice.
            let _ = self.stream.socket().set_linger(Some(Duration::ZERO));
        }
    }
}

impl<T: Socket> Wire<T> {
    pub(crate) fn new(stream: T, watch: Arc<Watch>) -> Self {
        Self {
            stream,
            watch,
            unsent: Unsent::default(),
        }
    }

    fn noted<R>(&mut self, written: Poll<R>, cx: &Context<'_>) -> Poll<R> {
        self.watch.set_write_stalled(written.is_pending());
        if written.is_ready() {
            self.unsent.forget();
        } else if self.watch.is_to_look(cx.waker()) && self.unsent.has_shrunk(&self.stream.socket())
        {
            self.watch.renew_write_stalled();
        }
        written
    }
}

impl<T: AsyncRead + Socket + Unpin> AsyncRead for Wire<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Socket + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.noted(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.noted(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.noted(flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Over TLS that is something to be taken, too.
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.noted(shut, cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::net::TcpListener;

    use super::*;
    use crate::wire::watch::{Patience, Sweeper};

    /// Has an end to say that nobody takes.
    struct Full(TcpStream);

    impl Socket for Full {
        const SAYS_GOODBYE: bool = true;

        fn socket(&self) -> SockRef<'_> {
            SockRef::from(&self.0)
        }
    }

    impl AsyncWrite for Full {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_takes_little_at_a_time_goes_on_and_who_takes_nothing_does_not() {
        use std::io::Read as _;

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        SockRef::from(&listener).set_recv_buffer_size(4096).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (mut client, _) = listener.accept().unwrap();
        let stream = stream.unwrap();
        bound_unsent(&stream);
        let sweeper = Sweeper::default();
        let watch = sweeper.watch();
        let _in_flight = watch.begin();
        let mut wire = Wire::new(stream, Arc::clone(&watch));
        let waits = tokio::spawn(std::future::pending::<()>());
        sweeper.add(watch, waits.abort_handle());
        let second = Duration::from_secs(1);
        let patience = Patience {
            head: second,
            quiet: second,
            stall: second,
        };
        let mut cx = Context::from_waker(Waker::noop());
        let mut ended = Vec::new();
        let mut ticks = |count: u32| {
            for _ in 0..count {
                sweeper.tick(patience, |limit| ended.push(limit));
                while Pin::new(&mut wire)
                    .poll_write(&mut cx, &[b'x'; 4096])
                    .is_ready()
                {}
            }
            ended.len()
        };
        ticks(1);
        for _ in 0..4 {
            assert_eq!(ticks(2), 0);
            client.read_exact(&mut vec![0; 24 << 10]).unwrap();
        }
        assert_eq!(ticks(2), 0);
        assert_eq!(ticks(8), 1);
        assert_eq!(ended, ["limits/slow-reader"]);
    }

    #[tokio::test]
    async fn an_end_that_is_not_taken_is_a_stall() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let sweeper = Sweeper::default();
        let watch = sweeper.watch();
        // Its answer is not over before that.
        let _in_flight = watch.begin();
        let mut wire = Wire::new(Full(stream.unwrap()), Arc::clone(&watch));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut wire).poll_write(&mut cx, b"x").is_ready());
        assert!(Pin::new(&mut wire).poll_shutdown(&mut cx).is_pending());
        let waits = tokio::spawn(std::future::pending::<()>());
        sweeper.add(watch, waits.abort_handle());
        let none = Patience {
            head: Duration::ZERO,
            quiet: Duration::ZERO,
            stall: Duration::ZERO,
        };
        let mut ended = Vec::new();
        sweeper.tick(none, |limit| ended.push(limit));
        sweeper.tick(none, |limit| ended.push(limit));
        assert_eq!(ended, ["limits/slow-reader"]);
    }
}
