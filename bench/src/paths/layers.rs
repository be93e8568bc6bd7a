//! Layers one by one, around a service that answers as an app does.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use panoply::headers::Headers;
use panoply::{ClientAddress, ClientConfig, Connection, CrossSiteConfig, Scheme};
use panoply_core::{CounterKeys, CounterStore as _, Op, Rule};
use panoply_store_memory::MemoryStore;
use tower::{Layer, Service};

use super::{Path, at_once};

/// Answers as an app does that sends a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App;

impl<B> Service<Request<B>> for App {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Bytes>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut answer = Response::new(Bytes::from_static(b"hello"));
        let headers = answer.headers_mut();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, text);
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        ready(Ok(answer))
    }
}

/// A client for each of ten thousand calls.
pub(crate) fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + number % 10_000)
}

pub(crate) fn request(path: &'static str) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static(path);
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("shop.example"));
    headers.insert("user-agent", HeaderValue::from_static("Mozilla/5.0 (X11)"));
    headers.insert("accept", HeaderValue::from_static("text/html,*/*;q=0.8"));
    request
}

/// A layer around the app, and requests that are made by their number.
pub(crate) fn layered<L, M>(layer: &L, make: M) -> Path
where
    L: Layer<App>,
    L::Service: Service<Request<()>, Response = Response<Bytes>> + 'static,
    M: Fn(u32) -> Request<()> + 'static,
{
    let mut service = layer.layer(App);
    Box::new(move |number| {
        let answer = at_once(service.call(make(number)));
        matches!(answer, Some(Ok(answer)) if answer.status().is_success())
    })
}

/// Helmet's headers on an answer.
pub(super) fn headers() -> Result<Path> {
    let headers = Headers::helmet().build()?;
    Ok(layered(&headers.layer(), |_| request("/cart")))
}

/// The same where a hundred paths have headers of their own.
pub(super) fn headers_by_path() -> Result<Path> {
    let headers = crate::grow::routes::headers_of(100)?;
    Ok(layered(&headers.layer(), |_| request("/route99/a")))
}

/// The client behind two proxies that are trusted.
pub(super) fn client() -> Result<Path> {
    let client = ClientConfig::new().trusted_proxies(["loopback", "10.0.0.0/8"]);
    let layer = panoply::client::ClientLayer::new(client.build()?);
    Ok(layered(&layer, |_| {
        let mut request = request("/cart");
        let headers = request.headers_mut();
        let chain = HeaderValue::from_static("203.0.113.7, 10.1.2.3");
        headers.insert("x-forwarded-for", chain);
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
        request.extensions_mut().insert(Connection::new(peer, None));
        request
    }))
}

/// The client that is nobody's proxy.
pub(super) fn client_direct() -> Result<Path> {
    let layer = panoply::client::ClientLayer::new(ClientConfig::new().build()?);
    Ok(layered(&layer, |_| {
        let mut request = request("/cart");
        let peer = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 7), 4000));
        request.extensions_mut().insert(Connection::new(peer, None));
        request
    }))
}

/// One decision on one counter.
#[expect(clippy::unnecessary_wraps, reason = "it is one of many that may fail")]
pub(super) fn counter() -> Result<Path> {
    let keys = CounterKeys::new([7; 16]);
    let store = MemoryStore::default();
    let rule = Rule::new("limit", i64::from(u32::MAX), Duration::from_hours(1));
    Ok(Box::new(move |number| {
        let key = keys.key("limit", &[&address(number).octets()]);
        let decided = store.decide(&[Op::reserve(key, &rule)]).now();
        decided.is_ok_and(|decided| decided.is_ok_and(|decision| decision.is_granted()))
    }))
}

/// A limit of requests, with its headers.
pub(super) fn limit() -> Result<Path> {
    let layer = crate::grow::routes::limits_of(1)?;
    Ok(layered(&layer, |number| {
        let mut request = request("/cart");
        let peer = SocketAddr::from((address(number), 4000));
        let client = ClientAddress::direct(peer, Scheme::Https);
        request.extensions_mut().insert(client);
        request
    }))
}

/// A post from a page of the site's own.
pub(super) fn cross_site() -> Result<Path> {
    let guard = CrossSiteConfig::new().build()?;
    let layer = panoply::guard::CrossSiteLayer::new(guard);
    Ok(layered(&layer, |_| {
        let mut request = request("/cart");
        *request.method_mut() = http::Method::POST;
        let headers = request.headers_mut();
        headers.insert("cookie", HeaderValue::from_static("session=abc"));
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        request
    }))
}
