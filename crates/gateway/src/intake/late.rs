//! Requests on connections that were made when other clients were believed.

use http::{Request, StatusCode};
use panoply_core::Refusal;

/// Marks such a request, among its extensions, where its connection was to have ended before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Late;

/// Whether a request is one.
pub(super) fn is<B>(request: &Request<B>) -> bool {
    request.extensions().get::<Late>().is_some()
}

/// What whoever has sent one is told: on another connection it is asked anew who it is (RFC 9110 §15.5.20).
pub(super) fn refusal() -> Refusal {
    let detail =
        "This connection was made before this server asked for other certificates: use a new one.";
    Refusal::new(StatusCode::MISDIRECTED_REQUEST, "tls/clients", detail)
}
