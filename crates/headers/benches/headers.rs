//! What a response with all of Helmet's headers costs, here and elsewhere.
//!
//! The response begins with what an app usually sets. `as_it_is` is the cost of that alone, which
//! all others carry too.

#![expect(clippy::expect_used, reason = "a preset is always sound")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use divan::{AllocProfiler, black_box};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use panoply_core::{CertificateSource, Connection, TlsSession};
use panoply_headers::Headers;
use tower::{Layer, Service};
use tower_http::set_header::SetResponseHeaderLayer;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const HELMET: [(&str, &str); 12] = [
    (
        "content-security-policy",
        "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';\
         frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';\
         script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("referrer-policy", "no-referrer"),
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
];

fn main() {
    divan::main();
}

/// Answers with a copy of these headers.
#[derive(Clone)]
struct App(HeaderMap);

impl Service<Request<()>> for App {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let mut response = Response::new(());
        *response.headers_mut() = self.0.clone();
        ready(Ok(response))
    }
}

fn app(count: usize) -> App {
    let usual = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-length", "4711"),
        ("date", "Tue, 01 Jan 2030 00:00:00 GMT"),
        ("etag", "W/\"1267-abc\""),
        ("x-powered-by", "Express"),
        ("connection", "keep-alive"),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in usual.into_iter().take(count) {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    App(headers)
}

fn request() -> Request<()> {
    let tls = TlsSession::new(CertificateSource::Files, None);
    let mut request = Request::new(());
    let connection = Connection::new(([127, 0, 0, 1], 1).into(), Some(tls));
    request.extensions_mut().insert(connection);
    request
}

/// The response is dropped within what is measured, as a server does once it is written.
fn run<S: Service<Request<()>>>(bencher: divan::Bencher<'_, '_>, mut service: S) {
    bencher.with_inputs(request).bench_local_values(|request| {
        let future = pin!(service.call(request));
        let answer = future.poll(&mut Context::from_waker(Waker::noop()));
        drop(black_box(answer));
    });
}

#[divan::bench(args = [0, 6], sample_size = 500)]
fn as_it_is(bencher: divan::Bencher<'_, '_>, set: usize) {
    run(bencher, app(set));
}

#[divan::bench(args = [0, 6], sample_size = 500)]
fn panoply(bencher: divan::Bencher<'_, '_>, set: usize) {
    let layer = Headers::helmet().build().expect("a preset").layer();
    run(bencher, layer.layer(app(set)));
}

#[divan::bench(args = [0, 6], sample_size = 500)]
fn panoply_with_nonce(bencher: divan::Bencher<'_, '_>, set: usize) {
    let layer = Headers::strict().build().expect("a preset").layer();
    run(bencher, layer.layer(app(set)));
}

#[divan::bench(args = [0, 6], sample_size = 500)]
fn tower_http_repeated(bencher: divan::Bencher<'_, '_>, set: usize) {
    macro_rules! layered {
        ($service:expr; $($number:literal)+) => {{
            let service = $service;
            $(
                let (name, value) = HELMET[$number];
                let service = SetResponseHeaderLayer::overriding(
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
                .layer(service);
            )+
            service
        }};
    }
    run(bencher, layered!(app(set); 0 1 2 3 4 5 6 7 8 9 10 11));
}

#[divan::bench(args = [0, 6], sample_size = 500)]
fn axum_helmet(bencher: divan::Bencher<'_, '_>, set: usize) {
    let layer = axum_helmet::Helmet::default()
        .into_layer()
        .expect("the default");
    run(bencher, layer.layer(app(set)));
}
