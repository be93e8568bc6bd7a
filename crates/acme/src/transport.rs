//! HTTP to a directory: every call ends, every answer has a size, and what is no answer of an ACME
//! directory is told as what it is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{LOCATION, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient, Problem};
use panoply_core::Clock;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

/// Longest for one call, from the connection to the last byte.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest body; a directory's chains have a few kilobytes.
const LONGEST: usize = 1 << 20;

/// Longest that a directory's word on when to come again is believed.
const FAREST: Duration = Duration::from_hours(7 * 24);

/// The calls that a directory must name, and those that it may (RFC 8555 §7.1.1, RFC 9773 §4).
const MUST: [&str; 3] = ["newNonce", "newAccount", "newOrder"];
const MAY: [&str; 4] = ["newAuthz", "revokeCert", "keyChange", "renewalInfo"];

/// What is no answer of an ACME directory, or more than instant-acme tells of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("there was no answer within {} seconds", PATIENCE.as_secs())]
    Late,
    #[error("the answer is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the answer is {status}{}", leading(to.as_deref()))]
    Status {
        status: StatusCode,
        to: Option<String>,
        again: Option<SystemTime>,
    },
    #[error("the answer is a web page")]
    Page,
    #[error("the answer names no `{0}` that begins with `https://`")]
    Incomplete(&'static str),
    /// What a directory refuses, with when to come again.
    #[error("{problem}")]
    Refused { problem: Problem, again: SystemTime },
    #[error(transparent)]
    Roots(#[from] RootsError),
}

/// Why the roots for directories cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} holds no certificate in PEM that could be a root", .0.display())]
    Unfit(PathBuf),
}

/// The client for one directory.
pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    directory: String,
    clock: Arc<dyn Clock>,
}

impl Transport {
    /// For the directory at that URL, which is believed by `roots`, or by those of the system.
    pub(crate) fn new(
        directory: &str,
        roots: Option<&Path>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let other = |error: tokio_rustls::rustls::Error| Error::Other(Box::new(error));
        let builder = HttpsConnectorBuilder::new();
        let builder = match roots {
            None => builder.try_with_platform_verifier().map_err(other)?,
            Some(path) => {
                let roots = read_roots(path).map_err(|error| unusable(error.into()))?;
                let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
                let config = ClientConfig::builder_with_provider(Arc::new(provider))
                    .with_safe_default_protocol_versions()
                    .map_err(other)?;
                let config = config.with_root_certificates(roots).with_no_client_auth();
                builder.with_tls_config(config)
            }
        };
        let connector = builder.https_only().enable_http1().enable_http2().build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            directory: directory.to_owned(),
            clock,
        })
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let is_directory =
            request.method() == Method::GET && *request.uri() == *self.directory.as_str();
        let clock = Arc::clone(&self.clock);
        let asked = self.client.request(request);
        Box::pin(async move {
            let whole = async {
                let answer = asked.await.map_err(|error| Error::Other(Box::new(error)))?;
                let (parts, body) = answer.into_parts();
                let body = Limited::new(body, LONGEST).collect().await;
                let body = body.map_err(|error| {
                    if error.is::<LengthLimitError>() {
                        unusable(Unusable::TooLong)
                    } else {
                        Error::Other(error)
                    }
                })?;
                Ok::<_, Error>((parts, body.to_bytes()))
            };
            let whole = tokio::time::timeout(PATIENCE, whole).await;
            let (mut parts, body) = whole.map_err(|_| unusable(Unusable::Late))??;
            judge(&mut parts, &body, is_directory, clock.wall()).map_err(unusable)?;
            Ok(Response::from_parts(parts, Full::new(body)).into())
        })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// A URL that can be asked: `https`, and a host in ASCII without a user before it.
pub(crate) fn endpoint(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let authority = url.authority()?;
    let port = authority.as_str().strip_prefix(authority.host())?;
    let is_port = port.is_empty() || authority.port_u16().is_some();
    let fits = url.scheme_str() == Some("https") && !authority.host().is_empty() && is_port;
    fits.then_some(url)
}

