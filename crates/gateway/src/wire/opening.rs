//! The first bytes that a client sends where TLS is spoken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy_protocol;

/// A stream that breaks off for who speaks TLS where the first byte is one of plain HTTP, before an alert goes out
/// that no client of HTTP can read.
#[derive(Debug)]
pub(super) struct Opening<'a, T> {
    stream: &'a mut T,
    is_open: bool,
    announces: bool,
    plain: Option<BytesMut>,
}

impl<'a, T> Opening<'a, T> {
    pub(super) const fn of(stream: &'a mut T) -> Self {
        Self {
            stream,
            is_open: false,
            announces: false,
            plain: None,
        }
    }

    /// Whether it began by the PROXY protocol.
    pub(super) const fn announces(&self) -> bool {
        self.announces
    }

    /// What has come of plain HTTP.
    pub(super) fn into_plain(self) -> Option<BytesMut> {
        self.plain
    }
}

/// Whether these begin a request: a method has capital letters, of which none begins a record of TLS (RFC 8446 §5.1),
/// nor an older hello.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_uppercase)
}

impl<T: AsyncRead + Unpin> AsyncRead for Opening<'_, T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut *this.stream).poll_read(cx, buf))?;
        let read = buf.filled().get(before..).unwrap_or_default();
        let is_first = !std::mem::replace(&mut this.is_open, true);
        this.announces |= is_first && proxy_protocol::begins(read);
        if is_first && is_plain(read) {
            this.plain = Some(read.into());
            // Nothing has been read where that has failed.
            buf.set_filled(before);
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Opening<'_, T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn only_the_first_byte_tells() {
        for (sent, is_plain) in [
            (&b"GET / HTTP/1.1\r\n"[..], true),
            (b"P", true),
            (b"\x16\x03\x01GET", false),
            (b"\x80\x2e\x01\x03\x01", false),
            (b"get / HTTP/1.1\r\n", false),
            (b"\r\nGET / HTTP/1.1\r\n", false),
            (b"", false),
        ] {
            let mut stream = sent;
            let mut opening = Opening::of(&mut stream);
            let mut read = Vec::new();
            let ended = opening.read_to_end(&mut read).await;
            assert_eq!(ended.is_err(), is_plain, "{sent:?}");
            let plain = opening.into_plain();
            assert_eq!(plain.as_deref(), is_plain.then_some(sent));
            assert!(is_plain || read == sent, "{sent:?}");
        }
        // Who has begun by TLS may have any byte at the beginning of what is read next.
        let mut stream = &b"\x16GET"[..];
        let mut opening = Opening::of(&mut stream);
        assert_eq!(opening.read_u8().await.unwrap(), 0x16);
        assert_eq!(opening.read_u8().await.unwrap(), b'G');
    }
}
