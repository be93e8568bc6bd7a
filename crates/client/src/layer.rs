//! The tower layer.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::header::FORWARDED;
use http::{Extensions, HeaderMap, HeaderName, Request};
use panoply_core::{ClientAddress, Connection, Networks, Scheme};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Client, claims};

/// Finds the client once a request and hands it on as [`panoply_core::ClientAddress`].
///
/// From a peer that is not trusted, every header that claims an address, host, scheme or path is removed:
/// `Forwarded`, `X-Forwarded-*`, `X-Real-IP`, `True-Client-IP`, `X-Original-URL` and their like.
///
/// Where several stand one within another, as in a router within a router, what the outermost has found
/// stays.
#[derive(Debug, Clone)]
pub struct ClientLayer(Arc<Shared>);

/// Where a server of another kind says who the peer is.
#[derive(Clone)]
struct Found(Arc<Find>);

type Find = dyn Fn(&Extensions) -> Option<Connection> + Send + Sync;

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Found")
    }
}

/// What all clones share: one count of references, since a service is cloned for each request.
#[derive(Debug)]
struct Shared {
    client: Client,
    found: Option<Found>,
    // What is said once:
    no_peer: AtomicBool,
    unnamed: AtomicBool,
    cdn: AtomicBool,
    /// Where a proxy of one's own may be. Whoever comes from elsewhere may write what he likes, for that to be said.
    near: Networks,
}

impl ClientLayer {
    /// A layer that believes whom `client` believes.
    pub fn new(client: Client) -> Self {
        Self::made(client, None)
    }

    /// The same where the server says in a way of its own, in a request's extensions, which connection it came over: as
    /// tonic's does. It is asked where there is no [`Connection`] and, with the feature `axum`, no `ConnectInfo`.
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use panoply_client::{ClientConfig, ClientLayer};
    /// use panoply_core::Connection;
    ///
    /// #[derive(Clone)]
    /// struct Peer(SocketAddr);
    ///
    /// let layer = ClientLayer::new(ClientConfig::new().build()?).connection(|extensions| {
    ///     let Peer(peer) = extensions.get()?;
    ///     Some(Connection::new(*peer, None))
    /// });
    /// # Ok::<(), panoply_client::Error>(())
    /// ```
    #[must_use]
    pub fn connection(
        self,
        find: impl Fn(&Extensions) -> Option<Connection> + Send + Sync + 'static,
    ) -> Self {
        let client = self.0.client.clone();
        Self::made(client, Some(Found(Arc::new(find))))
    }

    fn made(client: Client, found: Option<Found>) -> Self {
        Self(Arc::new(Shared {
            client,
            found,
            no_peer: AtomicBool::new(false),
            unnamed: AtomicBool::new(false),
            cdn: AtomicBool::new(false),
            near: Networks::near(),
        }))
    }

