//! An app that takes itself to be asked over HTTP, as it is, while its clients come by HTTPS.
//!
//! Most frameworks believe `X-Forwarded-Proto` only when they are told to. Until then they lead to
//! `http://` of this very host, and refuse forms of their own pages, whose `Origin` begins with `https://`
//! (Django, Astro, React Router and others compare the two), or send whoever comes to `https://`, again and
//! again.

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{Entry, HOST, LOCATION, ORIGIN};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use panoply_core::ClientAddress;

use crate::intake::own_origin;

/// What is known of how the app takes clients that have come by HTTPS.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// It has answered a form of its own page.
    forms: AtomicBool,
    /// It has answered anything else than with another way.
    pages: AtomicBool,
}

impl Settled {
    /// There are other settings, by which the app may take them otherwise.
    pub(crate) fn begin_anew(&self) {
        self.forms.store(false, Ordering::Relaxed);
        self.pages.store(false, Ordering::Relaxed);
    }
}

/// What of a request its answer is looked at with; none where the client came by HTTP.
#[derive(Debug)]
pub(crate) struct Asked {
    hosts: [Option<HeaderValue>; 2],
    /// The origin of a form of the app's own page, as long as it is open how the app takes those.
    form: Option<HeaderValue>,
    /// What it asked for, as long as it is open whether the app ever answers that.
    target: Option<PathAndQuery>,
    /// Whether the app is told its own origin by HTTP.
    told_http: bool,
}

impl Asked {
    pub(crate) fn of<B>(request: &Request<B>, settled: &Settled) -> Option<Self> {
        let client = request.extensions().get::<ClientAddress>()?;
        if !client.is_https() {
            return None;
        }
        let forwarded = client.forwarded_host();
        let forwarded = forwarded.and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        let form = (!settled.forms.load(Ordering::Relaxed)).then(|| own_form(request));
        let target = || request.uri().path_and_query().cloned();
        let target = (!settled.pages.load(Ordering::Relaxed)).then(target);
        Some(Self {
            hosts: [request.headers().get(HOST).cloned(), forwarded],
            form: form.flatten(),
            target: target.flatten(),
            told_http: false,
        })
    }

    /// The same of an app that is told its own origin by HTTP, as [`tell_by_http`] does.
    pub(crate) fn of_http(self) -> Self {
        Self {
            told_http: true,
            ..self
        }
    }

    /// Leads by HTTPS who is led to this very host: by HTTP nobody is served there, and a listener of a
    /// port of its own speaks TLS alone.
    pub(crate) fn lead_by_https(&self, headers: &mut HeaderMap) {
        let Some(location) = headers.get_mut(LOCATION) else {
            return;
        };
        if let Some(rest) = after("http", location.as_bytes())
            && self.is_own(host(rest).0)
            && let Ok(led) = HeaderValue::from_bytes(&[b"https://", rest].concat())
        {
            *location = led;
        }
    }

    /// Says once what may be the matter with an app that refuses the first form of its own, or has led
    /// nobody anywhere but to where he came from.
    pub(crate) fn tell(&self, status: StatusCode, headers: &HeaderMap, settled: &Settled) {
        self.tell_of_forms(status, &settled.forms);
        self.tell_of_pages(status, headers, &settled.pages);
    }

