//! The origin that a page is of.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request};

use crate::{ClientAddress, parse_host};

/// An origin whose scheme, host and port are known, as browsers name it in `Origin`.
///
/// ```
/// use panoply_core::SiteOrigin;
///
/// let shop = SiteOrigin::parse("https://Shop.example").unwrap();
/// assert_eq!((shop.is_https(), shop.host(), shop.port()), (true, "shop.example", 443));
/// assert_eq!(SiteOrigin::parse("null"), None);
/// assert_eq!(SiteOrigin::parse("https://shop.example/"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteOrigin {
    https: bool,
    host: String,
    port: u16,
}

impl SiteOrigin {
    /// An origin as RFC 6454 §6.1 writes it; none for `null`, with a path, or with credentials.
    pub fn parse(origin: &str) -> Option<Self> {
        let (scheme, rest) = origin.split_once("://")?;
        let https = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        if rest.contains(['/', '@', '?', '#', '*']) {
            return None;
        }
        let authority = Authority::try_from(rest).ok()?;
        let (host, port) = (authority.host(), authority.port_u16());
        // What stands behind the host is a port, or it is no origin: 99999 is none, nor is what some
        // read of `~[::1]:80`.
        let behind = rest.strip_prefix(host)?;
        let whole = match (behind.strip_prefix(':'), port) {
            (Some(digits), Some(port)) => digits == port.to_string(),
            (None, None) => behind.is_empty(),
            _ => false,
        };
        if host.is_empty() || !whole {
            return None;
        }
        Some(Self {
            https,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(if https { 443 } else { 80 }),
        })
    }

    /// Whether its pages come by HTTPS.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Its host, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port, which is the usual one where none is written.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether an `Origin` is that of the host that a request is for, by whatever scheme: behind a proxy that brings
    /// TLS the site's own pages come by HTTPS and the request by HTTP. `null` is nobody's own.
    ///
    /// ```
    /// use http::{HeaderValue, Request};
    /// use panoply_core::SiteOrigin;
    ///
    /// let request = Request::get("/").header("host", "shop.example").body(())?;
    /// let is_own = |origin| SiteOrigin::is_own(&HeaderValue::from_static(origin), &request);
    /// assert!(is_own("https://shop.example") && is_own("http://shop.example"));
    /// assert!(!is_own("https://shop.example:8443") && !is_own("https://evil.example") && !is_own("null"));
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn is_own<B>(origin: &HeaderValue, request: &Request<B>) -> bool {
        let (Some(origin), Some(host)) = (
            origin.to_str().ok().and_then(Self::parse),
            asked_host(request.extensions().get(), request),
        ) else {
            return false;
        };
        let usual = if origin.https { 443 } else { 80 };
        origin.port == host.port_u16().unwrap_or(usual)
            && host.host().eq_ignore_ascii_case(&origin.host)
    }
}

/// The host that the client meant: what is no host has no origin that could be its own.
pub(crate) fn asked_host<B>(
    client: Option<&ClientAddress>,
    request: &Request<B>,
) -> Option<Authority> {
    if let Some(host) = client.and_then(ClientAddress::forwarded_host) {
        return Some(host.clone());
    }
    match request.uri().authority() {
        Some(authority) => parse_host(authority.as_str().as_bytes()),
        None => parse_host(request.headers().get(HOST)?.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_whole_or_not_at_all() {
        for wrong in [
            "null",
            "",
            "shop.test",
            "ftp://shop.test",
            "https://",
            "https://shop.test/",
            "https://shop.test@evil.test",
            "https://shop.test:99999",
            "https://shop.test:",
            "https://shop.test:0443",
            "https://~[::1]:80",
            "https://*.shop.test",
        ] {
            assert_eq!(SiteOrigin::parse(wrong), None, "{wrong}");
        }
        let port = |origin| SiteOrigin::parse(origin).map(|origin| origin.port());
        assert_eq!(port("https://shop.test"), Some(443));
        assert_eq!(port("http://shop.test"), Some(80));
        assert_eq!(port("http://[::1]:8080"), Some(8080));
    }
}
