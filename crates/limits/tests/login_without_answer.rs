//! Logins to which the app gives no answer.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use panoply_core::{ClientAddress, Scheme, Secret};
use panoply_limits::{LoginConfig, LoginLayer, LoginVerdict};
use panoply_store_memory::MemoryStore;
use tower::{Layer as _, Service as _, service_fn};

type Body = Full<Bytes>;

fn layer(config: LoginConfig) -> LoginLayer {
    let store = Arc::new(MemoryStore::builder().build());
    config.build(store, &Secret::new(vec![7; 32])).unwrap()
}

/// What comes of a login whose app is `app`, where nobody waits for it; nothing if it panicked.
fn login<F>(layer: &LoginLayer, app: impl Fn() -> F + Clone) -> Option<Result<u16, &'static str>>
where
    F: Future<Output = Result<Response<Body>, &'static str>>,
{
    judged(layer, |_| app())
}

/// The same of an app that may say how it went.
fn judged<F>(
    layer: &LoginLayer,
    app: impl Fn(LoginVerdict) -> F + Clone,
) -> Option<Result<u16, &'static str>>
where
    F: Future<Output = Result<Response<Body>, &'static str>>,
{
    let mut request = Request::post("/login").body(Full::from("username=ada&password=x"));
    let peer: SocketAddr = "203.0.113.9:1".parse().unwrap();
    let extensions = request.as_mut().unwrap().extensions_mut();
    extensions.insert(ClientAddress::direct(peer, Scheme::Https));
    let mut service = layer.layer(service_fn(move |request: Request<_>| {
        app(request.extensions().get::<LoginVerdict>().unwrap().clone())
    }));
    let once = AssertUnwindSafe(|| {
        let mut call = pin!(service.call(request.unwrap()));
        call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    });
    match std::panic::catch_unwind(once) {
        Ok(std::task::Poll::Ready(answer)) => Some(answer.map(|answer| answer.status().as_u16())),
        Ok(std::task::Poll::Pending) => Some(Err("left")),
        Err(_) => None,
    }
}

async fn falls() -> Result<Response<Body>, &'static str> {
    panic!("the pool has no connection")
}

async fn fails() -> Result<Response<Body>, &'static str> {
    Err("timed out")
}

#[tokio::test]
async fn an_app_that_falls_over_locks_nobody_out() {
    let site = layer(LoginConfig::route("/login"));
    for number in 0..30 {
        assert_eq!(login(&site, falls), None, "{number}: it panics on");
        assert_eq!(login(&site, fails), Some(Err("timed out")), "{number}");
    }
    let right = || async { Ok(Response::new(Body::default())) };
    assert_eq!(login(&site, right), Some(Ok(200)));
}

#[tokio::test]
async fn what_the_handler_has_said_before_it_fell_counts() {
    let site = layer(LoginConfig::route("/login"));
    for _ in 0..5 {
        let told = judged(&site, |verdict| async move {
            verdict.failed();
            falls().await
        });
        assert_eq!(told, None);
        let told = judged(&site, |verdict| async move {
            verdict.failed();
            fails().await
        });
        assert_eq!(told, Some(Err("timed out")));
    }
    assert_eq!(login(&site, falls), Some(Ok(429)));
}

#[tokio::test]
async fn unless_that_is_to_count() {
    let table = "path = \"/login\"\notherwise = \"keep\"";
    let site = layer(toml::from_str(table).unwrap());
    for _ in 0..5 {
        assert_eq!(login(&site, falls), None);
        assert_eq!(login(&site, fails), Some(Err("timed out")));
    }
    assert_eq!(login(&site, falls), Some(Ok(429)));
}

#[tokio::test]
async fn who_does_not_wait_is_counted_and_told_of() {
    let log = Log::default();
    let heard = tracing::subscriber::set_default(log.clone());
    let site = layer(LoginConfig::route("/login"));
    for _ in 0..10 {
        let left = login(&site, std::future::pending);
        assert_eq!(left, Some(Err("left")));
    }
    let right = || async { Ok(Response::new(Body::default())) };
    assert_eq!(login(&site, right), Some(Ok(429)));
    drop(heard);
    // Of the pair, and of the user.
    assert_eq!(log.0.load(std::sync::atomic::Ordering::SeqCst), 2);
}

/// How many warnings there were.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::atomic::AtomicUsize>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        if *event.metadata().level() == tracing::Level::WARN {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
