//! What a page has a browser ask for, whoever has written the page.

use http::header::{HeaderMap, ORIGIN, UPGRADE};
use http::{HeaderName, Method, Request};
use panoply_core::SiteOrigin;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");
const WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");

/// Whether a browser says that it asks for this because another site's page has it do so, or because it is part of a
/// page: a picture, a script, a frame (Fetch Metadata, sections 2.1 and 2.3); or whether a page may have it do so
/// without a word of that: a WebSocket's handshake, what has an origin that is not the site's, what is fetched ahead.
///
/// The visitor has not chosen that. A page with fifty pictures that are gone must not cost him the site, nor may
/// whoever writes one, here or elsewhere, have its readers held out. Whoever is no browser can claim it, and is then
/// where he was without a limit.
pub(super) fn is_caused<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let other = |name: HeaderName, own: [&str; 2]| {
        let value = headers.get(name);
        value.is_some_and(|value| !own.iter().any(|own| value == *own))
    };
    let mut origins = headers.get_all(ORIGIN).iter();
    other(SITE, ["same-origin", "none"])
        || other(DEST, ["document", "empty"])
        || origins.any(|origin| !SiteOrigin::is_own(origin, request))
        || is_websocket(request)
        || [SEC_PURPOSE, PURPOSE]
            .iter()
            .any(|name| says(headers, name, "prefetch") || says(headers, name, "prerender"))
}

/// Whether any page may have opened it: by HTTP/2 it is a CONNECT (RFC 8441).
fn is_websocket<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    *request.method() == Method::CONNECT
        || headers.contains_key(WEBSOCKET_KEY)
        || says(headers, &UPGRADE, "websocket")
}

fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        let mut parts = value.as_bytes().windows(word.len());
        parts.any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::HOST;
    use panoply_core::{ClientAddress, parse_host};

    use super::*;

    #[test]
    fn who_asks_by_himself_is_told_from_what_a_page_asks_for() {
        for (site, dest, expected) in [
            (None, None, false),
            (Some("none"), Some("document"), false),
            (Some("same-origin"), Some("document"), false),
            (Some("same-origin"), Some("empty"), false),
            (Some("same-origin"), Some("image"), true),
            (Some("same-origin"), Some("iframe"), true),
            (Some("cross-site"), Some("document"), true),
            (Some("same-site"), Some("empty"), true),
            (Some("cross-site"), None, true),
        ] {
            let mut request = Request::new(());
            for (name, value) in [(SITE, site), (DEST, dest)] {
                if let Some(value) = value {
                    request.headers_mut().insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(is_caused(&request), expected, "{site:?} {dest:?}");
        }
    }

    #[test]
    fn what_a_page_may_cause_without_a_word_of_fetch_metadata() {
        let asks = |method: Method, uri: &str, headers: &[(&'static str, &'static str)]| {
            let mut request = Request::new(());
            *request.method_mut() = method;
            *request.uri_mut() = uri.parse().unwrap();
            for (name, value) in headers {
                request.headers_mut().append(*name, value.parse().unwrap());
            }
            is_caused(&request)
        };
        let host = ("host", "shop.test");
        for (expected, headers) in [
            (false, &[host, ("origin", "https://shop.test")][..]),
            (false, &[host, ("origin", "http://SHOP.test:80")]),
            (
                false,
                &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
            ),
            (true, &[host, ("origin", "https://shop.test:8443")]),
            (true, &[host, ("origin", "https://evil.test")]),
            (
                true,
                &[
                    host,
                    ("origin", "https://shop.test"),
                    ("origin", "https://evil.test"),
                ],
            ),
            (true, &[host, ("origin", "https://shop.test.evil.test")]),
            (true, &[host, ("origin", "https://shop.test@evil.test")]),
            (true, &[host, ("origin", "chrome-extension://shop.test")]),
            (true, &[host, ("origin", "null")]),
            (true, &[("origin", "https://shop.test")]),
            (true, &[host, ("upgrade", "WebSocket")]),
            (true, &[host, ("upgrade", "h2c, websocket")]),
            (false, &[host, ("upgrade", "h2c")]),
            (true, &[host, ("sec-websocket-key", "x")]),
            (true, &[host, ("sec-purpose", "prefetch;prerender")]),
            (true, &[host, ("sec-purpose", "prerender")]),
            (true, &[host, ("purpose", "Prefetch")]),
            (false, &[host, ("purpose", "preview")]),
        ] {
            assert_eq!(asks(Method::GET, "/.env", headers), expected, "{headers:?}");
        }
        // By HTTP/2 the host is in the URI, and a WebSocket a CONNECT.
        let own = [("origin", "https://shop.test")];
        assert!(!asks(Method::GET, "https://shop.test/.env", &own));
        assert!(asks(Method::GET, "https://other.test/.env", &own));
        assert!(asks(Method::CONNECT, "https://shop.test/.env", &own));
    }

    #[test]
    fn the_host_that_a_proxy_names_is_the_sites() {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("10.0.0.5:3000"));
        headers.insert(ORIGIN, HeaderValue::from_static("https://shop.test"));
        assert!(is_caused(&request));
        let peer = "192.0.2.1:1".parse().unwrap();
        let client = ClientAddress::direct(peer, panoply_core::Scheme::Http);
        let named = client.with_host(parse_host(b"shop.test"));
        request.extensions_mut().insert(named);
        assert!(!is_caused(&request));
    }
}