    fn tell_of_forms(&self, status: StatusCode, settled: &AtomicBool) {
        let Some(origin) = &self.form else {
            return;
        };
        let refused = matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN);
        let taken = status.is_success() || status.is_redirection();
        let first = (refused || taken) && !settled.swap(true, Ordering::Relaxed);
        if first && refused {
            let origin = String::from_utf8_lossy(origin.as_bytes());
            let status = status.as_u16();
            if self.told_http {
                tracing::warn!(
                    status,
                    %origin,
                    "the app has refused the first form of its own page, of which it was told that it is of http://: \
                     an app that believes X-Forwarded-Proto, as gunicorn has its apps do, compares it with https://: \
                     below [app] take origin = \"http\" away"
                );
            } else {
                tracing::warn!(
                    status,
                    %origin,
                    "the app has refused the first form of its own page: if it compares the page's origin with \
                     http://, by which it is asked itself, have it believe X-Forwarded-Proto \
                     (SECURE_PROXY_SSL_HEADER in Django, security.allowedDomains in Astro), or below [app] write \
                     origin = \"http\""
                );
            }
        }
    }

    fn tell_of_pages(&self, status: StatusCode, headers: &HeaderMap, settled: &AtomicBool) {
        let Some(target) = &self.target else {
            return;
        };
        let circle = status.is_redirection() && self.leads_back(target, headers);
        let told = circle || status.is_success();
        let first = told && !settled.swap(true, Ordering::Relaxed);
        if first && circle {
            tracing::warn!(
                status = status.as_u16(),
                path = target.path(),
                "the app sends who has come by HTTPS to the same place by HTTPS, and so in a circle: have it \
                 believe X-Forwarded-Proto (docs/guides says how for each framework), or leave the way to HTTPS \
                 to the gateway"
            );
        }
    }

    /// Whether an answer leads to the very place that was asked for, by HTTPS.
    fn leads_back(&self, target: &PathAndQuery, headers: &HeaderMap) -> bool {
        let location = headers.get(LOCATION).map(HeaderValue::as_bytes);
        let Some(rest) = location.and_then(|location| after("https", location)) else {
            return false;
        };
        let (host, place) = host(rest);
        let place = if place.is_empty() { b"/" } else { place };
        self.is_own(host) && place == target.as_str().as_bytes()
    }

    fn is_own(&self, host: &[u8]) -> bool {
        let mut own = self.hosts.iter().flatten();
        own.any(|own| own.as_bytes().eq_ignore_ascii_case(host))
    }
}

/// Tells the app the origin of its own pages by the scheme that it takes to be its own. Who has that one
/// in truth is another, and must not be taken for it: whoever is on the way can write pages of plain HTTP.
pub(crate) fn tell_by_http<B>(request: &mut Request<B>) {
    let client = request.extensions().get::<ClientAddress>();
    if !client.is_some_and(ClientAddress::is_https) || !request.headers().contains_key(ORIGIN) {
        return;
    }
    let Some(own) = own_origin(request) else {
        return;
    };
    let Some(bare) = own.as_bytes().strip_prefix(b"https://") else {
        return;
    };
    let by_http = [b"http://", bare].concat();
    let Entry::Occupied(mut origins) = request.headers_mut().entry(ORIGIN) else {
        return;
    };
    for origin in origins.iter_mut() {
        if *origin == own {
            if let Ok(told) = HeaderValue::from_bytes(&by_http) {
                *origin = told;
            }
        } else if origin.as_bytes().eq_ignore_ascii_case(&by_http) {
            *origin = HeaderValue::from_static("null");
        }
    }
}

/// The origin of a request that a form of the app's own page makes.
fn own_form<B>(request: &Request<B>) -> Option<HeaderValue> {
    let origin = request.headers().get(ORIGIN)?;
    let changes = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    );
    let own = changes.then(|| own_origin(request)).flatten()?;
    (*origin == own).then_some(own)
}

/// What stands behind a scheme.
pub(super) fn after<'a>(scheme: &str, location: &'a [u8]) -> Option<&'a [u8]> {
    let (found, rest) = location.split_at_checked(scheme.len())?;
    let rest = rest.strip_prefix(b"://")?;
    found
        .eq_ignore_ascii_case(scheme.as_bytes())
        .then_some(rest)
}

