//! The head of a request, as it is written to the app.

use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body::Body as _;
use panoply_core::{ClientAddress, Connection, RequestId};

use super::Upload;
use crate::body::RequestBody;
use crate::http1::field;
use crate::proxy::headers::{CLIENT_CERT, ends_with_the_request, named, write_ip};
use crate::proxy::stamping::may_be_in_parts;
use crate::spares::Spares;
use crate::wire::trailers_welcome;

/// What is to be sent for `request`; `text` is room for its head, and its maps are
/// spare then. Nothing when its length is no number.
///
/// `upgrade` is what the client asks to change to, and `told` the host that the app is told in place of the
/// client's. The app's pages that are to be `stamped` may come neither
/// compressed nor in parts.
pub(in crate::proxy) fn upload(
    request: Request<RequestBody>,
    upgrade: Option<&HeaderValue>,
    told: Option<&HeaderValue>,
    stamped: bool,
    (mut text, spares): (Vec<u8>, &Spares),
) -> Option<Upload> {
    let extent = Extent::of(&request)?;
    text.clear();
    write(&mut text, &request, extent, (upgrade, told), stamped);
    Some(Upload::new(text, spares.take_from_request(request), extent))
}

/// How a request's body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Empty,
    Sized(u64),
    Chunked,
}

impl Extent {
    /// By the headers, which frame the body for the app as they did for us.
    pub(super) fn of(request: &Request<RequestBody>) -> Option<Self> {
        if request.body().is_end_stream() {
            return Some(Self::Empty);
        }
        let Some(length) = request.headers().get(header::CONTENT_LENGTH) else {
            return Some(Self::Chunked);
        };
        let length = length.to_str().ok()?.parse().ok()?;
        Some(Self::Sized(length))
    }
}

/// Writes the head of `request` into `text`.
fn write(
    text: &mut Vec<u8>,
    request: &Request<RequestBody>,
    extent: Extent,
    (upgrade, told): (Option<&HeaderValue>, Option<&HeaderValue>),
    stamped: bool,
) {
    let (headers, uri) = (request.headers(), request.uri());
    let client: Option<&ClientAddress> = request.extensions().get();
    let id: Option<&RequestId> = request.extensions().get();
    let connection: Option<&Connection> = request.extensions().get();
    line(
        text,
        request.method(),
        uri.path_and_query().map_or("/", |target| target.as_str()),
    );
    // HTTP/2 has the host in `:authority` (RFC 9113 §8.3.1).
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    let host = host.or_else(|| Some(uri.authority()?.as_str().as_bytes()));
    if let Some(host) = told.map(HeaderValue::as_bytes).or(host) {
        field(text, b"host", host);
    }
    let named = named(headers);
    let forwarded = client.and_then(ClientAddress::forwarded_host);
    let forwarded = forwarded.map(|host| host.as_str().as_bytes()).or(host);
    let in_parts = stamped && may_be_in_parts(uri.path(), headers);
    let mut cookies = 0;
    for (name, value) in headers {
        let ours = match name.as_str() {
            "host" | "content-length" => true,
            "x-forwarded-for" | "x-forwarded-proto" => client.is_some(),
            "x-forwarded-host" => forwarded.is_some(),
            "x-request-id" => id.is_some(),
            "accept-encoding" => stamped,
            "range" | "if-range" => stamped && !in_parts,
            "cookie" => {
                cookies += 1;
                cookies > 1
            }
            other => ends_with_the_request(other),
        };
        if ours || named.contains(name) {
            continue;
        }
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        if *name == COOKIE {
            // One line of the crumbs that HTTP/2 allows (RFC 9113 §8.2.3).
            for crumb in headers.get_all(COOKIE).iter().skip(1) {
                text.extend_from_slice(b"; ");
                text.extend_from_slice(crumb.as_bytes());
            }
        }
        text.extend_from_slice(b"\r\n");
    }
    match extent {
        Extent::Chunked => field(text, b"transfer-encoding", b"chunked"),
        Extent::Sized(length) => {
            let mut digits = itoa::Buffer::new();
            field(text, b"content-length", digits.format(length).as_bytes());
        }
        Extent::Empty if headers.contains_key(header::CONTENT_LENGTH) => {
            field(text, b"content-length", b"0");
        }
        Extent::Empty => {}
    }
    if let Some(protocol) = upgrade {
        field(text, b"upgrade", protocol.as_bytes());
    }
    options(text, headers, upgrade.is_some());
    if let Some(client) = client {
        text.extend_from_slice(b"x-forwarded-for: ");
        write_ip(text, client.ip());
        text.extend_from_slice(b"\r\n");
        field(
            text,
            b"x-forwarded-proto",
            client.scheme().as_str().as_bytes(),
        );
    }
    if let Some(host) = forwarded {
        field(text, b"x-forwarded-host", host);
    }
    if let Some(id) = id {
        field(text, b"x-request-id", &id.digits());
    }
    // What a trusted proxy says of its own client stays.
    let certificate = connection.and_then(|connection| connection.tls.as_ref()?.client.as_ref());
    if let Some(certificate) = certificate.filter(|_| !headers.contains_key(CLIENT_CERT)) {
        field(
            text,
            CLIENT_CERT.as_str().as_bytes(),
            certificate.header().as_bytes(),
        );
    }
    text.extend_from_slice(b"\r\n");
}

fn line(text: &mut Vec<u8>, method: &Method, target: &str) {
    for part in [method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        text.extend_from_slice(part.as_bytes());
    }
}

/// What is said of this connection: that it may change, or that trailers are welcome on it.
fn options(text: &mut Vec<u8>, headers: &HeaderMap, upgrades: bool) {
    let trailers = trailers_welcome(headers);
    if trailers {
        field(text, b"te", b"trailers");
    }
    match (upgrades, trailers) {
        (true, _) => field(text, b"connection", b"upgrade"),
        (false, true) => field(text, b"connection", b"te"),
        (false, false) => {}
    }
}
