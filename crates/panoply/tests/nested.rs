//! Routers within routers: what a layer that stands in an inner one is told of the path.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Redirect;
use axum::routing::{get, post};
use http::header::{ACCEPT, LOCATION};
use http::{Request, Response, StatusCode};
use panoply::sessions::LoginRequiredLayer;
use panoply::{LimitConfig, LoginConfig, Panoply, SessionConfig};
use panoply_store_memory::MemorySessionStore;
use tower::ServiceExt as _;

fn request(method: &str, path: &str, body: &'static str) -> Request<Body> {
    let peer: SocketAddr = "203.0.113.9:1".parse().unwrap();
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.header(ACCEPT, "text/html");
    request
        .extension(ConnectInfo(peer))
        .body(Body::from(body))
        .unwrap()
}

async fn ask(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_limit_is_for_a_path_as_the_router_has_it_or_as_it_was_written() {
    for path in ["/api/", "/api/items", "/items", "/"] {
        let limit = LimitConfig::new(2, Duration::from_mins(1)).path(path);
        let suit = Panoply::recommended().limits([limit]).build().unwrap();
        let api = Router::new()
            .route("/items", get(async || "items"))
            .layer(suit);
        let app = Router::new().nest("/api", api);
        let mut last = None;
        for _ in 0..3 {
            last = Some(ask(&app, request("GET", "/api/items", "")).await.status());
        }
        assert_eq!(last, Some(StatusCode::TOO_MANY_REQUESTS), "{path}");
    }
}

#[tokio::test]
async fn a_login_is_guarded_by_either_and_a_redirect_back_is_no_success() {
    let back = [
        "/shop/login",
        "/shop/login/?wrong#form",
        "https://shop.example/shop/login?wrong",
    ];
    for (path, back) in ["/login", "/shop/login"]
        .into_iter()
        .flat_map(|path| back.map(|back| (path, back)))
    {
        let logins = [LoginConfig::route(path)];
        let suit = Panoply::recommended().logins(logins).build().unwrap();
        let back_to = back;
        let back = async move || Redirect::to(back_to);
        let shop = Router::new().route("/login", post(back)).layer(suit);
        let app = Router::new().nest("/shop", shop);
        for attempt in 1..=11 {
            let answer = ask(
                &app,
                request("POST", "/shop/login", "username=ada&password=x"),
            )
            .await;
            let status = answer.status();
            let locked = status == StatusCode::TOO_MANY_REQUESTS;
            assert_eq!(locked, attempt > 10, "{path} {back_to} {attempt} {status}");
        }
    }
}

#[tokio::test]
async fn the_way_back_from_a_login_is_the_whole_path() {
    let sessions = SessionConfig::new()
        .build(Arc::new(MemorySessionStore::default()))
        .unwrap();
    let account = Router::new()
        .route("/orders", get(async || "orders"))
        .layer(LoginRequiredLayer::redirect_to("/login").unwrap());
    let app = Router::new()
        .nest("/account", account)
        .layer(sessions.layer());
    let answer = ask(&app, request("GET", "/account/orders?page=2", "")).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        answer.headers()[LOCATION],
        "/login?next=%2Faccount%2Forders%3Fpage%3D2"
    );
}

#[tokio::test]
async fn what_members_alone_may_see_keeps_nobody_from_learning_that_a_page_is_missing() {
    let store = Arc::new(MemorySessionStore::default());
    let sessions = SessionConfig::new().build(store).unwrap();
    let members = Router::new()
        .route("/account", get(async || "account"))
        .route_layer(LoginRequiredLayer::redirect_to("/login").unwrap());
    let app = Router::new()
        .route("/", get(async || "hello"))
        .merge(members)
        .layer(sessions.layer());
    let status = async |path: &str| ask(&app, request("GET", path, "")).await.status();
    assert_eq!(status("/").await, StatusCode::OK);
    assert_eq!(status("/account").await, StatusCode::SEE_OTHER);
    assert_eq!(status("/favicon.ico").await, StatusCode::NOT_FOUND);
}
