//! An app that is told another host than its clients ask for: `app.host`.
//!
//! One that is found by its name among others, as on a platform, answers for that name alone. What it says of its
//! own place, in `Location` and in the `Domain` of cookies, is that name then, and leads back to where the client is;
//! the origin of its own pages is told as if they were there.

use http::header::{Entry, HOST, LOCATION, ORIGIN, REFERER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request};

use crate::intake::own_origin;

/// What an answer is led back by.
#[derive(Debug)]
pub(crate) struct Back {
    told: HeaderValue,
    /// Where the client is: its scheme and its host.
    origin: HeaderValue,
}

impl Back {
    /// Of a request to an app that is `told` another host.
    pub(crate) fn of<B>(request: &Request<B>, told: &HeaderValue) -> Option<Self> {
        let origin = own_origin(request)?;
        // As they were written, since that is no other place.
        (after_scheme(origin.as_bytes())? != told.as_bytes()).then(|| Self {
            told: told.clone(),
            origin,
        })
    }

    /// Leads back who is led to the host that the app was told.
    pub(crate) fn lead(&self, headers: &mut HeaderMap) {
        if let Some(location) = headers.get_mut(LOCATION)
            && let Some(led) = self.led(location.as_bytes())
        {
            *location = led;
        }
        if let Entry::Occupied(mut cookies) = headers.entry(SET_COOKIE) {
            for cookie in cookies.iter_mut() {
                if let Some(here) = self.kept(cookie.as_bytes()) {
                    *cookie = here;
                }
            }
        }
    }

    fn led(&self, location: &[u8]) -> Option<HeaderValue> {
        let rest = after_scheme(location).or_else(|| location.strip_prefix(b"//"))?;
        let end = { rest.iter() }.position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'));
        let (host, place) = rest.split_at(end.unwrap_or(rest.len()));
        if !host.eq_ignore_ascii_case(self.told.as_bytes()) {
            return None;
        }
        HeaderValue::from_bytes(&[self.origin.as_bytes(), place].concat()).ok()
    }

    /// A cookie of the host that the app was told, as one of the host that set it: a browser takes no other.
    fn kept(&self, cookie: &[u8]) -> Option<HeaderValue> {
        let told = name(self.told.as_bytes());
        let is_told = |part: &&[u8]| {
            let (key, value) = match part.iter().position(|byte| *byte == b'=') {
                Some(at) => part.split_at(at),
                None => return false,
            };
            let value = value.strip_prefix(b"=").unwrap_or(value).trim_ascii();
            let value = value.strip_prefix(b".").unwrap_or(value);
            key.trim_ascii().eq_ignore_ascii_case(b"domain") && value.eq_ignore_ascii_case(told)
        };
        let mut parts = cookie.split(|byte| *byte == b';');
        let pair = parts.next()?;
        let attributes: Vec<&[u8]> = parts.collect();
        if !attributes.iter().any(is_told) {
            return None;
        }
        let rest = attributes.into_iter().filter(|part| !is_told(part));
        let all: Vec<&[u8]> = std::iter::once(pair).chain(rest).collect();
        HeaderValue::from_bytes(&all.join(&b";"[..])).ok()
    }
}

/// Tells the app the origin of its own pages, and which of them has led to it, by the host that it is told, and by the scheme that it is told with
/// (`by_http`). Who has that one in truth is another, and must not be taken for it.
pub(crate) fn tell<B>(request: &mut Request<B>, told: &HeaderValue, by_http: bool) {
    let headers = request.headers();
    if !headers.contains_key(ORIGIN) && !headers.contains_key(REFERER) {
        return;
    }
    let Some(own) = own_origin(request) else {
        return;
    };
    let Some(host) = after_scheme(own.as_bytes()) else {
        return;
    };
    let is_https = own.as_bytes().starts_with(b"https") && !by_http;
    let scheme: &[u8] = if is_https { b"https://" } else { b"http://" };
    let shown = [scheme, host].concat();
    let there = [scheme, told.as_bytes()].concat();
    if shown.eq_ignore_ascii_case(&there) {
        return;
    }
    if let Some(referrer) = request.headers_mut().get_mut(REFERER)
        && let Some(place) = referrer.as_bytes().strip_prefix(own.as_bytes())
        && place.first().is_none_or(|byte| *byte == b'/')
        && let Ok(led) = HeaderValue::from_bytes(&[&there, place].concat())
    {
        *referrer = led;
    }
    let Entry::Occupied(mut origins) = request.headers_mut().entry(ORIGIN) else {
        return;
    };
    for origin in origins.iter_mut() {
        if origin.as_bytes() == shown {
            if let Ok(there) = HeaderValue::from_bytes(&there) {
                *origin = there;
            }
        } else if after_scheme(origin.as_bytes())
            .is_some_and(|host| host.eq_ignore_ascii_case(told.as_bytes()))
        {
            *origin = HeaderValue::from_static("null");
        }
    }
}

