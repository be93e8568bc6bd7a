//! An app that is asked for what follows the path of its route, as though it had a site of its own: `strip_path`.
//!
//! `X-Forwarded-Prefix` tells it what it is below, by which frameworks make links (Spring, Werkzeug's `ProxyFix`). What
//! does not know of that leads to its own root, in `Location` and in the `Path` of cookies, and is put below the path
//! again.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use panoply::limits::forget_meant;

use super::scheme::{after, host};
use super::told::{after_scheme, change};
use crate::intake::own_origin;
use crate::settings::Stripped;

const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What an answer is put below.
#[derive(Debug)]
pub(crate) struct Below {
    prefix: Stripped,
    /// The same with what a proxy before this one has left out of the path.
    whole: Vec<u8>,
    /// Where the client is: its scheme and its host.
    origin: Option<HeaderValue>,
}

impl Below {
    /// Has a request be for what follows the path; gives what its answer is put below.
    pub(crate) fn ask<B>(request: &mut Request<B>, prefix: &Stripped) -> Self {
        let origin = own_origin(request);
        let target = request.uri().path_and_query();
        let target = target.map_or("/", PathAndQuery::as_str);
        if let Ok(target) = behind(target, prefix.depth).parse::<PathAndQuery>() {
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.path_and_query = Some(target.clone());
            *request.uri_mut() = Uri::from_parts(parts).unwrap_or_else(|_| Uri::from(target));
        }
        let headers = request.headers_mut();
        forget_meant(headers);
        let outer = headers.get(FORWARDED_PREFIX);
        let outer = outer.map_or(&b""[..], |outer| outer.as_bytes().trim_ascii());
        let outer = outer.strip_suffix(b"/").unwrap_or(outer);
        let whole = [outer, prefix.prefix.as_bytes()].concat();
        if let Ok(whole) = HeaderValue::from_bytes(&whole) {
            headers.insert(FORWARDED_PREFIX, whole);
        }
        Self {
            prefix: prefix.clone(),
            whole,
            origin,
        }
    }

    /// Puts below the path where an answer leads to, and what its cookies are for.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        change(
            headers,
            |location| self.led(location),
            |cookie| self.kept(cookie),
        );
    }

    fn led(&self, location: &[u8]) -> Option<HeaderValue> {
        let (before, path) = match after_scheme(location).or_else(|| location.strip_prefix(b"//")) {
            Some(rest) => {
                let (to, path) = host(rest);
                if !self.is_here(to) {
                    return None;
                }
                location.split_at(location.len() - path.len())
            }
            None => (&b""[..], location),
        };
        let is_own = before.is_empty() && !path.starts_with(b"/");
        // What is relative stays below by itself; an app that knows what it is below says so itself.
        if is_own || self.is_below(path) {
            return None;
        }
        HeaderValue::from_bytes(&[before, self.prefix.prefix.as_bytes(), path].concat()).ok()
    }

    /// Whether it is the host at which the client is, which has no port where that is the usual one.
    fn is_here(&self, host: &[u8]) -> bool {
        let Some(origin) = self.origin.as_ref().map(HeaderValue::as_bytes) else {
            return false;
        };
        let usual: &[u8] = match after("https", origin) {
            Some(_) => b":443",
            None => b":80",
        };
        let host = host.strip_suffix(usual).unwrap_or(host);
        after_scheme(origin).is_some_and(|own| host.eq_ignore_ascii_case(own))
    }

    /// Whether an app that knows what it is below has said so.
    fn is_below(&self, path: &[u8]) -> bool {
        [self.prefix.prefix.as_bytes(), &self.whole]
            .iter()
            .any(|prefix| {
                let rest = path.strip_prefix(*prefix);
                // A backslash is a slash to browsers.
                rest.is_some_and(|rest| {
                    matches!(rest.first(), None | Some(b'/' | b'\\' | b'?' | b'#'))
                })
            })
    }

    /// A cookie for a path of the app's own. One for all of the site is left as it is: others may share it.
    fn kept(&self, cookie: &[u8]) -> Option<HeaderValue> {
        let own = |part: &[u8]| {
            let at = part.iter().position(|byte| *byte == b'=')?;
            let (key, value) = part.split_at(at);
            let path = value.strip_prefix(b"=").unwrap_or(value).trim_ascii();
            let is_path = key.trim_ascii().eq_ignore_ascii_case(b"path");
            let is_own = path.starts_with(b"/") && path != b"/" && !self.is_below(path);
            (is_path && is_own).then(|| [b" Path=", self.prefix.prefix.as_bytes(), path].concat())
        };
        let mut parts = cookie.split(|byte| *byte == b';');
        let pair = parts.next()?;
        let mut changed = false;
        let rest = parts.map(|part| match own(part) {
            Some(below) => {
                changed = true;
                Cow::Owned(below)
            }
            None => Cow::Borrowed(part),
        });
        let all: Vec<Cow<'_, [u8]>> = std::iter::once(Cow::Borrowed(pair)).chain(rest).collect();
        { changed }.then(|| HeaderValue::from_bytes(&all.join(&b";"[..])).ok())?
    }
}

