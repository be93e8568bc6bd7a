//! Services whose answers have other bodies than axum's.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt as _, Full};
use panoply::limits::GuardedBody;
use panoply::{Connection, Panoply, Session, SessionConfig};
use panoply_store_memory::MemorySessionStore;
use tower::{Layer as _, ServiceExt as _, service_fn};

type Asked = Request<GuardedBody<Full<Bytes>>>;

fn request() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    let peer = "203.0.113.9:1".parse().unwrap();
    request.extensions_mut().insert(Connection::new(peer, None));
    request
}

fn hello() -> Full<Bytes> {
    Full::from("hello")
}

#[tokio::test]
async fn the_suit_takes_any_body() {
    let boxed = service_fn(async |_: Asked| {
        let body: BoxBody<Bytes, io::Error> = hello().map_err(|never| match never {}).boxed();
        Ok::<_, Infallible>(Response::new(body))
    });
    let unsync = service_fn(async |_: Asked| {
        let body: UnsyncBoxBody<Bytes, Infallible> = hello().boxed_unsync();
        Ok::<_, Infallible>(Response::new(body))
    });
    let suit = Panoply::recommended().build().unwrap();
    let answer = suit.layer(boxed).oneshot(request()).await.unwrap();
    assert_eq!(answer.headers()["x-frame-options"], "SAMEORIGIN");
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "hello");
    let answer = suit.layer(unsync).oneshot(request()).await.unwrap();
    assert_eq!(answer.headers()["x-frame-options"], "SAMEORIGIN");
}

#[tokio::test]
async fn sessions_take_one_that_is_made_axum_s() {
    let boxed = service_fn(async |request: Asked| {
        let session = request.extensions().get::<Session>().unwrap();
        session.insert("seen", &true).await.unwrap();
        let body: BoxBody<Bytes, Infallible> = hello().boxed();
        Ok::<_, Infallible>(Response::new(body))
    });
    let store = Arc::new(MemorySessionStore::default());
    let sessions = SessionConfig::new().build(store).unwrap();
    let boxed = boxed.map_response(|answer| answer.map(axum::body::Body::new));
    let suit = Panoply::recommended().build().unwrap();
    let app = suit.layer(sessions.layer().layer(boxed));
    let answer = app.oneshot(request()).await.unwrap();
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "hello");
}
