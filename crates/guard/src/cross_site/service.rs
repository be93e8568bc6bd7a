//! The guard as a layer.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::ORIGIN;
use http::{HeaderMap, Request, Response, StatusCode};
use panoply_core::{Refusal, RefusedOr};
use tower_layer::Layer;
use tower_service::Service;

use super::{CrossSiteGuard, Verdict};

/// The rule of its refusals.
const RULE: &str = "cross-site";

/// Refuses what another site's page has caused, with 403.
#[derive(Debug, Clone)]
pub struct CrossSiteLayer(CrossSiteGuard);

impl CrossSiteLayer {
    /// A layer with this guard.
    pub const fn new(guard: CrossSiteGuard) -> Self {
        Self(guard)
    }
}

impl<S> Layer<S> for CrossSiteLayer {
    type Service = CrossSiteService<S>;

    fn layer(&self, inner: S) -> CrossSiteService<S> {
        CrossSiteService {
            inner,
            guard: self.0.clone(),
        }
    }
}

/// The service that [`CrossSiteLayer`] makes.
#[derive(Debug, Clone)]
pub struct CrossSiteService<S> {
    inner: S,
    guard: CrossSiteGuard,
}

impl<S, B, R> Service<Request<B>> for CrossSiteService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = CrossSiteFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.guard.verdict(&request) == Verdict::Passes {
            return RefusedOr::passed(self.inner.call(request));
        }
        self.tell(request.headers());
        let detail = "A page of another site has sent this request. If you meant to do it, open this \
                      site by itself and do it there.";
        let refusal = Refusal::new(StatusCode::FORBIDDEN, RULE, detail);
        RefusedOr::refused(refusal.answer_to(&request))
    }
}

/// The future of [`CrossSiteService`].
pub type CrossSiteFuture<F> = RefusedOr<F>;

impl<S> CrossSiteService<S> {
    /// Whoever runs the site learns what to write if a partner was refused: once for each.
    fn tell(&self, headers: &HeaderMap) {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let origin = origin.unwrap_or("(unknown)");
        if self.guard.first_told(origin) {
            tracing::info!(
                origin,
                "a request that another site caused is refused; if that site is yours or a \
                 partner's, name it in `cross_site.origins`, or the path in `cross_site.paths`"
            );
        }
    }
}
