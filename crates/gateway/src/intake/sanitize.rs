//! Headers that no app should ever see.

use http::{HeaderMap, HeaderName};

use crate::proxy::named;

/// Removes names with `_`, since CGI and WSGI read `X_Forwarded_For` as `X-Forwarded-For`; what would have
/// an app do another's bidding; and what `Connection` names, which every layer must miss as the app does:
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
    name.as_bytes().contains(&b'_') || MISLEADING.contains(&name)
}
