//! Headers that no app should ever see.

use http::header::{CONNECTION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;

use crate::admin::SESSION_COOKIE;
use crate::proxy::named;

/// Removes names with anything but letters, digits and `-`, since CGI, WSGI and PHP read `X_Forwarded_For` or
/// `X.Real.IP` as `X-Forwarded-For` and `X-Real-IP`; what would have an app do another's bidding; and what `Connection` names, which every layer must miss as the app does:
/// else one of them would go by a `Content-Encoding` of which the app knows nothing.
pub(super) fn headers(headers: &mut HeaderMap) {
    let hops = named(headers);
    if !hops.iter().all(is_of_the_connection) {
        for name in hops.iter().filter(|name| !is_of_the_connection(name)) {
            headers.remove(name);
        }
        // What is told the app of this request later on is not the client's to have taken off.
        let left = hops.iter().filter(|name| is_of_the_connection(name));
        let left: Vec<&str> = left.map(HeaderName::as_str).collect();
        match HeaderValue::from_str(&left.join(", ")) {
            Ok(left) if !left.is_empty() => drop(headers.insert(CONNECTION, left)),
            _ => drop(headers.remove(CONNECTION)),
        }
    }
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
    withhold_session(headers);
}

/// Takes out the cookie of whoever has logged in at the admin page: a browser sends it to all ports of a host, and the
/// app, or who reads its logs, could look after the gateway with it.
fn withhold_session(headers: &mut HeaderMap) {
    let own = SESSION_COOKIE.as_bytes();
    let has = |line: &HeaderValue| memmem::find(line.as_bytes(), own).is_some();
    if !headers.get_all(COOKIE).iter().any(has) {
        return;
    }
    let is_other = |pair: &&[u8]| {
        let name = pair.split(|byte| *byte == b'=').next();
        name.map(<[u8]>::trim_ascii) != Some(own)
    };
    let lines: Vec<HeaderValue> = { headers.get_all(COOKIE).iter() }
        .filter_map(|line| {
            let pairs = line.as_bytes().split(|byte| *byte == b';');
            let others: Vec<&[u8]> = pairs.filter(is_other).collect();
            let line = others.join(&b";"[..]);
            HeaderValue::from_bytes(line.trim_ascii()).ok()
        })
        .filter(|line| !line.is_empty())
        .collect();
    headers.remove(COOKIE);
    for line in lines {
        headers.append(COOKIE, line);
    }
}

/// What is read of the connection itself until the request goes on.
fn is_of_the_connection(name: &HeaderName) -> bool {
    let known = [
        "close",
        "content-length",
        "keep-alive",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    known.contains(&name.as_str())
}

/// CGI makes `HTTP_PROXY` of the one, by which libraries find a proxy (httpoxy); with the other Next.js
/// tells itself that its middleware has run already (CVE-2025-29927).
const MISLEADING: [&str; 2] = ["proxy", "x-middleware-subrequest"];

fn misleads(name: &HeaderName) -> bool {
    let name = name.as_str();
    !is_plain(name) || MISLEADING.contains(&name)
}

/// Whether nobody takes a header's name for another, as nginx sees it as well: PHP makes `_` of a point, lighttpd
/// of whatever is no letter or digit.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_is_not_shown_who_looks_after_the_gateway() {
        for (lines, shown) in [
            (&["a=1; panoply_admin=x; b=2"][..], &["a=1; b=2"][..]),
            (&["panoply_admin=x; b=2"], &["b=2"]),
            (&["panoply_admin=x"], &[]),
            (&["a=1", " panoply_admin = x;", "b=2"], &["a=1", "b=2"]),
            (
                &["my_panoply_admin=1;b=panoply_admin"],
                &["my_panoply_admin=1;b=panoply_admin"],
            ),
        ] {
            let mut map = HeaderMap::new();
            for line in lines {
                map.append(COOKIE, HeaderValue::from_static(line));
            }
            headers(&mut map);
            let left: Vec<_> = map.get_all(COOKIE).iter().collect();
            assert_eq!(left, shown, "{lines:?}");
        }
    }
}