/// No list of roots comes near it: 16 MiB.
const MOST_ROOTS: u64 = 16 << 20;

/// The roots in a PEM file.
pub(crate) fn read_roots(path: &Path) -> Result<RootCertStore, RootsError> {
    let pem = panoply_core::read_file(path, MOST_ROOTS).map_err(|source| RootsError::Read {
        path: path.to_owned(),
        source,
    })?;
    let unfit = || RootsError::Unfit(path.to_owned());
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&pem) {
        let root = root.map_err(|_| unfit())?;
        roots.add(root).map_err(|_| unfit())?;
    }
    (!roots.is_empty()).then_some(roots).ok_or_else(unfit)
}

/// Lets an answer through that instant-acme understands, with a word on when to come again that is
/// within reason.
fn judge(
    parts: &mut Parts,
    body: &[u8],
    is_directory: bool,
    now: SystemTime,
) -> Result<(), Unusable> {
    let pause = parts.headers.remove(RETRY_AFTER);
    let pause = pause.and_then(|value| pause_of(value.to_str().ok()?, now));
    if let Some(pause) = pause {
        let seconds = HeaderValue::from(pause.as_secs());
        parts.headers.insert(RETRY_AFTER, seconds);
    }
    let again = pause.and_then(|pause| now.checked_add(pause));
    if !parts.status.is_success() {
        return match (problem(body), again) {
            // A nonce that was used up does at once.
            (Some(problem), Some(again)) if !is_bad_nonce(&problem) => {
                Err(Unusable::Refused { problem, again })
            }
            (Some(_), _) if !parts.status.is_redirection() => Ok(()),
            _ => Err(Unusable::Status {
                status: parts.status,
                to: parts
                    .headers
                    .get(LOCATION)
                    .and_then(|to| Some(to.to_str().ok()?.to_owned())),
                again,
            }),
        };
    }
    if body.trim_ascii_start().starts_with(b"<") {
        return Err(Unusable::Page);
    }
    if is_directory {
        let named: Value = serde_json::from_slice(body).unwrap_or_default();
        let is_good = |key: &str| named.get(key).and_then(Value::as_str).and_then(endpoint);
        let bad = MUST.into_iter().find(|key| is_good(key).is_none());
        let mut named = MAY.into_iter().filter(|key| named.get(key).is_some());
        let bad = bad.or_else(|| named.find(|key| is_good(key).is_none()));
        return bad.map_or(Ok(()), |key| Err(Unusable::Incomplete(key)));
    }
    Ok(())
}

/// How long a `Retry-After` (RFC 9110 §10.2.3) is, as far as it is believed.
fn pause_of(said: &str, now: SystemTime) -> Option<Duration> {
    let said = said.trim();
    let pause = if said.bytes().all(|byte| byte.is_ascii_digit()) && !said.is_empty() {
        said.parse().map_or(FAREST, Duration::from_secs)
    } else {
        let moment = jiff::fmt::rfc2822::parse(said).ok()?;
        let moment = SystemTime::from(moment.timestamp());
        moment.duration_since(now).unwrap_or_default()
    };
    Some(pause.min(FAREST))
}

/// What a directory refuses with (RFC 7807); any other JSON says nothing.
fn problem(body: &[u8]) -> Option<Problem> {
    let problem: Problem = serde_json::from_slice(body).ok()?;
    (problem.r#type.is_some() || problem.detail.is_some()).then_some(problem)
}

fn is_bad_nonce(problem: &Problem) -> bool {
    let word = problem.r#type.as_deref().unwrap_or_default();
    word.ends_with(":badNonce")
}

fn leading(to: Option<&str>) -> String {
    to.map_or_else(String::new, |to| format!(" and leads to {to}"))
}

fn unusable(error: Unusable) -> Error {
    Error::Other(Box::new(error))
}

#[cfg(test)]
mod tests;
