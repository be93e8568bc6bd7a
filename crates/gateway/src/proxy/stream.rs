//! A connection to the app: by TCP, or by a Unix socket on the same machine.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

/// Where the app listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppAddress {
    Tcp(SocketAddr),
    Unix(Arc<Path>),
}

impl fmt::Display for AppAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A connection to it.
#[derive(Debug)]
pub(crate) enum AppStream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Its way in.
#[derive(Debug)]
pub(super) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

/// Its way out.
#[derive(Debug)]
pub(super) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl AppStream {
    pub(super) fn into_split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (from, to) = stream.into_split();
                (ReadHalf::Tcp(from), WriteHalf::Tcp(to))
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
            Self::Unix(from) => from.try_read(into),
        }
    }

    /// Resolves once something has come.
    #[cfg(test)]
    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(from) => from.readable().await,
            Self::Unix(from) => from.readable().await,
        }
    }

    /// Both ways as one again; nothing when they are not of one connection.
    pub(super) fn reunite(self, to: WriteHalf) -> Option<AppStream> {
        match (self, to) {
            (Self::Tcp(from), WriteHalf::Tcp(to)) => from.reunite(to).ok().map(AppStream::Tcp),
            (Self::Unix(from), WriteHalf::Unix(to)) => from.reunite(to).ok().map(AppStream::Unix),
            _ => None,
        }
    }
}

impl WriteHalf {
    /// The connection's socket.
    pub(super) fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(to) => SockRef::from(to.as_ref()),
            Self::Unix(to) => SockRef::from(to.as_ref()),
        }
    }
}

macro_rules! reads {
    ($of:ty) => {
        impl AsyncRead for $of {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Tcp(from) => Pin::new(from).poll_read(cx, buf),
                    Self::Unix(from) => Pin::new(from).poll_read(cx, buf),
                }
            }
        }
    };
}

macro_rules! writes {
    ($of:ty) => {
        impl AsyncWrite for $of {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    Self::Tcp(to) => Pin::new(to).poll_write(cx, bytes),
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
                    Self::Unix(to) => Pin::new(to).poll_write_vectored(cx, bytes),
                }
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Tcp(to) => Pin::new(to).poll_flush(cx),
                    Self::Unix(to) => Pin::new(to).poll_flush(cx),
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    Self::Tcp(to) => Pin::new(to).poll_shutdown(cx),
                    Self::Unix(to) => Pin::new(to).poll_shutdown(cx),
                }
            }
        }
    };
}

reads!(AppStream);
reads!(ReadHalf);
writes!(AppStream);
writes!(WriteHalf);
