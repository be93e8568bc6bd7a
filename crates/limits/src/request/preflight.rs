//! What a browser asks before it sends what a page of another origin wants to send.

use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, ORIGIN,
};
use http::{Method, Request};

/// How many times as many preflights pass as a limit has points.
///
/// A browser sends one for each request at most, and goes on to the request, which is counted, if it may. So a page
/// never comes near, and whoever sends nothing but preflights, each of which the app may take for any request, is
/// bounded still.
pub(super) const FOR_EACH_POINT: i64 = 10;

/// What no browser sends along (Fetch §4.8), and an app might act on.
const NEVER: [HeaderName; 6] = [
    COOKIE,
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// Whether a request is a preflight, and nothing that a client made up for one.
pub(crate) fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let overridden = || {
        let query = request.uri().query().unwrap_or("");
        form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key.eq_ignore_ascii_case("_method"))
    };
    *request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && !NEVER.iter().any(|name| headers.contains_key(name))
        && !overridden()
}
