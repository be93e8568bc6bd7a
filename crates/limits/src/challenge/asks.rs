//! What a request asks for, and by what.

use http::header::{ACCEPT, ORIGIN, UPGRADE};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request};
use panoply_core::{ClientAddress, SiteOrigin};

/// Whether a browser asks for a page that it will show: what a script asks for it would only be handed.
pub(super) fn asks_for_a_page<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let mode = headers.get("sec-fetch-mode");
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    mode.is_none_or(|mode| mode == "navigate")
        && accept.is_some_and(|accept| accept.contains("text/html"))
        && !headers.contains_key(UPGRADE)
        && may_be_sent_again(request)
}

/// Whether the page may have its browser ask once more. Then it is a page of this site that asks, with all cookies: what
/// another site has had a browser send would come to look like the site's own.
fn may_be_sent_again<B>(request: &Request<B>) -> bool {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return true;
    }
    let mut sites = request.headers().get_all("sec-fetch-site").iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => site == "same-origin",
        (Some(_), Some(_)) => false,
        (None, _) => {
            let mut origins = request.headers().get_all(ORIGIN).iter();
            let own = |origin: &HeaderValue| SiteOrigin::is_own(origin, request);
            origins.next().is_some_and(own) && origins.next().is_none()
        }
    }
}

/// Whether an answer may bring a newer pass: what a page is made of is often kept, and there is much of it.
pub(super) fn may_renew(headers: &HeaderMap) -> bool {
    let dest = headers.get("sec-fetch-dest").map(HeaderValue::as_bytes);
    matches!(
        dest,
        None | Some(b"document" | b"empty" | b"iframe" | b"frame")
    )
}

pub(super) fn is_https<B>(request: &Request<B>) -> bool {
    let client = request.extensions().get::<ClientAddress>();
    let by_line = || request.uri().scheme() == Some(&Scheme::HTTPS);
    client.map_or_else(by_line, ClientAddress::is_https)
}
