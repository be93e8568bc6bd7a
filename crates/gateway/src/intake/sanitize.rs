//! Headers that no app should ever see.

use http::{HeaderMap, HeaderName};

use crate::proxy::named;

/// Removes names with anything but letters, digits and `-`, since CGI, WSGI and PHP read `X_Forwarded_For` or
/// `X.Real.IP` as `X-Forwarded-For` and `X-Real-IP`; what would have an app do another's bidding; and what `Connection` names, which every layer must miss as the app does:
/// else one of them would go by a `Content-Encoding` of which the app knows nothing.
pub(super) fn headers(headers: &mut HeaderMap) {
    for name in named(headers) {
        if !IS_OF_THE_CONNECTION.contains(&name.as_str()) {
            headers.remove(name);
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
}

/// What is read of the connection itself until the request goes on.
const IS_OF_THE_CONNECTION: [&str; 4] = ["content-length", "te", "transfer-encoding", "upgrade"];

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
