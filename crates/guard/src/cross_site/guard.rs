//! Who caused a request.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HeaderName, ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request};
use panoply_core::spelling::{encodes_only_letters, sent};
use panoply_core::{
    CausedElsewhere, Connection, KeptCredentials, SiteOrigin, ToldOnce, said_methods,
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A client's certificate (RFC 9440).
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// Tells requests that another site's page has caused, by what Go's `CrossOriginProtection` tells them by.
///
/// Clones are one and the same.
#[derive(Debug, Clone)]
pub struct CrossSiteGuard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    enabled: bool,
    /// As clients send them.
    paths: Vec<String>,
    sources: Vec<SiteOrigin>,
    without_cookie: bool,
    told: Arc<ToldOnce>,
}

/// What is thought of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing speaks against it.
    Passes,
    /// Another site has caused it.
    CrossSite,
    /// Another site has caused it, but with nothing that its user is known by: it passes, unless it is a login with a
    /// password.
    Bare,
}

impl CrossSiteGuard {
    pub(super) fn new(
        enabled: bool,
        paths: Vec<String>,
        sources: Vec<SiteOrigin>,
        without_cookie: bool,
    ) -> Self {
        Self(Arc::new(Inner {
            enabled,
            paths,
            sources,
            without_cookie,
            told: Arc::default(),
        }))
    }

    /// Whether another site has caused the request, and it is not to be let through.
    ///
    /// ```
    /// use http::Request;
    /// use panoply_guard::{CrossSiteConfig, Verdict};
    ///
    /// let guard = CrossSiteConfig::new().build()?;
    /// let request = Request::post("https://shop.example/cart")
    ///     .header("cookie", "sid=1")
    ///     .header("sec-fetch-site", "cross-site")
    ///     .body(())?;
    /// assert_eq!(guard.verdict(&request), Verdict::CrossSite);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verdict<B>(&self, request: &Request<B>) -> Verdict {
        let headers = request.headers();
        let reads = is_safe(request.method()) && !is_websocket(headers);
        if !self.0.enabled || reads && !request.uri().query().is_some_and(may_say_a_method) {
            return Verdict::Passes;
        }
        let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
        let origin = headers.get(ORIGIN);
        let passes = match site {
            Some(b"same-origin" | b"none") => true,
            // A browser of before 2023, or none; an empty one is as none.
            None | Some(b"") => origin.is_none_or(|origin| SiteOrigin::is_own(origin, request)),
            Some(_) => false,
        };
        // What a link of another site says with `_method`, some apps do.
        let still_reads = || reads && !said_methods(request).any(|said| acts(&said));
        if passes || still_reads() || self.is_listed(origin) || self.is_open(request.uri().path()) {
            return Verdict::Passes;
        }
        if self.0.without_cookie || brings_rights(request) {
            Verdict::CrossSite
        } else {
            Verdict::Bare
        }
    }

    /// Whether every site may cause requests to this path, whoever reads it.
    fn is_open(&self, path: &str) -> bool {
        if self.0.paths.is_empty() || is_odd(path) {
            return false;
        }
        let path = &*sent(path);
        let holds = |open: &String| match open.strip_suffix('/') {
            Some(folder) => path.starts_with(open.as_str()) || path == folder,
            None => path == open,
        };
        self.0.paths.iter().any(holds)
    }

    fn is_listed(&self, origin: Option<&HeaderValue>) -> bool {
        let source = || SiteOrigin::parse(origin?.to_str().ok()?);
        !self.0.sources.is_empty()
            && source().is_some_and(|source| self.0.sources.contains(&source))
    }

    /// The origin that a request names, if it is one of those that may cause requests, and the only one.
    pub(super) fn listed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        if self.0.sources.is_empty() {
            return None;
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none());
        origin.filter(|origin| self.is_listed(Some(origin)))
    }

    /// What whoever refuses a request says.
    pub(super) fn caused(&self) -> CausedElsewhere {
        CausedElsewhere::new(Arc::clone(&self.0.told))
    }
}

/// Whether apps may read a path in several ways, as far as that may lead elsewhere: of what is encoded, letters beyond
/// ASCII alone do not.
pub(super) fn is_odd(path: &str) -> bool {
    path.contains("..")
        || path.contains("//")
        || path.contains("/./")
        // ASP.NET takes a session out, and joins what stands around it.
        || path.contains("/(")
        || path.contains(['\\', ';'])
        || !encodes_only_letters(path)
}

/// Whether a method changes nothing (RFC 9110 §9.2.1).
fn is_safe(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

/// Whether a query may say another method, with `_method` in whatever encoding and spelling. By a header no page of another
/// site can say one, unless the app has let it (CORS).
fn may_say_a_method(query: &str) -> bool {
    let query = query.as_bytes();
    let is = |part: &[u8]| part.eq_ignore_ascii_case(b"method");
    query.contains(&b'%') || query.windows(b"method".len()).any(is)
}

/// Whether apps do something at a method; a shop may call another thing `_method`, such as how to pay.
fn acts(method: &Method) -> bool {
    const OTHERS: [&str; 8] = [
        "MKCOL",
        "COPY",
        "MOVE",
        "PROPPATCH",
        "LOCK",
        "UNLOCK",
        "LINK",
        "UNLINK",
    ];
    matches!(
        *method,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    ) || OTHERS.contains(&method.as_str())
}

/// Whether a browser has added by itself what an app may know its user by, whoever's page it was: a cookie,
/// credentials that it has asked the user for once, or a certificate. Others, such as a `Bearer`, only a script
/// adds that has them, and only where the app has let it (CORS).
fn brings_rights<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let connection = request.extensions().get::<Connection>();
    let tls = connection.and_then(|connection| connection.tls.as_ref());
    headers.contains_key(COOKIE)
        || headers.get_all(AUTHORIZATION).iter().any(is_the_browsers)
        || request.extensions().get::<KeptCredentials>().is_some()
        || tls.is_some_and(|tls| tls.client.is_some())
        // By a trusted proxy's word: from others it is gone by now.
        || headers.contains_key(CLIENT_CERT)
}

/// Whether credentials are of a kind that browsers keep.
fn is_the_browsers(credentials: &HeaderValue) -> bool {
    const SCHEMES: [&[u8]; 4] = [b"basic", b"digest", b"negotiate", b"ntlm"];
    let text = credentials.as_bytes().trim_ascii_start();
    let scheme = text.split(|byte| !byte.is_ascii_alphanumeric()).next();
    scheme.is_some_and(|scheme| SCHEMES.iter().any(|one| one.eq_ignore_ascii_case(scheme)))
}

/// A browser lets any page open a WebSocket to any site, with cookies, and shows it what comes back.
fn is_websocket(headers: &HeaderMap) -> bool {
    let asks = |value: &HeaderValue| {
        let text = value.as_bytes().to_ascii_lowercase();
        text.windows(9).any(|word| word == b"websocket")
    };
    // Few requests have it, which is told soonest so.
    headers.contains_key(UPGRADE)
        && headers.get_all(UPGRADE).iter().any(asks)
        && headers.contains_key(CONNECTION)
}

/// What is read of an origin: HTTPS, host and port.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_source(origin: &str) -> Option<(bool, String, u16)> {
    let source = SiteOrigin::parse(origin)?;
    Some((source.is_https(), source.host().to_owned(), source.port()))
}
