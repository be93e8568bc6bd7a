//! `Secure` on the app's cookies, where the client came by HTTPS.
//!
//! An app behind a gateway speaks plain HTTP and often leaves the flag out. Without it a browser
//! sends the cookie over plain HTTP too, where anybody can read it (RFC 6265bis §5.6.5).

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

/// Adds `Secure` to every cookie that is set without it.
pub(super) fn secure(headers: &mut HeaderMap) {
    if headers.get_all(SET_COOKIE).iter().all(is_secure) {
        return;
    }
    let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    headers.remove(SET_COOKIE);
    for cookie in cookies {
        let secured = || HeaderValue::from_bytes(&[cookie.as_bytes(), b"; Secure"].concat()).ok();
        let secured = if is_secure(&cookie) { None } else { secured() };
        headers.append(SET_COOKIE, secured.unwrap_or(cookie));
    }
}

/// Whether an attribute is named `Secure`; a value that holds the word is none.
fn is_secure(cookie: &HeaderValue) -> bool {
    let attributes = cookie.as_bytes().split(|byte| *byte == b';').skip(1);
    attributes
        .filter_map(|attribute| attribute.split(|byte| *byte == b'=').next())
        .any(|name| name.trim_ascii().eq_ignore_ascii_case(b"secure"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cookie_and_each_once() {
        let mut headers = HeaderMap::new();
        for cookie in [
            "a=1; Path=/; HttpOnly",
            "b=secure",
            "c=2; SECURE",
            "d=3; secure=x",
            "e=; Max-Age=0",
        ] {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        secure(&mut headers);
        let set: Vec<_> = headers
            .get_all(SET_COOKIE)
            .iter()
            .map(|v| v.to_str().unwrap())
            .collect();
        let expected = [
            "a=1; Path=/; HttpOnly; Secure",
            "b=secure; Secure",
            "c=2; SECURE",
            "d=3; secure=x",
            "e=; Max-Age=0; Secure",
        ];
        assert_eq!(set, expected);
    }
}
