//! What a gRPC client is told of a refusal, and what is noted down of it.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::post;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use panoply::pages::Pages;
use panoply::trace::{Exchange, Observer};
use panoply::{LimitConfig, LoginConfig, Panoply};
use tower::ServiceExt as _;

#[derive(Debug, Clone, Default)]
struct Statuses(Arc<Mutex<Vec<StatusCode>>>);

impl Observer for Statuses {
    fn answered(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.status);
    }
}

async fn ask(app: &Router, path: &str, kind: &str, body: &'static str) -> Response<Body> {
    let peer: SocketAddr = "203.0.113.9:1".parse().unwrap();
    let request = Request::post(path).header("content-type", kind);
    let request = request.extension(ConnectInfo(peer)).body(Body::from(body));
    app.clone().oneshot(request.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_refusal_is_trailers_alone_and_logged_as_what_it_is() {
    let statuses = Statuses::default();
    let suit = Panoply::recommended()
        .limits([LimitConfig::new(1, Duration::from_mins(1))])
        .pages(Pages::new().html(StatusCode::TOO_MANY_REQUESTS, "later"))
        .observer(statuses.clone());
    let app = Router::new().fallback(post(async || "app"));
    let app = app.layer(suit.build().unwrap());
    drop(ask(&app, "/shop.Cart/Add", "application/grpc", "").await);
    let answer = ask(&app, "/shop.Cart/Add", "application/grpc+proto", "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["grpc-status"], "8");
    assert!(answer.headers().contains_key("retry-after"));
    // The headers end the stream.
    assert!(answer.body().is_end_stream());
    drop(answer);
    let web = ask(&app, "/shop.Cart/Add", "application/grpc-web+proto", "").await;
    assert_eq!(web.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(web);
    let seen = statuses.0.lock().unwrap();
    assert_eq!(
        seen.iter().map(StatusCode::as_u16).collect::<Vec<_>>(),
        [200, 429, 429]
    );
}

/// A limit of a route's own stands within the guard, which would take its 200 for a login that was right.
#[tokio::test]
async fn no_refusal_within_a_login_is_a_success() {
    let suit = || Panoply::recommended().logins([]);
    let within = suit().limits([LimitConfig::new(5, Duration::from_mins(1)).path("/enter")]);
    let guarded = suit().logins([LoginConfig::route("/enter")]);
    let app = Router::new().route("/enter", post(async || StatusCode::UNAUTHORIZED));
    let app = app
        .layer(within.build().unwrap())
        .layer(guarded.build().unwrap());
    let guess = "username=ada&password=x";
    let mut codes = Vec::new();
    for _ in 0..14 {
        let answer = ask(&app, "/enter", "application/grpc", guess).await;
        let code = answer.headers().get("grpc-status").cloned();
        codes.push(code.map(|code| code.to_str().unwrap().to_owned()));
        assert!(!answer.headers().contains_key("set-cookie"), "{codes:?}");
    }
}
