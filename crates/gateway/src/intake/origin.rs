//! The origin that browsers keep back because `Referrer-Policy` tells them to.
//!
//! Under `no-referrer`, which is Helmet's value and ours, a form sends `Origin: null` also to the site
//! that its own page is from (Fetch, "append a request `Origin` header"). Django, Rails and others take
//! that for a forgery. `Sec-Fetch-Site: same-origin` says of the same request that it comes from this
//! very origin, no page can set it, and what is sandboxed or was redirected by another site does not have
//! it. So the app is told the origin by its name; as its referrer too, where it has none, since Django
//! before 4.0 looks there.

use http::header::{HOST, HeaderName, ORIGIN, REFERER};
use http::uri::Authority;
use http::{HeaderValue, Request};
use panoply_core::ClientAddress;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Puts the request's own origin in place of `null`, where the browser says that it is that one.
pub(super) fn restore<B>(request: &mut Request<B>) {
    let headers = request.headers();
    let is_one = |name: HeaderName, word: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().is_some_and(|value| value == word) && values.next().is_none()
    };
    if is_one(ORIGIN, "null")
        && is_one(FETCH_SITE, "same-origin")
        && let Some(origin) = own(request)
    {
        // As a policy of `origin` would have it (Referrer Policy §8.3).
        let referrer = [origin.as_bytes(), b"/"].concat();
        let headers = request.headers_mut();
        if !headers.contains_key(REFERER)
            && let Ok(referrer) = HeaderValue::try_from(referrer)
        {
            headers.insert(REFERER, referrer);
        }
        headers.insert(ORIGIN, origin);
    }
}

/// The origin of the host that the client asked for, as browsers write it.
pub(crate) fn own<B>(request: &Request<B>) -> Option<HeaderValue> {
    let client = request.extensions().get::<ClientAddress>()?;
    let host = asked_host(request)?;
    let (scheme, usual) = if client.is_https() {
        ("https", 443)
    } else {
        ("http", 80)
    };
    let origin = match host.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{}:{port}", host.host()),
        None => format!("{scheme}://{}", host.host()),
    };
    HeaderValue::try_from(origin).ok()
}

/// The host that the client asked for: what a trusted proxy passed on, or the request's own.
pub(super) fn asked_host<B>(request: &Request<B>) -> Option<Authority> {
    let client = request.extensions().get::<ClientAddress>();
    let host = || request.headers().get(HOST)?.to_str().ok()?.parse().ok();
    let forwarded = client.and_then(ClientAddress::forwarded_host).cloned();
    forwarded.or_else(host)
}

#[cfg(test)]
mod tests {
    use panoply_core::Scheme;

    use super::*;

    fn told(scheme: Scheme, pairs: &[(&str, &str)]) -> Vec<String> {
        let mut request = Request::post("/admin/login/");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let client = ClientAddress::direct("192.0.2.1:9".parse().unwrap(), scheme);
        request.extensions_mut().insert(client);
        restore(&mut request);
        let origins = request.headers().get_all(ORIGIN).iter();
        origins
            .map(|origin| origin.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_form_of_the_sites_own_page_has_its_origin_again() {
        let own = ("sec-fetch-site", "same-origin");
        for (scheme, host, origin) in [
            (Scheme::Https, "shop.example", "https://shop.example"),
            (Scheme::Https, "shop.example:443", "https://shop.example"),
            (Scheme::Https, "localhost:8443", "https://localhost:8443"),
            (Scheme::Http, "localhost:80", "http://localhost"),
            (Scheme::Https, "[::1]:8443", "https://[::1]:8443"),
        ] {
            let form = [("host", host), ("origin", "null"), own];
            assert_eq!(told(scheme, &form), [origin]);
        }
    }

    #[test]
    fn who_looks_at_the_referrer_finds_it_there() {
        let request = |referrer: Option<&str>| {
            let mut request = Request::post("/")
                .header("host", "shop.example")
                .header("origin", "null")
                .header("sec-fetch-site", "same-origin");
            if let Some(referrer) = referrer {
                request = request.header("referer", referrer);
            }
            let mut request = request.body(()).unwrap();
            let peer = "192.0.2.1:9".parse().unwrap();
            let client = ClientAddress::direct(peer, Scheme::Https);
            request.extensions_mut().insert(client);
            restore(&mut request);
            request.headers()[REFERER].clone()
        };
        assert_eq!(request(None), "https://shop.example/");
        let own = "https://shop.example/form";
        assert_eq!(request(Some(own)), own);
    }

    #[test]
    fn nobody_else_is_given_one() {
        let host = ("host", "shop.example");
        let null = ("origin", "null");
        for site in ["cross-site", "same-site", "none", "", "same-origin, none"] {
            let form = [host, null, ("sec-fetch-site", site)];
            assert_eq!(told(Scheme::Https, &form), ["null"], "{site}");
        }
        assert_eq!(told(Scheme::Https, &[host, null]), ["null"]);
        let own = ("sec-fetch-site", "same-origin");
        let twice = [host, null, own, ("sec-fetch-site", "cross-site")];
        assert_eq!(told(Scheme::Https, &twice), ["null"]);
        let two = [host, null, ("origin", "https://evil.example"), own];
        assert_eq!(told(Scheme::Https, &two), ["null", "https://evil.example"]);
        assert_eq!(told(Scheme::Https, &[host, own]), [""; 0]);
        let other = [host, ("origin", "https://evil.example"), own];
        assert_eq!(told(Scheme::Https, &other), ["https://evil.example"]);
    }
}