/// What follows so many segments of a target's path, with its query: a path again.
///
/// With one slash at its beginning, and no backslash: to an app that leads to what it was asked for, or reads it as an
/// address, what follows two of them would be a host.
fn behind(target: &str, depth: usize) -> String {
    let mut rest = target;
    for _ in 0..depth {
        let inner = rest.strip_prefix('/').unwrap_or(rest);
        let end = inner.find(['/', '?']).unwrap_or(inner.len());
        rest = inner.get(end..).unwrap_or_default();
    }
    format!("/{}", rest.trim_start_matches(['/', '\\']))
}

#[cfg(test)]
mod tests {
    use http::header::{HOST, LOCATION, SET_COOKIE};
    use panoply_core::{ClientAddress, Scheme};

    use super::*;

    fn below() -> (Request<()>, Below) {
        ask("/api/v1/users?a=/b", "/api/v1")
    }

    fn ask(target: &str, prefix: &str) -> (Request<()>, Below) {
        let request = Request::get(target).header(HOST, "shop.example");
        let mut request = request.body(()).unwrap();
        let client = ClientAddress::direct("192.0.2.1:9".parse().unwrap(), Scheme::Https);
        request.extensions_mut().insert(client);
        let prefix = Stripped::new(prefix);
        let below = Below::ask(&mut request, &prefix);
        (request, below)
    }

    #[test]
    fn the_app_is_asked_for_what_follows() {
        let (request, _) = below();
        assert_eq!(request.uri(), "/users?a=/b");
        assert_eq!(request.headers()["x-forwarded-prefix"], "/api/v1");
        for (target, asked) in [
            ("/api", "/"),
            ("/api/", "/"),
            ("/api?x", "/?x"),
            ("/%61pi/a%2fb", "/a%2fb"),
            ("/api//evil.example/", "/evil.example/"),
            ("/api///?x", "/?x"),
            ("/api/\\evil.example/", "/evil.example/"),
            ("https://shop.example/api/a", "https://shop.example/a"),
        ] {
            assert_eq!(ask(target, "/api").0.uri(), asked, "{target}");
        }
    }

    #[test]
    fn it_is_told_of_the_path_of_a_proxy_before_as_well() {
        let mut request = Request::get("/api/a").body(()).unwrap();
        request
            .headers_mut()
            .insert(FORWARDED_PREFIX, HeaderValue::from_static("/shop/"));
        let prefix = Stripped::new("/api");
        let below = Below::ask(&mut request, &prefix);
        assert_eq!(request.headers()[FORWARDED_PREFIX], "/shop/api");
        // By which an app leads, or does not.
        for (location, to) in [("/shop/api/a", "/shop/api/a"), ("/a", "/api/a")] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_static(location));
            below.put(&mut headers);
            assert_eq!(headers[LOCATION], to);
        }
    }

    #[test]
    fn another_path_that_is_meant_is_for_the_whole_alone() {
        let mut request = Request::get("/api/a").body(()).unwrap();
        for name in ["x-original-url", "x-rewrite-url"] {
            let meant = HeaderValue::from_static("/admin");
            request.headers_mut().insert(name, meant);
        }
        let prefix = Stripped::new("/api");
        Below::ask(&mut request, &prefix);
        assert_eq!(request.headers().len(), 1, "{:?}", request.headers());
    }

    #[test]
    fn where_it_leads_to_is_below_the_path() {
        for (location, to) in [
            ("/login?next=/a", "/api/v1/login?next=/a"),
            ("/", "/api/v1/"),
            ("https://shop.example/a", "https://shop.example/api/v1/a"),
            ("HTTP://SHOP.example", "HTTP://SHOP.example/api/v1"),
            ("//shop.example/a", "//shop.example/api/v1/a"),
            (
                "https://shop.example:443/a",
                "https://shop.example:443/api/v1/a",
            ),
            ("https://shop.example:80/a", "https://shop.example:80/a"),
            // An app that knows where it is says so.
            ("/api/v1/a", "/api/v1/a"),
            ("/api/v1", "/api/v1"),
            ("/api/v1?x", "/api/v1?x"),
            ("/api/v1\\a", "/api/v1\\a"),
            ("/api/v10", "/api/v1/api/v10"),
            // What is relative, and what is elsewhere.
            ("a/b", "a/b"),
            ("../b", "../b"),
            ("?page=2", "?page=2"),
            ("", ""),
            ("https://other.example/a", "https://other.example/a"),
            ("//other.example/a", "//other.example/a"),
            ("https://shop.example.evil/a", "https://shop.example.evil/a"),
            ("mailto:a@shop.example", "mailto:a@shop.example"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_static(location));
            below().1.put(&mut headers);
            assert_eq!(headers[LOCATION], to);
        }
    }

    #[test]
    fn its_cookies_are_for_its_own_paths() {
        for (set, kept) in [
            (
                "a=1; Path=/admin; Secure",
                "a=1; Path=/api/v1/admin; Secure",
            ),
            ("a=1;path = /admin ", "a=1; Path=/api/v1/admin"),
            ("a=1; Path=/", "a=1; Path=/"),
            ("a=1; Path=/api/v1/admin", "a=1; Path=/api/v1/admin"),
            ("a=Path=/x; Secure", "a=Path=/x; Secure"),
            ("a=1", "a=1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(SET_COOKIE, HeaderValue::from_static(set));
            below().1.put(&mut headers);
            assert_eq!(headers[SET_COOKIE], kept);
        }
    }
}
