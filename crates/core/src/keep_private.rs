//! Answers that are for one client, and the caches that many share.

use http::header::{CACHE_CONTROL, EXPIRES, PRAGMA};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Takes an answer that sets a session's cookie out of the caches that many share: one that keeps `Set-Cookie`
/// with it (RFC 9111 §7.3) would give one client's session to all others.
///
/// What an answer says besides stays; where it says nothing of keeping, nothing is added.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::CACHE_CONTROL};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
/// panoply_core::keep_private(&mut headers);
/// assert_eq!(headers[CACHE_CONTROL], "private, max-age=3600");
/// ```
pub fn keep_private(headers: &mut HeaderMap) {
    leave_caches(headers);
    let said = [CACHE_CONTROL, EXPIRES, PRAGMA];
    if !said.iter().any(|name| headers.contains_key(name)) {
        return;
    }
    let lines = headers.get_all(CACHE_CONTROL).iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let directives = || lines.iter().flat_map(|line| line.split(',')).map(str::trim);
    let is = |directive: &str, name: &str| {
        let own = directive.split('=').next().unwrap_or(directive);
        own.eq_ignore_ascii_case(name)
    };
    // With the names of headers behind it, `private` is for those alone.
    let is_private = |one: &str| one.eq_ignore_ascii_case("private") || is(one, "no-store");
    if directives().any(is_private) {
        return;
    }
    let mut kept = String::from("private");
    for directive in directives() {
        let shared = is(directive, "public") || is(directive, "s-maxage");
        if !shared && !directive.is_empty() {
            kept.push_str(", ");
            kept.push_str(directive);
        }
    }
    if let Ok(kept) = HeaderValue::try_from(kept) {
        headers.insert(CACHE_CONTROL, kept);
    }
}

/// Takes out what caches are told by themselves, whatever `Cache-Control` says (RFC 9213, and before it).
fn leave_caches(headers: &mut HeaderMap) {
    let for_caches = |name: &&HeaderName| {
        let name = name.as_str();
        name.ends_with("cdn-cache-control")
            || matches!(name, "surrogate-control" | "x-accel-expires")
    };
    // Empty, and so without an allocation, but for few answers.
    let told: Vec<HeaderName> = headers.keys().filter(for_caches).cloned().collect();
    for name in told {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_besides_stays() {
        for (said, expected) in [
            ("public, max-age=3600", "private, max-age=3600"),
            ("s-maxage=60", "private"),
            ("PUBLIC,S-MaxAge=9 , immutable", "private, immutable"),
            ("private=\"set-cookie\"", "private, private=\"set-cookie\""),
            ("private, max-age=60", "private, max-age=60"),
            ("no-store", "no-store"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(said));
            headers.insert("cdn-cache-control", HeaderValue::from_static("max-age=60"));
            keep_private(&mut headers);
            assert_eq!(headers[CACHE_CONTROL], expected, "{said}");
            assert!(!headers.contains_key("cdn-cache-control"), "{said}");
        }
        let mut headers = HeaderMap::new();
        keep_private(&mut headers);
        assert!(headers.is_empty());
        headers.insert(
            EXPIRES,
            HeaderValue::from_static("Thu, 01 Jan 2099 00:00:00 GMT"),
        );
        keep_private(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "private");
    }
}
