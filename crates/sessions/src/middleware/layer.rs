//! The layer.

use tower_layer::Layer;

use super::SessionService;
use crate::Sessions;

/// Gives each request its [`Session`](crate::Session), in the extensions, and commits it before the
/// head of the answer goes out.
///
/// Whether a request came over HTTPS it learns, in this order, from
/// [`ClientAddress`](panoply_core::ClientAddress) and [`Connection`](panoply_core::Connection) in
/// the request's extensions, and from the scheme of its URI. Where none of them says so, it is
/// taken for HTTPS: the cookie is `Secure`, so that a browser keeps it for nothing else.
///
/// Where one of the same sessions stands outside, as around a router within which this one's is nested, its
/// session is the request's.
#[derive(Debug, Clone)]
pub struct SessionLayer(Sessions);

impl SessionLayer {
    /// Gives requests these sessions.
    pub const fn new(sessions: Sessions) -> Self {
        Self(sessions)
    }

    /// The sessions.
    pub const fn sessions(&self) -> &Sessions {
        &self.0
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService::new(inner, self.0.clone())
    }
}
