//! Logins that a page of another site sends in its own name.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::post;
use http::{Request, StatusCode};
use panoply::{CrossSiteConfig, LoginConfig, Panoply};
use tower::ServiceExt as _;

const FORM: &str = "application/x-www-form-urlencoded";

async fn status(suit: Panoply, path: &str, kind: &str, body: &str) -> StatusCode {
    let app = Router::new().fallback(post(async |body: String| body));
    let app = app.layer(suit.build().unwrap());
    let peer: SocketAddr = "203.0.113.9:1".parse().unwrap();
    let request = Request::post(path)
        .header("host", "shop.example")
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", kind)
        .extension(ConnectInfo(peer))
        .body(Body::from(body.to_owned()));
    app.oneshot(request.unwrap()).await.unwrap().status()
}

#[tokio::test]
async fn a_login_that_another_site_sends_is_refused_without_a_cookie_too() {
    let suit = Panoply::recommended;
    let login = "username=eve&password=known";
    let enter = || suit().logins([LoginConfig::route("/enter")]);
    let exempt = |cross_site| suit().cross_site(cross_site);
    let config = CrossSiteConfig::new;
    let (no, yes) = (StatusCode::FORBIDDEN, StatusCode::OK);
    for (suit, path, body, expected) in [
        (suit(), "/login", login, no),
        (suit(), "/hub/login", login, no),
        (suit(), "/login?password=known", "", no),
        (enter(), "/enter", login, no),
        // It is a login nowhere else.
        (enter(), "/login", login, yes),
        (suit(), "/contact", login, yes),
        // What identity providers send.
        (suit(), "/login", "SAMLResponse=PHNhbWxw&RelayState=x", yes),
        (suit(), "/login", "code=abc&state=xyz", yes),
        (exempt(config().paths(["/login"])), "/login", login, yes),
        (
            exempt(config().origins(["https://evil.example"])),
            "/login",
            login,
            yes,
        ),
        (exempt(config().danger_enabled(false)), "/login", login, yes),
    ] {
        assert_eq!(
            status(suit, path, FORM, body).await,
            expected,
            "{path} {body}"
        );
    }
    let json = r#"{"username":"eve","password":"known"}"#;
    assert_eq!(status(suit(), "/login", "text/plain", json).await, no);
    // A browser has asked the app whether that page may.
    assert_eq!(
        status(suit(), "/login", "application/json", json).await,
        yes
    );
}
