//! Who asks for what only scanners ask for.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use panoply::{LimitConfig, Panoply, ProbesConfig};
use tower::ServiceExt as _;

/// What the last of so many probes is answered.
async fn last(suit: Panoply, number: usize) -> u16 {
    let app = Router::new().fallback(async || http::StatusCode::NOT_FOUND);
    let app = app.layer(suit.build().unwrap());
    let mut status = 0;
    for number in 0..number {
        let peer: SocketAddr = "203.0.113.9:1".parse().unwrap();
        let request = Request::get(format!("/{number}/.env")).extension(ConnectInfo(peer));
        let request = request.body(Body::empty()).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        status = answer.status().as_u16();
    }
    status
}

#[tokio::test]
async fn the_suit_holds_nobody_out_for_probes_unless_it_is_told_to() {
    let suit = Panoply::recommended;
    assert_eq!(last(suit(), 30).await, 404);
    assert_eq!(last(suit().probes(ProbesConfig::default()), 30).await, 404);
    assert_eq!(last(suit().probes(ProbesConfig::new()), 10).await, 404);
    assert_eq!(last(suit().probes(ProbesConfig::new()), 11).await, 429);
}

#[test]
fn the_limit_whose_name_is_taken_is_named() {
    let minute = std::time::Duration::from_mins(1);
    let requests = || LimitConfig::new(100, minute);
    let answers = |name: &str| requests().name(name).answers([404]).lock(minute);
    let key = |limits: Vec<LimitConfig>, probes: bool| {
        let suit = Panoply::recommended().limits(limits);
        let suit = if probes {
            suit.probes(ProbesConfig::new())
        } else {
            suit
        };
        suit.build().err().map(|error| error.key())
    };
    let taken = |number: usize| Some(format!("limit[{number}].name"));
    let (a, b) = (|| answers("a"), || answers("b"));
    assert_eq!(key(vec![a(), requests(), b()], false), None);
    assert_eq!(key(vec![a(), requests(), b(), a()], false), taken(3));
    assert_eq!(
        key(vec![requests(), b(), a(), requests(), a(), b()], true),
        taken(4)
    );
    assert_eq!(
        key(vec![requests(), a(), answers("probes")], true),
        taken(2)
    );
    assert_eq!(key(vec![requests(), a(), answers("probes")], false), None);
    // Of requests and of answers each have their own.
    assert_eq!(key(vec![requests().name("a"), a()], false), None);
}
