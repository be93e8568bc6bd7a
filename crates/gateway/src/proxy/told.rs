//! An app that is told another host than its clients ask for: `app.host`.
//!
//! One that is found by its name among others, as on a platform, answers for that name alone. What it says of its
//! own place, in `Location` and in the `Domain` of cookies, is that name then, and leads back to where the client is.
//! `Origin` stays what it is: apps that compare it do so with `X-Forwarded-Host`, which has the client's host (Rails,
//! Next.js), or are told that they may (Django).

use http::header::{Entry, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request};

use super::scheme::{after, host};
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
        change(
            headers,
            |location| self.led(location),
            |cookie| self.kept(cookie),
        );
    }

    fn led(&self, location: &[u8]) -> Option<HeaderValue> {
        let rest = after_scheme(location).or_else(|| location.strip_prefix(b"//"))?;
        let (host, place) = host(rest);
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

/// Has an answer lead elsewhere, and its cookies be for something else, where that is given.
pub(super) fn change(
    headers: &mut HeaderMap,
    led: impl Fn(&[u8]) -> Option<HeaderValue>,
    kept: impl Fn(&[u8]) -> Option<HeaderValue>,
) {
    if let Some(location) = headers.get_mut(LOCATION)
        && let Some(led) = led(location.as_bytes())
    {
        *location = led;
    }
    if let Entry::Occupied(mut cookies) = headers.entry(SET_COOKIE) {
        for cookie in cookies.iter_mut() {
            if let Some(kept) = kept(cookie.as_bytes()) {
                *cookie = kept;
            }
        }
    }
}

/// What stands behind `http://` or `https://`.
pub(super) fn after_scheme(text: &[u8]) -> Option<&[u8]> {
    after("https", text).or_else(|| after("http", text))
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
    use http::header::HOST;
    use panoply_core::{ClientAddress, Scheme};

    use super::*;

    const TOLD: HeaderValue = HeaderValue::from_static("app.internal:8080");

    fn request(scheme: Scheme) -> Request<()> {
        let request = Request::post("/form").header(HOST, "shop.example");
        let mut request = request.body(()).unwrap();
        let client = ClientAddress::direct("192.0.2.1:9".parse().unwrap(), scheme);
        request.extensions_mut().insert(client);
        request
    }

    fn led(name: http::HeaderName, value: &str) -> String {
        let back = Back::of(&request(Scheme::Https), &TOLD).unwrap();
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
    fn the_same_host_is_left_alone() {
        let told = HeaderValue::from_static("shop.example");
        assert!(Back::of(&request(Scheme::Https), &told).is_none());
    }
}
