//! Plain HTTP that came to where TLS is spoken.

use http::{Request, StatusCode};
use panoply_core::Refusal;

/// Marks such a request, among its extensions: it is led to HTTPS at the very port that it came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Astray;

/// Whether a request is one.
pub(super) fn is<B>(request: &Request<B>) -> bool {
    request.extensions().get::<Astray>().is_some()
}

/// What whoever has sent one is told where no way can be shown: without a host, or where a trusted proxy says that
/// the client has come by HTTPS, which would come back again and again.
pub(super) fn refusal() -> Refusal {
    let detail = "This port takes HTTPS, and the request came by plain HTTP: use an address that begins with https://";
    Refusal::new(StatusCode::BAD_REQUEST, "intake/plain-http", detail)
}
