//! A task for browsers, in a service of one's own.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use panoply::pages::Pages;
use panoply::{ChallengeConfig, LimitConfig, Panoply, Suit};
use tower::ServiceExt as _;

async fn ask(app: &Router, method: &str) -> Response<Body> {
    let peer: SocketAddr = "203.0.113.9:1".parse().unwrap();
    let request = Request::builder().method(method).uri("/in/login");
    let request = request.header("accept", "text/html");
    let request = request.header("sec-fetch-site", "same-origin");
    let request = request.extension(ConnectInfo(peer));
    app.clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

fn app(suit: &Suit) -> Router {
    // Worn twice, as where routers that each wear it are put into each other.
    let inner = Router::new().fallback(async || "in").layer(suit.clone());
    Router::new().nest("/in", inner).layer(suit.clone())
}

#[tokio::test]
async fn the_suit_asks_nobody_until_it_is_told_to() {
    let minute = std::time::Duration::from_mins(1);
    let pages = Pages::new().html(http::StatusCode::FORBIDDEN, "<h1>No</h1>");
    let suit = Panoply::recommended()
        .limits([LimitConfig::new(4, minute)])
        .pages(pages)
        .build()
        .unwrap();
    let app = app(&suit);
    // Each of the two counts.
    assert_eq!(ask(&app, "GET").await.status(), 200);
    suit.blocklist().begin_challenge(None).await.unwrap();
    let answer = ask(&app, "POST").await;
    assert_eq!(answer.status(), 403);
    assert!(answer.headers().contains_key("x-frame-options"));
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = axum::body::to_bytes(answer.into_body(), 1 << 20).await;
    let page = String::from_utf8(page.unwrap().to_vec()).unwrap();
    // The site's page for 403 would solve nothing.
    assert!(
        page.contains("data-task=") && page.contains("data-form="),
        "{page}"
    );
    // Whoever does not solve it is bounded by limits.
    assert_eq!(ask(&app, "GET").await.status(), 403);
    assert_eq!(ask(&app, "GET").await.status(), 429);
    suit.blocklist().end_challenge().await.unwrap();
}

#[tokio::test]
async fn whoever_is_exempt_is_asked_by_neither() {
    let config = ChallengeConfig::new().paths(["/"]).exempt(["203.0.113.9"]);
    let suit = Panoply::recommended().challenge(config).build().unwrap();
    assert_eq!(ask(&app(&suit), "GET").await.status(), 200);
    let wrong = ChallengeConfig::new().work(0);
    let error = Panoply::recommended().challenge(wrong).build().unwrap_err();
    assert_eq!(error.key(), "challenge.work");
}
