//! The answer to a head that cannot be read: through the stack, as every refusal.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONNECTION, DATE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use panoply_core::{Connection, Refusal};
use panoply_headers::Apart;

use super::framing::Violation;
use crate::worker::{Answer, Worker};

/// Of a head that is too large.
pub(crate) const TOO_LARGE: &str =
    "The request's head is larger, or has more fields, than this server accepts.";

/// The whole answer as bytes: headers, request id and body as the stack gives them, its record made.
pub(super) async fn answer(
    worker: &Worker,
    connection: &Connection,
    status: StatusCode,
    violation: Option<Violation>,
) -> Bytes {
    let rule = match (violation, status) {
        (Some(violation), _) => violation.rule(),
        (None, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE) => "limits/head",
        (None, StatusCode::URI_TOO_LONG) => "limits/target",
        (None, _) => "intake/malformed",
    };
    let detail = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => TOO_LARGE,
        StatusCode::URI_TOO_LONG => "The request's target is longer than this server accepts.",
        _ => "The request is not well-formed, or can be read in more than one way.",
    };
    let mut request = Request::new(());
    // What was asked is not known; a request without a host gets no further than the intake.
    *request.method_mut() = Method::from_bytes(b"-").unwrap_or_default();
    *request.uri_mut() = Uri::from_static("*");
    request.extensions_mut().insert(connection.clone());
    request
        .extensions_mut()
        .insert(Refusal::new(status, rule, detail));
    let mut response = match worker.call_without_body(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Ok(date) = HeaderValue::from_bytes(&worker.date()) {
        headers.insert(DATE, date);
    }
    written(response).await
}

async fn written(response: Response<Answer>) -> Bytes {
    let (parts, body) = response.into_parts();
    let mut bytes = BytesMut::new();
    bytes.put(&b"HTTP/1.1 "[..]);
    bytes.put(parts.status.as_str().as_bytes());
    bytes.put_u8(b' ');
    bytes.put(parts.status.canonical_reason().unwrap_or("").as_bytes());
    for (name, value) in &parts.headers {
        for part in [b"\r\n", name.as_str().as_bytes(), b": ", value.as_bytes()] {
            bytes.put(part);
        }
    }
    bytes.put(&b"\r\n"[..]);
    if let Some(apart) = parts.extensions.get::<Apart>() {
        bytes.put(apart.lines());
    }
    bytes.put(&b"\r\n"[..]);
    // A page of our own is there at once.
    if let Ok(body) = body.collect().await {
        bytes.put(body.to_bytes());
    }
    bytes.freeze()
}
