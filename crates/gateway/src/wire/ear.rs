//! Whether a client is still there that has nothing to say for now.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;

/// Another hold on a connection, to listen on.
#[derive(Debug)]
pub(super) struct Ear(TcpStream);

impl Ear {
    pub(super) fn of(stream: &impl AsFd) -> io::Result<Self> {
        Ok(Self(stream.as_fd().try_clone_to_owned()?.into()))
    }
}

/// Resolves when the client has gone; never for one that has spoken meanwhile, since only what it
/// has said could be seen.
pub(super) async fn gone(ear: Option<Ear>) {
    if let Some(Ear(stream)) = ear
        && let Ok(stream) = tokio::net::TcpStream::from_std(stream)
        && matches!(stream.peek(&mut [0]).await, Ok(0) | Err(_))
    {
        return;
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        (client.unwrap(), listener.accept().await.unwrap().0)
    }

    const SOON: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn who_has_gone_is_missed_and_who_waits_is_not() {
        let (client, server) = pair().await;
        let mut gone_yet = std::pin::pin!(gone(Some(Ear::of(&server).unwrap())));
        assert!(timeout(SOON, gone_yet.as_mut()).await.is_err());
        drop(client);
        assert!(timeout(SOON * 100, gone_yet).await.is_ok());
    }

    #[tokio::test]
    async fn what_was_said_meanwhile_is_still_there() {
        let (mut client, mut server) = pair().await;
        client.write_all(b"hello").await.unwrap();
        let ear = Ear::of(&server).unwrap();
        assert!(timeout(SOON, gone(Some(ear))).await.is_err());
        let mut said = [0; 5];
        tokio::io::AsyncReadExt::read_exact(&mut server, &mut said)
            .await
            .unwrap();
        assert_eq!(&said, b"hello");
        assert!(timeout(SOON, gone(None)).await.is_err());
    }
}
