//! The attacker's own client: bytes go out as they are meant, and come in as they are.

use std::{
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
    time::Duration,
};

use http::Uri;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, crypto,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// More of an answer is not read.
const MOST: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// One of the two ways to the shop.
pub(super) struct Door {
    pub(super) name: &'static str,
    pub(super) origin: String,
    /// Host and port, as a `Host` header has them.
    pub(super) authority: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The status line and the headers, as they came.
    pub(super) head: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Door {
    /// The door at `origin`, whose certificate is from the authority in `ca`.
    ///
    /// # Errors
    ///
    /// When the address is none, or the authority cannot be read.
    pub(super) fn open(name: &'static str, origin: &str, ca: Option<&Path>) -> io::Result<Self> {
        let origin = origin.trim_end_matches('/').to_owned();
        let odd = |what: &str| io::Error::new(ErrorKind::InvalidInput, what.to_owned());
        let uri: Uri = { origin.parse() }.map_err(|_| odd("the address of a door is none"))?;
        let host = uri.host().ok_or_else(|| odd("a door has no host"))?;
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let tls = if uri.scheme_str() == Some("https") {
            let host = host.trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            Some((connector(ca)?, name))
        } else {
            None
        };
        Ok(Self {
            name,
            origin,
            authority,
            tls,
        })
    }

    /// Sends `bytes` on a connection of its own, and reads until the door closes it.
    ///
    /// # Errors
    ///
    /// When nothing can be reached; whoever closes without a word gave an empty answer.
    pub(super) async fn send(&self, bytes: &[u8]) -> io::Result<Answer> {
        let late = |_| io::Error::from(ErrorKind::TimedOut);
        let connect = TcpStream::connect(&self.authority);
        let stream = timeout(PATIENCE, connect).await.map_err(late)??;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(exchange(stream, bytes).await),
            Some((connector, name)) => {
                let hello = connector.connect(name.clone(), stream);
                let stream = timeout(PATIENCE, hello).await.map_err(late)??;
                Ok(exchange(stream, bytes).await)
            }
        }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Door").field(&self.origin).finish()
    }
}

fn connector(ca: Option<&Path>) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        let certificate = CertificateDer::from_pem_file(ca).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> Answer {
    // A door that has refused may close before it has read everything, and its answer is there.
    let _ = timeout(PATIENCE, async {
        stream.write_all(bytes).await?;
        stream.flush().await
    })
    .await;
    let mut raw = Vec::new();
    // A reset or a silence after the answer is as good as an end.
    let _ = timeout(
        PATIENCE,
        (&mut stream).take(MOST as u64).read_to_end(&mut raw),
    )
    .await;
    Answer::read(&raw)
}

impl Answer {
    fn read(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.as_ref(), ""));
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse().ok())
            .unwrap_or_default();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self {
            status,
            head: head.replace('\r', ""),
            headers,
            body: body.to_owned(),
        }
    }

    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The status line, or that there was none.
    pub(super) fn line(&self) -> &str {
        match self.head.lines().next() {
            None | Some("") => "(closed without an answer)",
            Some(line) => line,
        }
    }
}
