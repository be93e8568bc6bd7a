//! The layer that has paths there for some addresses only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use panoply_core::{ClientAddress, Refusal, RefusedOr};
use tower_layer::Layer;
use tower_service::Service;

use super::config::{Access, AccessConfig};
use super::path::Reading;
use crate::Error;
use crate::original::original;
use crate::tried::Told;

/// The rule of its refusals.
const RULE: &str = "access/path";

/// Answers 404, as though nothing were there, to whoever asks for a path and is not from where it is there for.
///
/// A path is read as any app might, and where several tables speak of it, each has to let the client through.
#[derive(Debug, Clone, Default)]
pub struct AccessLayer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rules: Vec<Access>,
    /// Whether it was said that nobody knows who is calling.
    told: AtomicBool,
}

/// Where IIS and what follows it, Symfony among it, say that another path is meant. They are dropped from whom nobody
/// trusts; a proxy that is trusted may pass on what its client wrote.
pub(crate) static MEANT: [HeaderName; 2] = [
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

impl AccessLayer {
    /// A layer with these tables.
    ///
    /// # Errors
    ///
    /// When one of them is wrong.
    pub fn new(rules: impl IntoIterator<Item = AccessConfig>) -> Result<Self, Error> {
        let rules: Result<Vec<Access>, Error> =
            rules.into_iter().map(|rule| rule.check()).collect();
        Ok(Self(Arc::new(Inner {
            rules: rules?,
            told: AtomicBool::new(false),
        })))
    }

    /// Whether what is asked for is not there for whoever asks.
    fn hides<B>(&self, request: &Request<B>) -> bool {
        if self.0.rules.is_empty() {
            return false;
        }
        let (uri, whole) = (request.uri(), original(request.extensions(), request.uri()));
        // Within a router that is nested, as it stands there and as the client wrote it.
        let cut = (whole.path() != uri.path()).then(|| uri.path());
        let meant = MEANT
            .iter()
            .flat_map(|name| request.headers().get_all(name));
        let meant = meant.filter_map(|value: &HeaderValue| value.to_str().ok());
        let paths = std::iter::once(whole.path()).chain(cut);
        let mut paths = paths.chain(meant.map(crate::login::path_of));
        paths.any(|path| self.hides_path(request, &Reading::of(path)))
    }

    fn hides_path<B>(&self, request: &Request<B>, path: &Reading<'_>) -> bool {
        let client = || request.extensions().get().map(ClientAddress::ip);
        self.0.rules.iter().any(|rule| {
            if !rule.path.covers(path) {
                return false;
            }
            let Some(client) = client() else {
                self.tell_of_nobody();
                return !rule.dry_run;
            };
            if rule.allow.contains(client) {
                return false;
            }
            if rule.dry_run {
                rule.tell();
            }
            !rule.dry_run
        })
    }

    /// Says in the log, once, that nobody knows who is calling.
    fn tell_of_nobody(&self) {
        if !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "a path is there for some addresses only, and requests carry no client address, so it is there for \
                 nobody: the suit or a ClientLayer must stand around this layer, and be served with the peer's \
                 address (into_make_service_with_connect_info::<SocketAddr>())"
            );
        }
    }
}

impl Access {
    /// Says that it would have refused a request, or how many since it was said.
    fn tell(&self) {
        match self.tried.note("") {
            Some(Told::One) => tracing::warn!(
                rule = RULE,
                "a request would have been refused, but dry_run is on"
            ),
            Some(Told::Many(requests, within)) => tracing::warn!(
                rule = RULE,
                requests,
                within_s = within.as_secs(),
                "more requests would have been refused, but dry_run is on"
            ),
            None => {}
        }
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> AccessService<S> {
        AccessService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`AccessLayer`] makes.
#[derive(Debug, Clone)]
pub struct AccessService<S> {
    inner: S,
    layer: AccessLayer,
}

impl<S, B, R> Service<Request<B>> for AccessService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = AccessFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.layer.hides(&request) {
            return RefusedOr::passed(self.inner.call(request));
        }
        // In the words that take the place of what a framework says of no path.
        let detail = "There is nothing at this address.";
        let refusal = Refusal::new(StatusCode::NOT_FOUND, RULE, detail);
        RefusedOr::refused(refusal.answer_to(&request))
    }
}

/// The future of [`AccessService`].
pub type AccessFuture<F> = RefusedOr<F>;
