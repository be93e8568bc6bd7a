//! Trailer fields, announced or not.

use bytes::Bytes;
use http::header::TE;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use panoply_client::is_claim;

use crate::http1::MOST_TRAILERS;
use crate::intake::is_plain;

/// Whether a request's `TE` says that trailers are welcome (RFC 9110 §10.1.4).
pub(crate) fn welcome(headers: &HeaderMap) -> bool {
    let names = |te: &str| {
        te.split(',')
            .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
    };
    headers
        .get(TE)
        .is_some_and(|te| te.to_str().is_ok_and(names))
}

/// Whether `frame` is a trailer section of more than may be over HTTP/1, as it would be written there.
pub(crate) fn are_too_long(frame: &Frame<Bytes>) -> bool {
    let Some(fields) = frame.trailers_ref() else {
        return false;
    };
    let length = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + ":\r\n".len() + value.len()
    };
    fields.iter().map(length).sum::<usize>() > MOST_TRAILERS
}

/// What of `frame` goes on; nothing where no field of a trailer section may.
pub(crate) fn pass(frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
    let mut fields = match frame.into_trailers() {
        Ok(fields) => fields,
        Err(data) => return Some(data),
    };
    permit(&mut fields);
    (!fields.is_empty()).then(|| Frame::trailers(fields))
}

/// Removes what no trailer may say.
pub(super) fn permit(fields: &mut HeaderMap) {
    let forbidden: Vec<HeaderName> = fields
        .keys()
        .filter(|name| is_forbidden(name))
        .cloned()
        .collect();
    for name in forbidden {
        fields.remove(name);
    }
}

/// What frames, routes, authenticates, modifies or describes a message must be known before its
/// content (RFC 9110 §6.5.1); what says who is calling is ours to say; for names that are not plain see the intake.
fn is_forbidden(name: &HeaderName) -> bool {
    if is_claim(name) {
        return true;
    }
    let name = name.as_str();
    !is_plain(name)
        || ["proxy-", "if-", "access-control-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || FORBIDDEN.contains(&name)
}

const FORBIDDEN: [&str; 41] = [
    "age",
    "allow",
    "alt-svc",
    "authorization",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-security-policy",
    "content-security-policy-report-only",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "range",
    "referer",
    "retry-after",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-frame-options",
    "x-powered-by",
    "x-request-id",
];

#[cfg(test)]
mod tests;