/// The host with its port, and what stands behind them.
pub(super) fn host(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut bytes = rest.iter();
    let end = bytes.position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'));
    rest.split_at(end.unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use panoply_core::Scheme;

    use super::*;

    fn request(scheme: Scheme, pairs: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::post("/form");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let client = ClientAddress::direct("192.0.2.1:9".parse().unwrap(), scheme);
        request.extensions_mut().insert(client);
        request
    }

    fn led(scheme: Scheme, host: &str, location: &str) -> String {
        let request = request(scheme, &[("host", host)]);
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        if let Some(asked) = Asked::of(&request, &Settled::default()) {
            asked.lead_by_https(&mut headers);
        }
        headers[LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn who_is_led_to_this_host_goes_by_https() {
        for (host, location, to) in [
            (
                "localhost:8443",
                "http://localhost:8443/a?b#c",
                "https://localhost:8443/a?b#c",
            ),
            (
                "shop.example",
                "HTTP://Shop.Example",
                "https://Shop.Example",
            ),
            (
                "shop.example",
                "http://shop.example?x",
                "https://shop.example?x",
            ),
            ("[::1]:8443", "http://[::1]:8443/", "https://[::1]:8443/"),
        ] {
            assert_eq!(led(Scheme::Https, host, location), to);
        }
    }

    #[test]
    fn who_is_led_elsewhere_goes_there() {
        for location in [
            "/a",
            "https://shop.example/",
            "http://shop.example:8080/",
            "http://shop.example.evil.example/",
            "http://shop.example@evil.example/",
            "http://other.example/?http://shop.example/",
            "http:/",
            "",
        ] {
            assert_eq!(led(Scheme::Https, "shop.example", location), location);
        }
        let plain = "http://shop.example/";
        assert_eq!(led(Scheme::Http, "shop.example", plain), plain);
    }

    #[test]
    fn a_host_that_a_proxy_passed_on_is_this_one_too() {
        let mut request = request(Scheme::Https, &[("host", "inner:3000")]);
        let client = ClientAddress::direct("192.0.2.1:9".parse().unwrap(), Scheme::Https)
            .with_host(Some("shop.example".parse().unwrap()));
        request.extensions_mut().insert(client);
        let asked = Asked::of(&request, &Settled::default()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static("http://shop.example/a"));
        asked.lead_by_https(&mut headers);
        assert_eq!(headers[LOCATION], "https://shop.example/a");
    }

    #[test]
    fn the_app_is_told_its_own_origin_by_http() {
        let told = |scheme, origin: &str| {
            let pairs = [("host", "localhost:8443"), ("origin", origin)];
            let mut request = request(scheme, &pairs);
            tell_by_http(&mut request);
            request.headers()[ORIGIN].to_str().unwrap().to_owned()
        };
        let own = "https://localhost:8443";
        assert_eq!(told(Scheme::Https, own), "http://localhost:8443");
        // Nobody else gets to have it.
        assert_eq!(told(Scheme::Https, "http://localhost:8443"), "null");
        assert_eq!(told(Scheme::Https, "HTTP://LOCALHOST:8443"), "null");
        for other in ["null", "https://evil.example", "http://localhost"] {
            assert_eq!(told(Scheme::Https, other), other);
        }
        assert_eq!(told(Scheme::Http, own), own);
    }

    #[test]
    fn the_first_form_settles_how_the_app_takes_them() {
        let own = [("host", "shop.example"), ("origin", "https://shop.example")];
        let after = |pairs: &[(&str, &str)], status| {
            let settled = Settled::default();
            let asked = Asked::of(&request(Scheme::Https, pairs), &settled).unwrap();
            asked.tell(status, &HeaderMap::new(), &settled);
            settled.forms.into_inner()
        };
        assert!(after(&own, StatusCode::FORBIDDEN));
        assert!(after(&own, StatusCode::BAD_REQUEST));
        assert!(after(&own, StatusCode::SEE_OTHER));
        // That says nothing of it.
        assert!(!after(&own, StatusCode::UNPROCESSABLE_ENTITY));
        assert!(!after(&own, StatusCode::BAD_GATEWAY));
        let other = [("host", "shop.example"), ("origin", "https://evil.example")];
        assert!(!after(&other, StatusCode::FORBIDDEN));
        assert!(!after(&own[..1], StatusCode::FORBIDDEN));
    }

    #[test]
    fn a_circle_is_told_from_other_ways() {
        let is_told = |location: &'static str| {
            let request = request(Scheme::Https, &[("host", "localhost:8443")]);
            let settled = Settled::default();
            let asked = Asked::of(&request, &settled).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_static(location));
            asked.tell(StatusCode::FOUND, &headers, &settled);
            settled.pages.into_inner()
        };
        assert!(is_told("https://localhost:8443/form"));
        assert!(is_told("HTTPS://LOCALHOST:8443/form"));
        for elsewhere in [
            "/form",
            "http://localhost:8443/form",
            "https://localhost/form",
            "https://localhost:8443/form/",
            "https://localhost:8443/form?a",
            "https://localhost:8443",
        ] {
            assert!(!is_told(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn who_has_answered_once_leads_nobody_in_a_circle() {
        let settled = Settled::default();
        let request = request(Scheme::Https, &[("host", "shop.example")]);
        let asked = Asked::of(&request, &settled).unwrap();
        asked.tell(StatusCode::OK, &HeaderMap::new(), &settled);
        assert!(Asked::of(&request, &settled).unwrap().target.is_none());
        settled.begin_anew();
        assert!(Asked::of(&request, &settled).unwrap().target.is_some());
    }
}
