//! A connection to the app: by TCP, with TLS or without, or by a Unix socket on the same machine.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use panoply_tls::AppTls;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_rustls::client::TlsStream;

/// How soon a Unix socket is tried again whose queue was full.
const QUEUE_FULL: Duration = Duration::from_millis(5);

/// Where the app listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppAddress {
    Tcp(SocketAddr),
    /// The last is how often the files have changed by which the app is known: what was believed by others is not
    /// used again.
    Tls(SocketAddr, Arc<AppTls>, u64),
    Unix(Arc<Path>),
}

impl fmt::Display for AppAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Tls(address, ..) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A connection to it.
#[derive(Debug)]
pub(crate) enum AppStream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// One that both halves use, each for a moment.
type Shared = Rc<RefCell<Box<TlsStream<TcpStream>>>>;

/// Its way in.
#[derive(Debug)]
pub(super) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Tls(Shared),
    Unix(unix::OwnedReadHalf),
}

/// Its way out.
#[derive(Debug)]
pub(super) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Tls(Shared),
    Unix(unix::OwnedWriteHalf),
}

impl AppStream {
    pub(super) fn into_split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (from, to) = stream.into_split();
                (ReadHalf::Tcp(from), WriteHalf::Tcp(to))
            }
            Self::Tls(stream) => {
                let stream = Rc::new(RefCell::new(stream));
                (ReadHalf::Tls(Rc::clone(&stream)), WriteHalf::Tls(stream))
            }
            Self::Unix(stream) => {
                let (from, to) = stream.into_split();
                (ReadHalf::Unix(from), WriteHalf::Unix(to))
            }
        }
    }
}

impl ReadHalf {
    /// What has come, without waiting for it.
    pub(super) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(from) => from.try_read(into),
            Self::Tls(stream) => {
                let mut stream = stream.borrow_mut();
                let mut into = ReadBuf::new(into);
                // Nobody waits for it meanwhile. What TLS itself has to say, such as tickets, is nothing.
                let mut cx = Context::from_waker(Waker::noop());
                match Pin::new(&mut **stream).poll_read(&mut cx, &mut into) {
                    Poll::Ready(read) => read.map(|()| into.filled().len()),
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
            Self::Unix(from) => from.try_read(into),
        }
    }

    /// Resolves once something has come.
    #[cfg(test)]
    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(from) => from.readable().await,
            Self::Tls(_) => std::future::pending().await,
            Self::Unix(from) => from.readable().await,
        }
    }

    /// Both ways as one again; nothing when they are not of one connection.
    pub(super) fn reunite(self, to: WriteHalf) -> Option<AppStream> {
        match (self, to) {
            (Self::Tcp(from), WriteHalf::Tcp(to)) => from.reunite(to).ok().map(AppStream::Tcp),
            (Self::Tls(stream), WriteHalf::Tls(same)) => {
                drop(same);
                Some(AppStream::Tls(Rc::into_inner(stream)?.into_inner()))
            }
            (Self::Unix(from), WriteHalf::Unix(to)) => from.reunite(to).ok().map(AppStream::Unix),
            _ => None,
        }
    }
}

impl WriteHalf {
    /// Closes the connection both ways, whatever is on it.
    pub(super) fn close(&self) {
        // Who is not there any more has no need of it.
        let _ = match self {
            Self::Tcp(to) => SockRef::from(to.as_ref()).shutdown(Shutdown::Both),
            Self::Tls(stream) => {
                SockRef::from(stream.borrow().get_ref().0).shutdown(Shutdown::Both)
            }
            Self::Unix(to) => SockRef::from(to.as_ref()).shutdown(Shutdown::Both),
        };
    }
}

/// Waits, as TCP does by itself, while the app has as many connections to accept as it lets wait.
pub(super) async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(QUEUE_FULL).await;
            }
            connected => return connected,
        }
    }
}

/// The TLS connection of a half, or the whole of it.
macro_rules! tls {
    (whole $stream:ident, $call:expr) => {
        $call(Pin::new(&mut **$stream))
    };
    (half $stream:ident, $call:expr) => {
        $call(Pin::new(&mut **$stream.borrow_mut()))
    };
}

macro_rules! reads {
    ($of:ty, $kind:ident) => {
        impl AsyncRead for $of {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Tcp(from) => Pin::new(from).poll_read(cx, buf),
                    Self::Tls(stream) => tls!($kind stream, |stream: Pin<&mut TlsStream<TcpStream>>| stream.poll_read(cx, buf)),
                    Self::Unix(from) => Pin::new(from).poll_read(cx, buf),
                }
            }
        }
    };
}

macro_rules! writes {
    ($of:ty, $kind:ident) => {
        impl AsyncWrite for $of {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    Self::Tcp(to) => Pin::new(to).poll_write(cx, bytes),
                    Self::Tls(stream) => tls!($kind stream, |stream: Pin<&mut TlsStream<TcpStream>>| stream.poll_write(cx, bytes)),
                    Self::Unix(to) => Pin::new(to).poll_write(cx, bytes),
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    Self::Tcp(to) => Pin::new(to).poll_write_vectored(cx, bytes),
                    Self::Tls(stream) => tls!($kind stream, |stream: Pin<&mut TlsStream<TcpStream>>| stream.poll_write_vectored(cx, bytes)),
                    Self::Unix(to) => Pin::new(to).poll_write_vectored(cx, bytes),
                }
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Tcp(to) => Pin::new(to).poll_flush(cx),
                    Self::Tls(stream) => tls!($kind stream, |stream: Pin<&mut TlsStream<TcpStream>>| stream.poll_flush(cx)),
                    Self::Unix(to) => Pin::new(to).poll_flush(cx),
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Tcp(to) => Pin::new(to).poll_shutdown(cx),
                    Self::Tls(stream) => tls!($kind stream, |stream: Pin<&mut TlsStream<TcpStream>>| stream.poll_shutdown(cx)),
                    Self::Unix(to) => Pin::new(to).poll_shutdown(cx),
                }
            }
        }
    };
}

reads!(AppStream, whole);
reads!(ReadHalf, half);
writes!(AppStream, whole);
writes!(WriteHalf, half);