    /// What the layer believes.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    fn note<B>(&self, request: &mut Request<B>) {
        // One that stands outside has found it, and what it went by may be gone: this one, which may believe
        // nobody, would take the proxy for the client, and count all clients as one.
        if request.extensions().get::<ClientAddress>().is_some() {
            return;
        }
        let Some(connection) = self.peer(request) else {
            if !self.0.no_peer.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    "requests carry no peer address, so no client can be told from another: serve a router with \
                     into_make_service_with_connect_info::<SocketAddr>(), or say where the server, as that of tonic, \
                     has it: Suit::connection(|extensions| …), or ClientLayer::connection"
                );
            }
            claims::remove(request.headers_mut());
            return;
        };
        let (peer, scheme) = connection;
        let (address, trusted) = self
            .0
            .client
            .resolve_with_trust(peer, scheme, request.headers());
        if trusted {
            claims::remove_odd_prefix(request.headers_mut());
        } else {
            let removed = claims::remove(request.headers_mut());
            if !removed.is_empty() {
                self.0.tell_of_unnamed(peer.ip(), &removed);
                self.0.tell_of_cdn(peer.ip(), &removed, request.headers());
            }
        }
        request.extensions_mut().insert(address);
    }

    /// The peer and what it speaks to us.
    fn peer<B>(&self, request: &mut Request<B>) -> Option<(std::net::SocketAddr, Scheme)> {
        let scheme = |tls| if tls { Scheme::Https } else { Scheme::Http };
        let of = |one: &Connection| (one.peer, scheme(one.tls.is_some()));
        if let Some(connection) = request.extensions().get::<Connection>() {
            return Some(of(connection));
        }
        #[cfg(feature = "axum")]
        {
            use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
            let served = || request.extensions().get().map(|ConnectInfo(peer)| *peer);
            // What a test of a router wears in place of a server, as axum's own extractor takes it.
            let mocked = || {
                request
                    .extensions()
                    .get()
                    .map(|MockConnectInfo(peer)| *peer)
            };
            if let Some(peer) = served().or_else(mocked) {
                let said = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
                return Some((peer, scheme(said || self.client().tls_ends_here)));
            }
        }
        let Found(find) = self.0.found.as_ref()?;
        let connection = find(request.extensions())?;
        let (peer, said) = of(&connection);
        request.extensions_mut().insert(connection);
        let here = said == Scheme::Https || self.client().tls_ends_here;
        Some((peer, scheme(here)))
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where proxies say who their clients are.
static SAID: [HeaderName; 3] = [
    FORWARDED_FOR,
    FORWARDED,
    HeaderName::from_static("x-real-ip"),
];

/// What CDNs write beside it: RFC 8586, and Cloudflare's number of a request.
static OF_CDNS: [HeaderName; 2] = [
    HeaderName::from_static("cdn-loop"),
    HeaderName::from_static("cf-ray"),
];

impl Shared {
    /// Says in the log, once, that a proxy that nobody has named has said whose request this is.
    #[cold]
    fn tell_of_unnamed(&self, peer: IpAddr, removed: &[HeaderName]) {
        if let Some(header) = self.unnamed(peer, removed) {
            let address = peer.to_canonical();
            tracing::warn!(
                %address,
                header,
                "a proxy that nobody has named says there who its clients are: all of them count as one, with its \
                 address and its scheme. If it is yours, give it to `trusted_proxies`"
            );
        }
    }

    /// Says in the log, once, that what looks like a CDN that nobody has named has said whose request this is.
    #[cold]
    fn tell_of_cdn(&self, peer: IpAddr, removed: &[HeaderName], headers: &HeaderMap) {
        if let Some(header) = self.of_cdn(peer, removed, headers) {
            let address = peer.to_canonical();
            tracing::warn!(
                %address,
                header,
                "a request says that it came through a CDN, and nobody has named one. If this address is your CDN's, \
                 all its clients count as one: write the ranges that it publishes into `trusted_proxies`, as in \
                 [client] trusted_proxies = [\"192.0.2.0/24\", \"2001:db8::/32\"], and keep them current. If you \
                 have no CDN, somebody made it up, and nothing is to be done"
            );
        }
    }

    /// The header by which a request from a public `peer` says that it came through a CDN, once.
    fn of_cdn(
        &self,
        peer: IpAddr,
        removed: &[HeaderName],
        headers: &HeaderMap,
    ) -> Option<&'static str> {
        if self.cdn.load(Ordering::Relaxed) || !removed.contains(&FORWARDED_FOR) {
            return None;
        }
        let says = OF_CDNS.iter().find(|name| headers.contains_key(*name))?;
        if self.near.contains(peer) {
            return None;
        }
        let is_first = !self.cdn.swap(true, Ordering::Relaxed);
        is_first.then_some(says.as_str())
    }

    /// The one of the headers that were `removed` in which a `peer` of one's own has said whose request this is, once.
    fn unnamed(&self, peer: IpAddr, removed: &[HeaderName]) -> Option<&'static str> {
        if self.unnamed.load(Ordering::Relaxed) {
            return None;
        }
        let said = SAID.iter().find(|name| removed.contains(name))?;
        if !self.near.contains(peer) {
            return None;
        }
        let is_first = !self.unnamed.swap(true, Ordering::Relaxed);
        is_first.then_some(said.as_str())
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`ClientLayer`] makes.
#[derive(Debug, Clone)]
pub struct ClientService<S> {
    inner: S,
    layer: ClientLayer,
}

impl<S, B> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        self.layer.note(&mut request);
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests;
