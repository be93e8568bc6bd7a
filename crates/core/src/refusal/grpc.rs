//! A refusal as gRPC's clients read one: by trailers alone.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Refusal;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// What of ASCII stands encoded in a message (PROTOCOL-HTTP2.md, "Percent-Byte-Unencoded").
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// An answer without a body, whose headers are its trailers.
pub(super) fn answer(refusal: &Refusal) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(code(refusal.status)));
    let id = refusal.id.map(|id| format!(" Request {id}"));
    let message = format!("{}{}", refusal.detail, id.unwrap_or_default());
    let message = utf8_percent_encode(&message, ENCODED).to_string();
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(MESSAGE, message);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The code for a status, as gRPC's own table has it (http-grpc-status-mapping.md), but for limits: a server that has
/// too much asked of it says `RESOURCE_EXHAUSTED`, which no client tries again by itself at once.
const fn code(status: StatusCode) -> u16 {
    const UNKNOWN: u16 = 2;
    const PERMISSION_DENIED: u16 = 7;
    const RESOURCE_EXHAUSTED: u16 = 8;
    const UNIMPLEMENTED: u16 = 12;
    const INTERNAL: u16 = 13;
    const UNAVAILABLE: u16 = 14;
    const UNAUTHENTICATED: u16 = 16;
    match status.as_u16() {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => UNIMPLEMENTED,
        413 | 429 => RESOURCE_EXHAUSTED,
        408 | 421 | 502..=504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;
    use http::header::ACCEPT;

    use super::*;
    use crate::RequestId;

    fn asked(kind: &'static str, accept: Option<&'static str>) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "test", "100 %, für alle.")
            .with_id(RequestId::from_bytes([7; 12]))
            .with_retry_after(Duration::from_secs(9));
        refusal.into_response(&headers)
    }

    #[test]
    fn a_client_of_grpc_reads_it_in_trailers_alone() {
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC;x=y",
        ] {
            let answer = asked(kind, None);
            let header = |name: &str| answer.headers()[name].to_str().unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{kind}");
            assert_eq!(
                Refusal::decided(answer.status(), answer.extensions()),
                StatusCode::TOO_MANY_REQUESTS
            );
            assert_eq!(header("content-type"), "application/grpc");
            assert_eq!(header("grpc-status"), "8");
            assert_eq!(
                header("grpc-message"),
                "100 %25, f%C3%BCr alle. Request 070707070707070707070707"
            );
            assert_eq!(header("retry-after"), "9");
            assert!(answer.body().is_empty() && !answer.headers().contains_key("content-length"));
        }
    }

    #[test]
    fn nobody_else_does() {
        for (kind, accept) in [
            ("application/grpc-web", None),
            ("application/grpc-web-text+proto", None),
            ("application/grpcx", None),
            ("application/json", None),
            // A page that makes it up.
            ("application/grpc", Some("text/html")),
        ] {
            let answer = asked(kind, accept);
            assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{kind}");
            assert!(!answer.headers().contains_key("grpc-status"), "{kind}");
        }
    }

    #[test]
    fn each_status_has_a_code() {
        for (status, expected) in [
            (400, 13),
            (401, 16),
            (403, 7),
            (404, 12),
            (413, 8),
            (421, 14),
            (429, 8),
            (500, 2),
            (502, 14),
            (503, 14),
            (504, 14),
            (451, 2),
        ] {
            assert_eq!(
                code(StatusCode::from_u16(status).unwrap()),
                expected,
                "{status}"
            );
        }
    }
}
