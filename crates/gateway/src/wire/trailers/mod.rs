//! Trailer fields over HTTP/1, announced or not.
//!
//! hyper writes only those that a `Trailer` header named beforehand, and few senders do that. Here
//! the body keeps them from hyper and leaves them with its connection, and [`Trailing`] puts them
//! into the stream between the last chunk and the empty line after it.

mod outlet;
mod stream;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use http::header::{CONTENT_LENGTH, TE};
use http::{HeaderMap, HeaderName};
use http_body::Body;
use panoply_client::is_claim;

pub(crate) use outlet::Outlet;
pub(crate) use stream::Trailing;

/// The trailer section of the message that a connection is about to end.
///
/// One thread alone uses it; the lock is there because hyper hands an upgraded stream on only when
/// it could be sent elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Trailers {
    waiting: AtomicBool,
    section: Mutex<Vec<u8>>,
}

impl Trailers {
    /// To be called when the body's last data has been handed over, and before its end is.
    fn put(&self, fields: &HeaderMap) {
        let mut section = Vec::new();
        for (name, value) in fields {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                section.extend_from_slice(part);
            }
        }
        self.waiting.store(!section.is_empty(), Relaxed);
        *self.section.lock().unwrap_or_else(PoisonError::into_inner) = section;
    }

    fn take(&self) -> Option<Vec<u8>> {
        let waiting = self.waiting.load(Relaxed) && self.waiting.swap(false, Relaxed);
        waiting.then(|| {
            std::mem::take(&mut *self.section.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

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

/// Whether hyper will write a message of HTTP/1.1 in chunks, if it writes a body at all.
pub(crate) fn in_chunks(headers: &HeaderMap, body: &impl Body) -> bool {
    !headers.contains_key(CONTENT_LENGTH) && body.size_hint().exact().is_none()
}

/// Removes what no trailer may say.
fn permit(fields: &mut HeaderMap) {
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
/// content (RFC 9110 §6.5.1); what says who is calling is ours to say; for `_` see the intake.
fn is_forbidden(name: &HeaderName) -> bool {
    if is_claim(name) {
        return true;
    }
    let name = name.as_str();
    name.contains('_')
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
