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

/// Nodes that share a store share what passes are sealed with, whatever keys each has for the app's cookies; and who may
/// see a page may earn one, though the rest of the site is not for him.
#[tokio::test]
async fn a_pass_of_one_node_is_good_at_another_and_earned_where_the_site_is_closed() {
    use panoply::{AccessConfig, CookieGuardConfig, KeyRing};
    let store: std::sync::Arc<dyn panoply::CounterStore> =
        std::sync::Arc::new(panoply_store_memory::MemoryStore::builder().build());
    let node = || {
        let access = AccessConfig::new("/", ["192.0.2.1"]).except(["/open/"]);
        let keys = KeyRing::random().unwrap();
        let secret = panoply::Secret::new(vec![7; 32]);
        let suit = Panoply::recommended()
            .store(std::sync::Arc::clone(&store), secret)
            .cookies(CookieGuardConfig::default(), keys, "shop.example")
            .access([access])
            .challenge(ChallengeConfig::new().paths(["/"]).work(1));
        let suit = suit.build().unwrap();
        Router::new().fallback(async || "in").layer(suit)
    };
    let ask = async |app: &Router, method: &str, path: &str, more: Option<(&str, &str)>| {
        let peer: SocketAddr = "203.0.113.9:1".parse().unwrap();
        let mut request = Request::builder().method(method).uri(path);
        request = request
            .header("accept", "text/html")
            .header("host", "shop.example");
        if let Some((name, value)) = more {
            request = request.header(name, value);
        }
        let request = request.extension(ConnectInfo(peer)).body(Body::empty());
        app.clone().oneshot(request.unwrap()).await.unwrap()
    };
    let (one, other) = (node(), node());
    assert_eq!(ask(&one, "GET", "/", None).await.status(), 404);
    let page = ask(&one, "GET", "/open/x", None).await;
    assert_eq!(page.status(), 403);
    let page = axum::body::to_bytes(page.into_body(), 1 << 20)
        .await
        .unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    let (_, task) = page.split_once("data-task=\"").unwrap();
    let task = task.split('"').next().unwrap();
    // Of so little work every second number is a solution.
    let mut given = Response::default();
    for number in 0..64 {
        let solution = format!("{task} {number}");
        let more = Some(("panoply-solution", &*solution));
        given = ask(&other, "POST", "/.well-known/panoply/challenge", more).await;
        if given.status() == 201 {
            break;
        }
    }
    assert_eq!(given.status(), 201);
    let cookie = given.headers()["set-cookie"].to_str().unwrap();
    let pass = cookie.split(';').next().unwrap();
    for app in [&one, &other] {
        let answer = ask(app, "GET", "/open/x", Some(("cookie", pass))).await;
        assert_eq!(answer.status(), 200);
        // It opens nothing else.
        let answer = ask(app, "GET", "/", Some(("cookie", pass))).await;
        assert_eq!(answer.status(), 404);
    }
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

/// One that names nobody would have everybody be let in, if what it asks in its own name were.
#[tokio::test]
async fn a_proxy_that_names_nobody_needs_a_pass_and_one_that_says_so_does_not() {
    use panoply::ClientConfig;
    let suit = |exempt: Option<&str>, client: ClientConfig, others: &str| {
        let config = ChallengeConfig::new().paths(["/"]).exempt(exempt);
        let suit = Panoply::recommended().challenge(config).client(client);
        let others = panoply_core::Networks::parse(&[others]).unwrap();
        suit.other_proxies(others).build().unwrap()
    };
    let own = "203.0.113.9";
    let (named, counted) = (
        ClientConfig::new().trusted_proxies([own]),
        ClientConfig::new().hops(1),
    );
    for client in [named.clone(), counted] {
        let app = app(&suit(None, client, "192.0.2.1"));
        assert_eq!(ask(&app, "GET").await.status(), 403);
    }
    let spared = app(&suit(Some(own), named, "192.0.2.1"));
    assert_eq!(ask(&spared, "GET").await.status(), 200);
    let says_so = app(&suit(None, ClientConfig::new(), own));
    assert_eq!(ask(&says_so, "GET").await.status(), 200);
}
