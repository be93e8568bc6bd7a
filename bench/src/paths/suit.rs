//! Whole services, without a server: a GET of a page with a session.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::Service as _;

use super::{Path, at_once};
use crate::services::{self, Dress, Points};

fn request(path: &'static str, cookie: Option<&HeaderValue>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static(path);
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("shop.example"));
    headers.insert("user-agent", HeaderValue::from_static("Mozilla/5.0 (X11)"));
    headers.insert("accept", HeaderValue::from_static("text/html,*/*;q=0.8"));
    headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.7"));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    if let Some(cookie) = cookie {
        headers.insert(COOKIE, cookie.clone());
    }
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// Requests to a service, the answers' bodies read to their ends.
fn gets(service: Router, cookie: Option<HeaderValue>, expected: StatusCode) -> Path {
    // As axum's server does, so that routes are not made anew for each request.
    let mut service: Router = service.with_state(());
    Box::new(move |_| {
        let answered = at_once(async {
            let answer = service.call(request("/", cookie.as_ref())).await;
            let Ok(answer) = answer;
            let status = answer.status();
            let body = answer.into_body().collect().await;
            body.is_ok().then_some(status)
        });
        answered.flatten() == Some(expected)
    })
}

fn with_session(dress: Dress) -> Result<Path> {
    let mut service = dress.service()?;
    let made = at_once(service.call(request("/make", None))).context("it waits")?;
    let Ok(made) = made;
    let status = made.status();
    ensure!(status.is_success(), "a session could not be made: {status}");
    let cookie = made.headers().get(SET_COOKIE).context("no cookie")?;
    let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
    let cookie = HeaderValue::from_str(pair)?;
    Ok(gets(service, Some(cookie), StatusCode::OK))
}

/// The app alone.
pub(super) fn bare() -> Result<Path> {
    Ok(gets(Dress::Bare.service()?, None, StatusCode::OK))
}

/// The app in the whole suit.
pub(super) fn suit() -> Result<Path> {
    with_session(Dress::Suit)
}

/// The app in those of its layers that do what the peers do.
pub(super) fn parts() -> Result<Path> {
    with_session(Dress::Parts)
}

/// The app with its peers.
pub(super) fn peers() -> Result<Path> {
    with_session(Dress::Peers)
}

/// What the suit refuses by its limit.
pub(super) fn refusal() -> Result<Path> {
    let mut service = services::suit(Points::One)?;
    drop(at_once(service.call(request("/", None))));
    Ok(gets(service, None, StatusCode::TOO_MANY_REQUESTS))
}
