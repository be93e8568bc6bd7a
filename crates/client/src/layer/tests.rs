//! What the layer finds, and what it says.

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

/// What a server of another kind puts beside a request.
#[derive(Clone)]
struct Peer(std::net::SocketAddr);

#[tokio::test]
async fn a_server_of_another_kind_says_who_the_peer_is() {
    let app = || service_fn(|request: Request<()>| async { Ok::<_, Infallible>(request) });
    let seen = async |config: ClientConfig, first: Option<Connection>| {
        let layer = ClientLayer::new(config.build().unwrap());
        let layer = layer.connection(|extensions| {
            let Peer(peer) = extensions.get()?;
            Some(Connection::new(*peer, None))
        });
        let mut request = Request::get("/").header("x-forwarded-for", "203.0.113.9");
        let extensions = request.extensions_mut().unwrap();
        extensions.insert(Peer("198.51.100.1:1".parse().unwrap()));
        if let Some(first) = first {
            extensions.insert(first);
        }
        let request = layer.layer(app()).oneshot(request.body(()).unwrap()).await;
        request.unwrap()
    };
    let ip = |request: &Request<()>| client(request).ip().to_string();
    let plain = seen(ClientConfig::new(), None).await;
    assert_eq!(ip(&plain), "198.51.100.1");
    assert_eq!(client(&plain).scheme(), Scheme::Http);
    // For whoever looks at the connection itself.
    assert!(plain.extensions().get::<Connection>().is_some());
    let here = seen(ClientConfig::new().tls_ends_here(true), None).await;
    assert_eq!(client(&here).scheme(), Scheme::Https);
    let behind = ClientConfig::new().trusted_proxies(["198.51.100.1"]);
    assert_eq!(ip(&seen(behind, None).await), "203.0.113.9");
    let first = seen(ClientConfig::new(), Some(from("198.51.100.2:1"))).await;
    assert_eq!(ip(&first), "198.51.100.2");
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

#[tokio::test]
async fn a_prefix_of_a_trusted_proxy_is_a_plain_path() {
    let app = service_fn(|request: Request<()>| async { Ok::<_, Infallible>(request) });
    let trusting = ClientConfig::new().trusted_proxies(["198.51.100.1"]);
    let service = ClientLayer::new(trusting.build().unwrap()).layer(app);
    for (prefix, stays) in [("/shop", true), ("//evil.example", false)] {
        let mut request = Request::get("/").header("x-forwarded-prefix", prefix);
        let extensions = request.extensions_mut().unwrap();
        extensions.insert(from("198.51.100.1:1"));
        let request = service.clone().oneshot(request.body(()).unwrap()).await;
        let headers = request.unwrap().into_parts().0.headers;
        assert_eq!(
            headers.contains_key("x-forwarded-prefix"),
            stays,
            "{prefix}"
        );
    }
}
