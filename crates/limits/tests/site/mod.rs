//! An app that knows one password, behind the login guard.

#![allow(
    dead_code,
    reason = "each test binary uses its own part of this module"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use panoply_core::{ClientAddress, CounterStore, ManualClock, Scheme, Secret};
use panoply_limits::{GuardedBody, LoginConfig, LoginLayer, LoginVerdict};
use panoply_store_memory::MemoryStore;
use tower::{Layer as _, ServiceExt as _, service_fn};

pub(crate) type Body = Full<Bytes>;
pub(crate) type Answer = Response<GuardedBody<Body>>;
pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

/// An app that knows one password, and what it has seen.
#[derive(Clone, Default)]
pub(crate) struct App {
    pub(crate) tried: Arc<AtomicUsize>,
}

impl App {
    pub(crate) async fn answer(
        self,
        request: Request<GuardedBody<Body>>,
    ) -> Result<Response<Body>, Infallible> {
        self.tried.fetch_add(1, Ordering::SeqCst);
        let verdict = request.extensions().get::<LoginVerdict>().cloned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        let mut response = Response::new(Full::new(body));
        if text.contains("broken") {
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        } else if text.contains("told") {
            verdict.unwrap().failed();
        } else if !text.contains("right") {
            *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        }
        Ok(response)
    }
}

pub(crate) struct Site {
    pub(crate) layer: LoginLayer,
    pub(crate) app: App,
    pub(crate) clock: ManualClock,
}

impl Site {
    pub(crate) fn new(config: LoginConfig) -> Self {
        Self::of(|build| build(config))
    }

    /// One of several logins, all of which count in one store.
    pub(crate) fn of(layer: impl FnOnce(&dyn Fn(LoginConfig) -> LoginLayer) -> LoginLayer) -> Self {
        let clock = ManualClock::new();
        let store: Arc<dyn CounterStore> =
            Arc::new(MemoryStore::builder().clock(clock.clone()).build());
        let secret = Secret::new(vec![7; 32]);
        let build = |login: LoginConfig| login.build(Arc::clone(&store), &secret).unwrap();
        Self {
            layer: layer(&build),
            app: App::default(),
            clock,
        }
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let app = self.app.clone();
        let service = self
            .layer
            .layer(service_fn(move |request| app.clone().answer(request)));
        service.oneshot(request).await.unwrap()
    }

    pub(crate) async fn post(&self, body: impl Into<Bytes>) -> Answer {
        self.ask(login(body, &[])).await
    }

    pub(crate) fn tried(&self) -> usize {
        self.app.tried.swap(0, Ordering::SeqCst)
    }
}

pub(crate) fn from(client: &str, request: &mut Request<Body>) {
    let peer: SocketAddr = client.parse().unwrap();
    let client = ClientAddress::direct(peer, Scheme::Https);
    request.extensions_mut().insert(client);
}

pub(crate) fn login(body: impl Into<Bytes>, headers: Headers<'_>) -> Request<Body> {
    let mut request = Request::post("/login");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Full::new(body.into())).unwrap();
    from("203.0.113.9:1", &mut request);
    request
}

pub(crate) fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::GzEncoder::new(text, flate2::Compression::fast());
    let mut packed = Vec::new();
    std::io::Read::read_to_end(&mut encoder, &mut packed).unwrap();
    packed
}
