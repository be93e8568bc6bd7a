//! Headers that no app should ever see.

use http::{HeaderMap, HeaderName};

/// Removes names with `_`: CGI and WSGI read `X_Forwarded_For` as `X-Forwarded-For`.
pub(super) fn headers(headers: &mut HeaderMap) {
    if headers.keys().any(misleads) {
        let names: Vec<HeaderName> = headers
            .keys()
            .filter(|name| misleads(name))
            .cloned()
            .collect();
        for name in names {
            headers.remove(name);
        }
    }
}

fn misleads(name: &HeaderName) -> bool {
    name.as_str().as_bytes().contains(&b'_')
}
