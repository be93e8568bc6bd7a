//! The hosts of a service of one's own, within the suit.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::routing::get;
use axum::{Extension, Router};
use http::header::HOST;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use panoply::guard::{HostsLayer, SiteHost};
use panoply::{ClientConfig, Panoply};
use tower::ServiceExt as _;

/// The service, as a peer reaches it.
fn app(peer: [u8; 4]) -> Router {
    let client = ClientConfig::new().trusted_proxies(["10.0.0.1"]);
    let suit = Panoply::recommended().client(client).build().unwrap();
    let hosts = HostsLayer::new(["shop.example", "*.shop.example"]).unwrap();
    let host = async |Extension(host): Extension<SiteHost>| host.as_str().to_owned();
    Router::new()
        .nest("/shop", Router::new().route("/host", get(host)))
        .layer(hosts)
        .route("/healthz", get(async || "well"))
        .layer(suit)
        .layer(MockConnectInfo(SocketAddr::from((peer, 4711))))
}

async fn ask(app: Router, path: &str, host: &str, forwarded: Option<&str>) -> Response<Body> {
    let mut request = Request::get(path).header(HOST, host);
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", "203.0.113.9");
        request = request.header("x-forwarded-host", forwarded);
    }
    app.oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn text(answer: Response<Body>) -> String {
    let body = answer.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn what_is_for_another_host_is_refused_with_every_header() {
    let app = app([203, 0, 113, 9]);
    let answer = ask(app.clone(), "/shop/host", "evil.example", None).await;
    assert_eq!(answer.status(), 421);
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    let own = ask(app.clone(), "/shop/host", "B.shop.example:443", None).await;
    assert_eq!(text(own).await, "b.shop.example");
    // Of whoever is no proxy it does not count.
    let claimed = ask(
        app.clone(),
        "/shop/host",
        "a.shop.example",
        Some("b.shop.example"),
    );
    assert_eq!(text(claimed.await).await, "a.shop.example");
    // Whoever looks whether it is well knows only an address.
    let health = ask(app, "/healthz", "10.1.2.3:3000", None).await;
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn a_proxy_s_word_counts() {
    let app = app([10, 0, 0, 1]);
    let passed_on = ask(app.clone(), "/shop/host", "backend", Some("a.shop.example")).await;
    assert_eq!(text(passed_on).await, "a.shop.example");
    let foreign = ask(app, "/shop/host", "shop.example", Some("evil.example")).await;
    assert_eq!(foreign.status(), 421);
}