/// Has `host` of a request be what the app is told, beside the others that name it.
pub(super) fn replace(headers: &mut HeaderMap, told: Option<&HeaderValue>) {
    if let Some(told) = told {
        headers.insert(HOST, told.clone());
    }
}

/// What stands behind `http://` or `https://`.
fn after_scheme(text: &[u8]) -> Option<&[u8]> {
    ["https://", "http://"].iter().find_map(|scheme| {
        let (found, rest) = text.split_at_checked(scheme.len())?;
        found
            .eq_ignore_ascii_case(scheme.as_bytes())
            .then_some(rest)
    })
}

/// A host without its port.
fn name(host: &[u8]) -> &[u8] {
    let digits = { host.iter().rev() }
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let before = host.get(..host.len() - digits).unwrap_or(host);
    before.strip_suffix(b":").unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use panoply_core::{ClientAddress, Scheme};

    use super::*;

    const TOLD: HeaderValue = HeaderValue::from_static("app.internal:8080");

    fn request(scheme: Scheme, origin: Option<&str>) -> Request<()> {
        let mut request = Request::post("/form").header(HOST, "shop.example");
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let mut request = request.body(()).unwrap();
        let client = ClientAddress::direct("192.0.2.1:9".parse().unwrap(), scheme);
        request.extensions_mut().insert(client);
        request
    }

    fn led(name: http::HeaderName, value: &str) -> String {
        let back = Back::of(&request(Scheme::Https, None), &TOLD).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(&name, HeaderValue::from_str(value).unwrap());
        back.lead(&mut headers);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn who_is_led_there_comes_back() {
        for (location, to) in [
            (
                "http://app.internal:8080/a?b#c",
                "https://shop.example/a?b#c",
            ),
            ("HTTPS://App.Internal:8080", "https://shop.example"),
            ("//app.internal:8080/a", "https://shop.example/a"),
            // Elsewhere is elsewhere.
            ("https://app.internal/a", "https://app.internal/a"),
            (
                "https://app.internal:8080.evil/a",
                "https://app.internal:8080.evil/a",
            ),
            (
                "https://app.internal:8080@evil/a",
                "https://app.internal:8080@evil/a",
            ),
            ("/a", "/a"),
        ] {
            assert_eq!(led(LOCATION, location), to);
        }
    }

    #[test]
    fn its_cookies_are_of_the_host_that_set_them() {
        for (set, kept) in [
            ("a=1; Domain=app.internal; Path=/", "a=1; Path=/"),
            ("a=1;domain = .APP.internal", "a=1"),
            (
                "a=Domain=app.internal; Path=/",
                "a=Domain=app.internal; Path=/",
            ),
            ("a=1; Domain=internal", "a=1; Domain=internal"),
            ("a=1; Secure; Domain", "a=1; Secure; Domain"),
        ] {
            assert_eq!(led(SET_COOKIE, set), kept);
        }
    }

    #[test]
    fn the_app_is_told_the_origin_of_its_own_pages() {
        let told = |scheme, origin, by_http| {
            let mut request = request(scheme, Some(origin));
            tell(&mut request, &TOLD, by_http);
            request.headers()[ORIGIN].to_str().unwrap().to_owned()
        };
        let own = "https://shop.example";
        assert_eq!(told(Scheme::Https, own, false), "https://app.internal:8080");
        // What `scheme::tell_by_http` has made of it.
        let by_http = told(Scheme::Https, "http://shop.example", true);
        assert_eq!(by_http, "http://app.internal:8080");
        assert_eq!(
            told(Scheme::Http, "http://shop.example", false),
            "http://app.internal:8080"
        );
        // Others stay others.
        for (origin, is) in [
            ("https://evil.example", "https://evil.example"),
            ("http://shop.example", "http://shop.example"),
            ("https://app.internal:8080", "null"),
            ("http://APP.internal:8080", "null"),
            ("null", "null"),
        ] {
            assert_eq!(told(Scheme::Https, origin, false), is);
        }
    }

    #[test]
    fn its_own_pages_are_told_as_pages_of_that_host() {
        let told = |referrer: &str| {
            let mut request = request(Scheme::Https, None);
            let referrer = HeaderValue::from_str(referrer).unwrap();
            request.headers_mut().insert(REFERER, referrer);
            tell(&mut request, &TOLD, false);
            request.headers()[REFERER].to_str().unwrap().to_owned()
        };
        assert_eq!(
            told("https://shop.example/a?b"),
            "https://app.internal:8080/a?b"
        );
        assert_eq!(told("https://shop.example"), "https://app.internal:8080");
        for other in ["https://shop.example.evil/", "https://evil.example/"] {
            assert_eq!(told(other), other);
        }
    }

    #[test]
    fn the_same_host_is_left_alone() {
        let told = HeaderValue::from_static("shop.example");
        assert!(Back::of(&request(Scheme::Https, None), &told).is_none());
        let mut request = request(Scheme::Https, Some("https://shop.example"));
        tell(&mut request, &told, false);
        assert_eq!(request.headers()[ORIGIN], "https://shop.example");
    }
}
