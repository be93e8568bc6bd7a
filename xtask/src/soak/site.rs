//! The way to the gateway, and the count of what was asked there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whoever is honest comes from here.
pub(super) const HONEST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Whoever is not, from here: what is counted against one is not against the other.
pub(super) const HOSTILE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The longest that any one thing may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often something was asked for, and what came of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) asked: u64,
    pub(super) answered: u64,
    pub(super) failed: u64,
}

/// What every client knows.
pub(super) struct Site {
    pub(super) https: SocketAddr,
    pub(super) http: SocketAddr,
    http1: TlsConnector,
    http2: TlsConnector,
    over: AtomicBool,
    counts: Mutex<Vec<(&'static str, Tally)>>,
    failures: Mutex<Vec<String>>,
}

impl Site {
    /// A gateway with such a certificate.
    pub(super) fn new(certificate: &Path, https: SocketAddr, http: SocketAddr) -> Result<Self> {
        let pem = std::fs::read(certificate)?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).context("the certificate")?)?;
        let connector = |protocol: &[u8]| {
            let config = ClientConfig::builder().with_root_certificates(roots.clone());
            let mut config = config.with_no_client_auth();
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        Ok(Self {
            https,
            http,
            http1: connector(b"http/1.1"),
            http2: connector(b"h2"),
            over: AtomicBool::new(false),
            counts: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// Lets everybody come to the end of what they do.
    pub(super) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Notes what came of `times` requests.
    pub(super) fn note(&self, what: &'static str, times: u64, outcome: Result<()>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if !counts.iter().any(|(name, _)| *name == what) {
            counts.push((what, Tally::default()));
        }
        for (_, tally) in counts.iter_mut().filter(|(name, _)| *name == what) {
            tally.asked += times;
            match &outcome {
                Ok(()) => tally.answered += times,
                Err(_) => tally.failed += times,
            }
        }
        drop(counts);
        if let Err(error) = outcome {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            if failures.len() < 1000 {
                failures.push(format!("{what}: {error:#}"));
            }
        }
    }

    pub(super) fn tally(&self) -> Vec<(&'static str, Tally)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }

    pub(super) fn failures(&self) -> Vec<String> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.clone()
    }

    /// A connection from an address of one's own.
    pub(super) async fn tcp(from: Ipv4Addr, to: SocketAddr) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
        let stream = in_time(async { Ok(socket.connect(to).await?) }).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// With TLS, for HTTP/1.1 or HTTP/2.
    pub(super) async fn tls(&self, from: Ipv4Addr, h2: bool) -> Result<TlsStream<TcpStream>> {
        let stream = Self::tcp(from, self.https).await?;
        let connector = if h2 { &self.http2 } else { &self.http1 };
        let name = ServerName::try_from("localhost")?;
        in_time(async { Ok(connector.connect(name, stream).await?) }).await
    }

    /// A connection that speaks HTTP/1.1.
    pub(super) async fn http1(&self, from: Ipv4Addr) -> Result<http1::SendRequest<Full<Bytes>>> {
        let stream = self.tls(from, false).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }

    /// A connection that speaks HTTP/2.
    pub(super) async fn http2(&self, from: Ipv4Addr) -> Result<http2::SendRequest<Full<Bytes>>> {
        let stream = self.tls(from, true).await?;
        let executor = TokioExecutor::new();
        let (sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// A request with a body that may be empty.
pub(super) fn request(method: &str, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
    let request = Request::builder()
        .method(method)
        .uri(format!("https://localhost{path}"))
        .header("host", "localhost");
    Ok(request.body(Full::new(body))?)
}

/// The same in the form of HTTP/1.1, whose target is a path alone.
pub(super) fn request_1(method: &str, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
    let mut request = request(method, path, body)?;
    *request.uri_mut() = path.parse()?;
    Ok(request)
}

/// All of an answer's body.
pub(super) async fn whole(response: Response<Incoming>) -> Result<Bytes> {
    in_time(async { Ok(response.into_body().collect().await?.to_bytes()) }).await
}

/// Bounds a wait.
pub(super) async fn in_time<T>(wait: impl Future<Output = Result<T>>) -> Result<T> {
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.context("nothing came for a minute")?
}
