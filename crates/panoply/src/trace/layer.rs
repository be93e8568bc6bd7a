//! The layer.

use std::sync::Arc;

use panoply_core::Clock;
use tower_layer::Layer;

use super::{Observer, TraceService};

/// Gives every request an id and tells an [`Observer`] how it was answered.
///
/// The id is put into the request's extensions as [`panoply_core::RequestId`] and onto the answer
/// as `X-Request-Id`. An id that the client sent is not believed, so that nobody can choose what
/// the log says. One of this form from a trusted proxy is, such as a gateway's: the lines of both are then one
/// request's. Which proxies are trusted the client layer around it says
/// ([`ClientAddress::is_peer_trusted`](panoply_core::ClientAddress::is_peer_trusted)).
///
/// Where several stand one within another, as in a router within a router, the id is that of the outermost.
#[derive(Debug, Clone)]
pub struct TraceLayer(pub(super) Arc<Shared>);

/// What all exchanges need; one count of references for each of them, not three.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: Arc<dyn Clock>,
}

impl TraceLayer {
    /// Reports to `observer`, with times from `clock`.
    pub fn new(observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { observer, clock }))
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TraceService {
            inner,
            shared: Arc::clone(&self.0),
        }
    }
}
