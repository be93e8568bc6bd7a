//! A suit around a service that goes by several names.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, StatusCode};
use panoply::{LimitConfig, LoginConfig, Panoply};
use tower::ServiceExt as _;

/// How many of twenty wrong passwords, each from another client, come to the service.
async fn guesses(app: &Router, host: &str, path: &str) -> usize {
    let mut tried = 0;
    for client in 0..20 {
        let peer = SocketAddr::from(([203, 0, 113, client], 1));
        let request = Request::post(path).header("host", host);
        let request = request.extension(ConnectInfo(peer));
        let body = Body::from("username=ada&password=x");
        let answer = app.clone().oneshot(request.body(body).unwrap());
        tried += usize::from(answer.await.unwrap().status() == StatusCode::UNAUTHORIZED);
    }
    tried
}

fn app(suit: Panoply) -> Router {
    let app = Router::new().fallback(async || StatusCode::UNAUTHORIZED);
    app.layer(suit.build().unwrap())
}

#[tokio::test]
async fn logins_of_some_names_leave_the_usual_ones_to_all_others() {
    let enter = || LoginConfig::route("/enter").domains(["a.test"]);
    let app = app(Panoply::recommended().logins([enter()]));
    for (host, path, expected) in [
        ("a.test", "/enter", 10),
        ("a.test", "/login", 20),
        ("b.test", "/login", 10),
        ("b.test", "/enter", 20),
    ] {
        assert_eq!(guesses(&app, host, path).await, expected, "{host}{path}");
    }
    // One for all names takes the place of the usual ones under all, and so do none.
    let general = LoginConfig::route("/in");
    for logins in [vec![enter(), general], Vec::new()] {
        let app = self::app(Panoply::recommended().logins(logins));
        assert_eq!(guesses(&app, "b.test", "/login").await, 20);
    }
}

#[tokio::test]
async fn a_limit_of_some_names_is_one_under_them() {
    let limit = LimitConfig::new(3, Duration::from_mins(1)).key(["path"]);
    let app = app(Panoply::recommended()
        .logins([])
        .limits([limit.domains(["a.test"])]));
    assert_eq!(guesses(&app, "b.test", "/").await, 20);
    assert_eq!(guesses(&app, "A.test:8443", "/").await, 3);
}

#[test]
fn a_name_that_is_none_is_told_with_where_it_stands() {
    let minute = Duration::from_mins(1);
    let good = || LimitConfig::new(9, minute);
    let suit = Panoply::recommended().limits([good(), good().domains(["a.*"])]);
    assert_eq!(suit.build().unwrap_err().key(), "limit[1].domains");
    let login = LoginConfig::route("/login").domains(["a.test:1"]);
    let suit = Panoply::recommended().logins([login]);
    assert_eq!(suit.build().unwrap_err().key(), "login[0].domains");
}
