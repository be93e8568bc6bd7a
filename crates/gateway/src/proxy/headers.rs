//! Which headers go on, and which end here.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use http::header::{CONNECTION, COOKIE, HOST, TE, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};
use panoply_core::{ClientAddress, ClientCertificate, RequestId};

use crate::http1::has_token;
use crate::wire::trailers_welcome;

pub(super) const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
pub(super) const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers that `Connection` names, which end here with it (RFC 9110 §7.6.1).
pub(crate) fn named(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        // What nearly all of them say names no header.
        .filter(|value| ![&b"keep-alive"[..], b"close"].contains(&value.as_bytes()))
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // A client must not be able to have these removed on their way to the app.
        .filter(|name| *name != HOST && *name != CONNECTION)
        .collect()
}

/// Whether a header belongs to one connection only (RFC 9110 §7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
    )
}

/// Whether a client's header never goes on to the app.
pub(super) fn ends_with_the_request(name: &str) -> bool {
    is_hop_by_hop(name) || matches!(name, "expect" | "proxy-authorization" | "forwarded")
}

/// Whether a header of the app's never goes on to the client.
pub(super) fn ends_with_the_answer(name: &str) -> bool {
    is_hop_by_hop(name) || name == "proxy-authenticate"
}

/// Removes what ends here.
fn strip(headers: &mut HeaderMap, ends: fn(&str) -> bool) {
    for name in named(headers) {
        headers.remove(name);
    }
    // A look at each name there is costs less than a search for each that may be there.
    while let Some(name) = headers.keys().find(|name| ends(name.as_str())).cloned() {
        headers.remove(name);
    }
}

/// The protocol that a request asks to change to, if it is one that may pass.
///
/// `h2c` may not: the requests inside it would reach the app unseen.
pub(crate) fn upgrade(headers: &HeaderMap, version: Version) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let asked = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    let named = protocol.to_str().ok()?;
    let plain = !named.contains(',') && !named.trim().to_ascii_lowercase().starts_with("h2c");
    (version == Version::HTTP_11 && asked && plain).then(|| protocol.clone())
}

/// Makes a client's headers those that an app is sent over HTTP/2.
pub(super) fn to_app(
    headers: &mut HeaderMap,
    client: Option<&ClientAddress>,
    id: Option<&RequestId>,
    host: Option<HeaderValue>,
) {
    let trailers = trailers_welcome(headers);
    strip(headers, ends_with_the_request);
    // For what is added below, at once.
    headers.reserve(8);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(client) = client {
        let mut ip = Vec::with_capacity(16);
        write_ip(&mut ip, client.ip());
        if let Ok(ip) = HeaderValue::try_from(ip) {
            headers.insert(FORWARDED_FOR, ip);
        }
        let scheme = HeaderValue::from_static(client.scheme().as_str());
        headers.insert(FORWARDED_PROTO, scheme);
    }
    let forwarded = client.and_then(ClientAddress::forwarded_host);
    let forwarded = forwarded.and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = forwarded.or_else(|| host.clone()) {
        headers.insert(FORWARDED_HOST, host);
    }
    if let Some(host) = host {
        headers.insert(HOST, host);
    }
    join_cookies(headers);
    if let Some(id) = id {
        headers.insert(REQUEST_ID, (*id).into());
    }
}

/// Tells the app which certificate the client has shown (RFC 9440). What a trusted proxy says of its
/// own client stays: the certificate on this connection is then the proxy's.
pub(super) fn with_certificate(headers: &mut HeaderMap, certificate: &ClientCertificate) {
    if !headers.contains_key(CLIENT_CERT) {
        headers.insert(CLIENT_CERT, certificate.header().clone());
    }
}

/// An address as text; IPv4 without the machinery of `fmt`, which costs as much as all the rest.
pub(super) fn write_ip(text: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for octet in ip.octets() {
                text.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
                text.push(b'.');
            }
            text.pop();
        }
        // Writing to a vector does not fail.
        IpAddr::V6(ip) => drop(write!(text, "{ip}")),
    }
}

/// Makes one line of the crumbs that HTTP/2 allows (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    if let (Some(_), Some(_)) = (crumbs.next(), crumbs.next()) {
        let crumbs: Vec<&[u8]> = headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(line) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
            headers.insert(COOKIE, line);
        }
    }
}

