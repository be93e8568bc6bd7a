//! Connections that have become something other than HTTP.

use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, join, split};
use tokio::net::TcpStream;

use crate::worker::Slot;

/// The app's end of a tunnel, as an extension of its answer, and what it has said already.
///
/// One thread alone uses it; the lock is there because extensions must be such as could be sent
/// elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Tunnel(Arc<Mutex<Option<(TcpStream, Bytes)>>>);

impl Tunnel {
    pub(crate) fn to(stream: TcpStream, first: Bytes) -> Self {
        Self(Arc::new(Mutex::new(Some((stream, first)))))
    }

    /// Passes bytes both ways until both sides have said all, holding the connection's `slot`; the client
    /// has said `said` already.
    pub(super) fn open<T>(&self, client: T, said: Bytes, slot: Slot)
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let app = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((app, first)) = app else {
            return;
        };
        tokio::task::spawn_local(async move {
            if let Err(error) = pass((client, said), (app, first)).await {
                tracing::trace!(%error, "a tunnel broke off");
            }
            drop(slot);
        });
    }
}

/// Passes bytes both ways. What has been read of a stream already goes before the rest, each side's in its
/// own time: neither has to be read before it is written to.
async fn pass<A, B>((a, of_a): (A, Bytes), (b, of_b): (B, Bytes)) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let (mut a, mut b) = (after(of_a, a), after(of_b, b));
    tokio::io::copy_bidirectional(&mut a, &mut b).await
}

/// `stream`, of which `first` has been read already.
fn after<T: AsyncRead + AsyncWrite>(
    first: Bytes,
    stream: T,
) -> impl AsyncRead + AsyncWrite + Unpin {
    let (read, write) = split(stream);
    join(Cursor::new(first).chain(read), write)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

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
        let passing = pass((ours, vec![b'y'; MUCH].into()), (its, first));
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
}
