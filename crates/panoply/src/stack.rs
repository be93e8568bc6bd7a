//! The whole product on one page: which layer stands where, and why.

use std::sync::Arc;

use panoply_client::{ClientLayer, ClientService};
use panoply_core::{ClientAddress, Clock, Scheme};
use panoply_headers::{Headers, HeadersService};
use tower::ServiceBuilder;
use tower_layer::Layer;

use crate::trace::{Observer, TraceLayer, TraceService};

/// Every layer, ready to be worn by a service; made by [`Panoply::build`](crate::Panoply::build).
#[derive(Debug, Clone)]
pub struct Suit {
    pub(crate) client: ClientLayer,
    pub(crate) trace: TraceLayer,
    pub(crate) headers: Headers,
}

/// A service inside the whole suit.
pub type Worn<S> = ClientService<TraceService<HeadersService<S>>>;

impl<S> Layer<S> for Suit {
    type Service = Worn<S>;

    fn layer(&self, app: S) -> Worn<S> {
        ServiceBuilder::new() // a request reads down, its answer reads up
            .layer(&self.client) // down: ClientAddress; outermost, since it refuses nothing and all need it
            .layer(&self.trace) // down: RequestId; up: one record, of refusals too
            .layer(self.headers.layer()) // down: Nonce; up: headers, on 403, 429 and 502 as well
            .service(app)
    }
}

impl Suit {
    /// Reports every exchange to `observer`, with times from `clock`.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> Self {
        self.trace = TraceLayer::new(observer, clock);
        self
    }

    /// The headers that answers get.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// What counts as one client on a connection from `peer`: nothing when the peer is a trusted
    /// proxy, which carries the requests of many.
    pub fn client_to_count(&self, peer: std::net::SocketAddr) -> Option<std::net::IpAddr> {
        let trusted = self.client.client().trusts(peer.ip());
        (!trusted).then(|| ClientAddress::direct(peer, Scheme::Http).network())
    }
}