/// Makes the app's headers those that the client is sent.
pub(super) fn to_client(headers: &mut HeaderMap) {
    strip(headers, ends_with_the_answer);
}

/// Takes off an answer of a service of this process what it says of a connection: such a service may pass on what
/// another has answered. What closes the connection, and what another protocol is offered with, it may say.
pub(crate) fn end_hops(headers: &mut HeaderMap) {
    let says = |name: &HeaderName| ends_with_the_answer(name.as_str());
    if !headers.keys().any(says) {
        return;
    }
    let mut values = headers.get_all(CONNECTION).iter();
    let closes = values.any(|value| has_token(value, b"close"));
    let upgrade = headers.get(UPGRADE).cloned();
    to_client(headers);
    if closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(upgrade) = upgrade {
        headers.insert(UPGRADE, upgrade);
    }
}

/// Makes a client's request one for a service of this process: its number is not one that the client has made up, and
/// its cookies are in one line, which is all that many look at.
pub(crate) fn to_service<B>(request: &mut Request<B>) {
    if request.version() == Version::HTTP_2 {
        join_cookies(request.headers_mut());
    }
    if !request.headers().contains_key(REQUEST_ID) {
        return;
    }
    let id: Option<&RequestId> = request.extensions().get();
    if let Some(id) = id.map(|id| HeaderValue::from(*id)) {
        request.headers_mut().insert(REQUEST_ID, id);
    }
}

/// How long the app keeps a connection, by its `Keep-Alive: timeout=5` (RFC 2068 §19.7.1.1).
pub(super) fn kept(value: &HeaderValue) -> Option<Duration> {
    let timeout = |part: &str| part.trim().strip_prefix("timeout=")?.parse().ok();
    let mut parts = value.to_str().ok()?.split(',');
    parts.find_map(timeout).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let value = |v| HeaderValue::from_static(v);
        pairs
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), value(v)))
            .collect()
    }

    #[test]
    fn what_connection_names_ends_here() {
        let mut map = headers(&[
            ("host", "a.test"),
            ("connection", "close, X-Secret-Hop, host"),
            ("x-secret-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic x"),
            ("te", "gzip, trailers"),
            ("upgrade", "h2c"),
            ("transfer-encoding", "chunked"),
            ("accept", "*/*"),
        ]);
        to_app(
            &mut map,
            None,
            None,
            Some(HeaderValue::from_static("a.test")),
        );
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "host", "te", "x-forwarded-host"]);
        assert_eq!(map[TE], "trailers");
    }

    #[test]
    fn a_service_has_all_cookies_in_one_line() {
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = headers(&[("cookie", "a=1"), ("cookie", "b=2")]);
        to_service(&mut request);
        let lines: Vec<_> = request.headers().get_all(COOKIE).iter().collect();
        assert_eq!(lines, ["a=1; b=2"]);
    }

    #[test]
    fn only_a_plain_upgrade_of_http_1_1_passes() {
        let ask = |protocol, connection, version| {
            let map = headers(&[("upgrade", protocol), ("connection", connection)]);
            upgrade(&map, version).is_some()
        };
        assert!(ask("websocket", "keep-alive, Upgrade", Version::HTTP_11));
        assert!(!ask("websocket", "keep-alive", Version::HTTP_11));
        assert!(!ask("h2c", "Upgrade, HTTP2-Settings", Version::HTTP_11));
        assert!(!ask("websocket, h2c", "Upgrade", Version::HTTP_11));
        assert!(!ask("websocket", "upgrade", Version::HTTP_10));
    }

    proptest::proptest! {
        #[test]
        fn addresses_as_everybody_writes_them(ip: IpAddr) {
            let mut text = Vec::new();
            write_ip(&mut text, ip);
            proptest::prop_assert_eq!(text, ip.to_string().into_bytes());
        }
    }

    #[test]
    fn keep_alive_is_read_as_the_app_means_it() {
        let keep = |value| kept(&HeaderValue::from_static(value));
        assert_eq!(keep("timeout=5"), Some(Duration::from_secs(5)));
        assert_eq!(keep("max=100, timeout=72"), Some(Duration::from_secs(72)));
        assert_eq!(keep("timeout=x"), None);
    }
}
