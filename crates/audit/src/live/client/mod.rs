//! A client of our own: it shows headers as they came, follows nothing by itself, keeps to its bounds,
//! and goes on past a bad certificate, which is a finding and no reason to stop.

mod answer;
mod certificate;
mod dial;
mod failure;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

pub(crate) use answer::Answer;
pub(crate) use certificate::{Problem, Shown};
use certificate::{Trust, Witness};
pub(crate) use dial::Dialer;
pub(crate) use failure::Failure;

use super::options::LiveOptions;
use crate::error::Error;

/// More of a page is not read.
const MOST_BODY: usize = 2 << 20;
/// More bytes of headers are not read.
const MOST_HEADERS: usize = 64 << 10;
/// How an audit is known in the logs of the server.
const AGENT: &str = concat!("panoply-audit/", env!("CARGO_PKG_VERSION"));

/// Asks addresses.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) dialer: Dialer,
    trust: Trust,
    timeout: Duration,
}

/// A question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Question {
    /// What a browser sends for a page.
    pub(crate) fn page(url: &Url) -> Self {
        let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        Self::new(Method::GET, url).header(http::header::ACCEPT, accept)
    }

    pub(crate) fn new(method: Method, url: &Url) -> Self {
        Self {
            method,
            url: url.clone(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header; a value that none may have is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

impl Client {
    /// A client that trusts the system's authorities and those of the files.
    pub(crate) fn new(options: &LiveOptions) -> Result<Self, Error> {
        let own = authorities(&options.authorities)?;
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        roots.add_parsable_certificates(own.iter().cloned());
        Ok(Self {
            dialer: Dialer {
                resolve: options.resolve.clone(),
                timeout: options.timeout,
            },
            trust: Trust {
                roots: Arc::new(roots),
                own: own.into(),
                provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            },
            timeout: options.timeout,
        })
    }

    /// Asks, on a connection of its own.
    pub(crate) async fn ask(&self, question: Question) -> Result<Answer, Failure> {
        let url = question.url.clone();
        let stream = self.dialer.tcp(&url).await?;
        match url.scheme() {
            "http" => self.exchange(stream, question, None).await,
            "https" => {
                let host = url.host_str().ok_or(Failure::Address)?;
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::Address)?;
                let witness = Arc::new(Witness::new(self.trust.clone()));
                let connector = TlsConnector::from(Arc::new(self.config(&witness)?));
                let connected = timeout(self.timeout, connector.connect(name, stream)).await;
                let stream = connected.map_err(|_| Failure::Timeout)?;
                let stream = stream.map_err(Failure::Tls)?;
                self.exchange(stream, question, Some(&witness)).await
            }
            _ => Err(Failure::Address),
        }
    }

    fn config(&self, witness: &Arc<Witness>) -> Result<ClientConfig, Failure> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.trust.provider));
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Failure::Tls(std::io::Error::other(error)))?;
        let verifier = Arc::clone(witness);
        let builder = { builder.dangerous() }.with_custom_certificate_verifier(verifier);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    async fn exchange<S>(
        &self,
        stream: S,
        question: Question,
        witness: Option<&Witness>,
    ) -> Result<Answer, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.title_case_headers(true).max_buf_size(MOST_HEADERS);
        let io = TokioIo::new(stream);
        let (mut sender, connection) = builder.handshake(io).await.map_err(Failure::Http)?;
        let running = Running(tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended");
            }
        }));
        let url = question.url.clone();
        let answer = timeout(self.timeout, sender.send_request(request(question)?)).await;
        let answer = answer.map_err(|_| Failure::Timeout)?;
        let (parts, body) = answer.map_err(Failure::Http).map(Response::into_parts)?;
        let (body, cut) = self.read(body).await;
        drop(running);
        Ok(Answer {
            url,
            status: parts.status,
            headers: parts.headers,
            body,
            cut,
            certificate: witness.and_then(Witness::seen),
        })
    }

    /// The body up to the bound, and up to when it takes too long: a stream of events never ends.
    async fn read(&self, mut body: Incoming) -> (Bytes, bool) {
        let mut all = BytesMut::new();
        let whole = timeout(self.timeout, async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                let Some(data) = frame.data_ref() else {
                    continue;
                };
                let room = MOST_BODY.saturating_sub(all.len());
                all.extend_from_slice(data.get(..room).unwrap_or(data));
                if data.len() > room {
                    return false;
                }
            }
            true
        });
        let whole = whole.await.unwrap_or(false);
        (all.freeze(), !whole)
    }
}

/// Ends a connection when its answer is there.
struct Running(tokio::task::JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn request(question: Question) -> Result<Request<Full<Bytes>>, Failure> {
    let url = &question.url;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let mut request = Request::new(Full::new(question.body));
    *request.method_mut() = question.method;
    *request.uri_mut() = target.parse().map_err(|_| Failure::Address)?;
    let host = HeaderValue::from_str(host).map_err(|_| Failure::Address)?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(http::header::USER_AGENT, HeaderValue::from_static(AGENT));
    headers.extend(question.headers);
    Ok(request)
}

fn authorities(paths: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut all = Vec::new();
    for path in paths {
        let pem = fs::read(path).map_err(|source| Error::Unreadable {
            path: path.clone(),
            source,
        })?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let read = read.ok().filter(|read| !read.is_empty());
        all.extend(read.ok_or_else(|| Error::NotPem { path: path.clone() })?);
    }
    Ok(all)
}
