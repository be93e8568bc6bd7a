//! Connections that have become something other than HTTP.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
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
    pub(super) fn open<T>(&self, mut client: T, said: Bytes, slot: Slot)
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let app = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((mut app, first)) = app else {
            return;
        };
        tokio::task::spawn_local(async move {
            let passed = async {
                app.write_all(&said).await?;
                client.write_all(&first).await?;
                client.flush().await?;
                tokio::io::copy_bidirectional(&mut client, &mut app).await
            };
            if let Err(error) = passed.await {
                tracing::trace!(%error, "a tunnel broke off");
            }
            drop(slot);
        });
    }
}
