//! The layer and its service.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{FORWARDED, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use panoply_core::{ClientAddress, HostName, HostNames, Refusal, RefusedOr};
use tower_layer::Layer;
use tower_service::Service;

use super::site_host::SiteHost;
use crate::Error;

/// Lets requests through that are for the site's own names, and refuses all others with 421.
///
/// A service makes links of the host that a request names, in mails that reset a password too, and caches keep
/// them: whoever may name any host chooses where they lead (RFC 9110 §7.2, §15.5.20).
///
/// All that a request names has to be one and the same: its target and each `Host`, of which frameworks read one or
/// the other. Of a trusted proxy the host that it passes on counts, and takes the place of another in `Host`. What names
/// none, as in tests, passes; so do `localhost` and loopback addresses for clients on this machine. Which host it is
/// stands in the request's extensions, as [`SiteHost`].
///
/// It stands within the suit, which finds the client and puts headers on its refusals. In axum, a health check that
/// knows nothing but an address is a route that comes after it:
///
/// ```
/// use panoply_guard::HostsLayer;
///
/// let hosts = HostsLayer::new(["shop.example", "*.shop.example"])?;
/// // Router::new().route("/", get(page)).layer(hosts).route("/healthz", get(health)).layer(suit)
/// # let _ = hosts;
/// # Ok::<(), panoply_guard::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HostsLayer(Arc<Hosts>);

#[derive(Debug)]
struct Hosts {
    names: HostNames,
    told: Mutex<HashSet<String>>,
}

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How many hosts are told of: scanners make up any number.
const MOST_TOLD: usize = 32;

impl HostsLayer {
    /// A layer for a site with these names, at any port: `shop.example`, `*.shop.example` for what has one label
    /// more, or an address.
    ///
    /// # Errors
    ///
    /// When one of them is no host, or there is none.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let mut all = HostNames::default();
        for name in names {
            all.add(name.as_ref()).map_err(|problem| Error::Value {
                key: "hosts",
                problem,
                example: "`shop.example`, or `*.shop.example` for all names one step below it",
            })?;
        }
        if all.is_empty() {
            return Err(Error::Value {
                key: "hosts",
                problem: "there is none, so nobody could come in".to_owned(),
                example: "the names of the site, such as `shop.example`",
            });
        }
        Ok(Self(Arc::new(Hosts {
            names: all,
            told: Mutex::default(),
        })))
    }
}

impl Hosts {
    /// The refusal of what is for another host; of all else the service is told no host but the one that it is for.
    fn refusal<B>(&self, request: &mut Request<B>) -> Option<Response<Bytes>> {
        let client = request.extensions().get::<ClientAddress>();
        let here = client.is_some_and(|client| {
            client.ip().is_loopback() && client.peer().ip().to_canonical().is_loopback()
        });
        let is_own = |host: &HostName| self.names.has(host) || here && host.is_of_this_machine();
        let headers = request.headers().get_all(HOST);
        if let Some(forwarded) = client.and_then(ClientAddress::forwarded_host) {
            let named = HostName::of(forwarded);
            if !is_own(&named) {
                return Some(self.refuse(forwarded.as_str().as_bytes(), request));
            }
            let same =
                |host: &HeaderValue| HostName::parse(host.as_bytes()).as_ref() == Some(&named);
            let is_told = headers.iter().count() == 1 && headers.iter().all(same);
            if !is_told && let Ok(forwarded) = HeaderValue::from_str(forwarded.as_str()) {
                request.headers_mut().insert(HOST, forwarded);
            }
            leave_one(request.headers_mut());
            request.extensions_mut().insert(SiteHost::from(named));
            return None;
        }
        let target = request.uri().authority();
        let target = target.map(|authority| authority.as_str().as_bytes());
        let hosts = headers.iter().map(HeaderValue::as_bytes);
        let mut only: Option<HostName> = None;
        for host in target.into_iter().chain(hosts) {
            let named = HostName::parse(host).filter(is_own);
            let differs = only.is_some() && only != named;
            let Some(named) = named.filter(|_| !differs) else {
                return Some(self.refuse(host, request));
            };
            only = Some(named);
        }
        leave_one(request.headers_mut());
        if let Some(named) = only {
            request.extensions_mut().insert(SiteHost::from(named));
        }
        None
    }

    fn refuse<B>(&self, host: &[u8], request: &Request<B>) -> Response<Bytes> {
        self.tell(host);
        let status = StatusCode::MISDIRECTED_REQUEST;
        let detail = "This site does not go by the name that the request is for.";
        Refusal::new(status, "hosts/foreign", detail).answer_to(request)
    }

    /// Whoever runs the site learns of each host once.
    fn tell(&self, host: &[u8]) {
        let host: String = String::from_utf8_lossy(host).chars().take(260).collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_TOLD && told.insert(host.clone()) {
            drop(told);
            tracing::warn!(
                host,
                "a request was refused because its host is none of the site's names; if it is one, \
                 give it to `HostsLayer::new`"
            );
        }
    }
}

/// Leaves no other host than the one that was looked at: extractors read what a proxy passed on first, and a proxy
/// that knows nothing of such a header passes on its client's.
fn leave_one(headers: &mut HeaderMap) {
    headers.remove(FORWARDED);
    if headers.remove(FORWARDED_HOST).is_some()
        && let Some(host) = headers.get(HOST).cloned()
    {
        headers.insert(FORWARDED_HOST, host);
    }
}

impl<S> Layer<S> for HostsLayer {
    type Service = HostsService<S>;

    fn layer(&self, inner: S) -> HostsService<S> {
        HostsService {
            inner,
            hosts: Arc::clone(&self.0),
        }
    }
}

/// The service that [`HostsLayer`] makes.
#[derive(Debug, Clone)]
pub struct HostsService<S> {
    inner: S,
    hosts: Arc<Hosts>,
}

/// The future of [`HostsService`].
pub type HostsFuture<F> = RefusedOr<F>;

impl<S, B, R> Service<Request<B>> for HostsService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = HostsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.hosts.refusal(&mut request) {
            None => RefusedOr::passed(self.inner.call(request)),
            Some(answer) => RefusedOr::refused(answer),
        }
    }
}
