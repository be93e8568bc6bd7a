//! The tower layer.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, Request};
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

/// What all clones share: one count of references, since a service is cloned for each request.
#[derive(Debug)]
struct Shared {
    client: Client,
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
        Self(Arc::new(Shared {
            client,
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
        let Some(connection) = self.connection(request) else {
            if !self.0.no_peer.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    "requests carry no peer address, so no client can be told from another; serve \
                     with into_make_service_with_connect_info::<SocketAddr>()"
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
        if !trusted {
            let removed = claims::remove(request.headers_mut());
            if !removed.is_empty() {
                self.0.tell_of_unnamed(peer.ip(), &removed);
                self.0.tell_of_cdn(peer.ip(), &removed, request.headers());
            }
        }
        request.extensions_mut().insert(address);
    }

    /// The peer and what it speaks to us.
    #[cfg_attr(
        not(feature = "axum"),
        expect(
            clippy::unused_self,
            reason = "only servers that pass on a peer alone leave it open"
        )
    )]
    fn connection<B>(&self, request: &Request<B>) -> Option<(std::net::SocketAddr, Scheme)> {
        let scheme = |tls| if tls { Scheme::Https } else { Scheme::Http };
        if let Some(connection) = request.extensions().get::<Connection>() {
            return Some((connection.peer, scheme(connection.tls.is_some())));
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
        None
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
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::ClientConfig;

    async fn seen(config: ClientConfig, connection: Option<Connection>) -> Request<()> {
        let app = service_fn(|request: Request<()>| async { Ok::<_, Infallible>(request) });
        let service = ClientLayer::new(config.build().unwrap()).layer(app);
        let mut request = Request::builder()
            .header("x-forwarded-for", "203.0.113.9")
            .header("x-real-ip", "6.6.6.6")
            .header("accept", "*/*")
            .body(())
            .unwrap();
        if let Some(connection) = connection {
            request.extensions_mut().insert(connection);
        }
        service.oneshot(request).await.unwrap()
    }

    fn client(request: &Request<()>) -> &ClientAddress {
        request.extensions().get().unwrap()
    }

    fn from(peer: &str) -> Connection {
        Connection::new(peer.parse().unwrap(), None)
    }

    #[tokio::test]
    async fn hands_on_the_address_and_drops_what_nobody_may_claim() {
        let request = seen(ClientConfig::new(), Some(from("198.51.100.1:1"))).await;
        assert_eq!(client(&request).ip().to_string(), "198.51.100.1");
        assert_eq!(request.headers().len(), 1);

        let trusting = ClientConfig::new().trusted_proxies(["198.51.100.0/24"]);
        let request = seen(trusting, Some(from("198.51.100.1:1"))).await;
        assert_eq!(client(&request).ip().to_string(), "203.0.113.9");
        assert_eq!(request.headers().len(), 3);
    }

    #[tokio::test]
    async fn what_the_outermost_has_found_stays() {
        let trusting = ClientConfig::new().trusted_proxies(["198.51.100.0/24"]);
        let app = service_fn(|request: Request<()>| async { Ok::<_, Infallible>(request) });
        let inner = ClientLayer::new(ClientConfig::new().build().unwrap()).layer(app);
        let service = ClientLayer::new(trusting.build().unwrap()).layer(inner);
        let mut request = Request::get("/").header("x-forwarded-for", "203.0.113.9");
        let extensions = request.extensions_mut().unwrap();
        extensions.insert(from("198.51.100.1:1"));
        let request = service.oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(client(&request).ip().to_string(), "203.0.113.9");
    }

    #[cfg(feature = "axum")]
    #[tokio::test]
    async fn where_tls_ends_here_whoever_comes_came_by_it() {
        let scheme = async |config: ClientConfig, forwarded: Option<&str>| {
            let app = service_fn(|request: Request<()>| async { Ok::<_, Infallible>(request) });
            let service = ClientLayer::new(config.build().unwrap()).layer(app);
            let peer: std::net::SocketAddr = "198.51.100.1:1".parse().unwrap();
            let request = Request::get("/").extension(axum::extract::ConnectInfo(peer));
            let request = forwarded.into_iter().fold(request, |request, proto| {
                request.header("x-forwarded-proto", proto)
            });
            let request = service.oneshot(request.body(()).unwrap()).await.unwrap();
            client(&request).scheme()
        };
        let plain = ClientConfig::new;
        let here = || ClientConfig::new().tls_ends_here(true);
        let behind = || here().trusted_proxies(["198.51.100.1"]);
        assert_eq!(scheme(plain(), Some("https")).await, Scheme::Http);
        assert_eq!(scheme(here(), Some("http")).await, Scheme::Https);
        assert_eq!(scheme(behind(), Some("http")).await, Scheme::Http);
        assert_eq!(scheme(behind(), None).await, Scheme::Https);
    }

    #[cfg(feature = "axum")]
    #[tokio::test]
    async fn a_peer_that_a_test_makes_up_is_taken_where_nothing_was_served() {
        use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
        let app = service_fn(|request: Request<()>| async { Ok::<_, Infallible>(request) });
        let service = ClientLayer::new(ClientConfig::new().build().unwrap()).layer(app);
        let peer = |text: &str| text.parse::<std::net::SocketAddr>().unwrap();
        let seen = async |request: Request<()>| {
            let request = service.clone().oneshot(request).await.unwrap();
            client(&request).ip().to_string()
        };
        let mut request = Request::new(());
        request
            .extensions_mut()
            .insert(MockConnectInfo(peer("198.51.100.1:1")));
        assert_eq!(seen(request.clone()).await, "198.51.100.1");
        request
            .extensions_mut()
            .insert(ConnectInfo(peer("198.51.100.2:1")));
        assert_eq!(seen(request).await, "198.51.100.2");
    }

    #[test]
    fn a_proxy_that_nobody_has_named_is_told_of_once() {
        let told = |peer: &str, name: &'static str| {
            let layer = ClientLayer::new(ClientConfig::new().build().unwrap());
            let tell = || {
                let removed = [HeaderName::from_static(name)];
                let header = layer.0.unnamed(peer.parse().unwrap(), &removed);
                header.map(str::to_owned)
            };
            let first = tell();
            assert_eq!(tell(), None);
            first
        };
        for peer in [
            "127.0.0.1",
            "::1",
            "::ffff:10.1.2.3",
            "172.17.0.1",
            "fd00::1",
        ] {
            for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
                assert_eq!(told(peer, name).as_deref(), Some(name), "{peer}");
            }
            assert_eq!(told(peer, "x-forwarded-proto"), None);
        }
        // Anybody may write it.
        assert_eq!(told("198.51.100.1", "x-forwarded-for"), None);
    }

    #[test]
    fn a_cdn_that_nobody_has_named_is_told_of_once() {
        let told = |peer: &str, removed: &'static str, name: &'static str| {
            let layer = ClientLayer::new(ClientConfig::new().build().unwrap());
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static(name),
                http::HeaderValue::from_static("x"),
            )]);
            let removed = [HeaderName::from_static(removed)];
            let peer = peer.parse().unwrap();
            let first = layer.0.of_cdn(peer, &removed, &headers);
            assert_eq!(layer.0.of_cdn(peer, &removed, &headers), None);
            first
        };
        for name in ["cdn-loop", "cf-ray"] {
            for peer in ["198.51.100.1", "2001:db8::1"] {
                assert_eq!(told(peer, "x-forwarded-for", name), Some(name));
                assert_eq!(told(peer, "x-forwarded-proto", name), None);
            }
            // Of one that is near is told already.
            assert_eq!(told("10.0.0.1", "x-forwarded-for", name), None);
        }
        assert_eq!(told("198.51.100.1", "x-forwarded-for", "via"), None);
    }

    #[tokio::test]
    async fn makes_no_address_up() {
        let request = seen(ClientConfig::new().hops(1), None).await;
        assert!(request.extensions().get::<ClientAddress>().is_none());
        assert_eq!(request.headers().len(), 1);
    }
}
