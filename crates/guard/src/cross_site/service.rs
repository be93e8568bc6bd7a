//! The guard as a layer.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use panoply_core::RefusedOr;
use tower_layer::Layer;
use tower_service::Service;

use super::{CrossSiteGuard, Verdict};

/// Refuses what another site's page has caused, with 403.
///
/// What brings nothing that its user is known by goes on, with a [`CausedElsewhere`](panoply_core::CausedElsewhere) in
/// its extensions, by which a login guard within refuses a password.
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.guard.verdict(&request) {
            Verdict::Passes => {}
            Verdict::Bare => {
                request.extensions_mut().insert(self.guard.caused());
            }
            Verdict::CrossSite => {
                let caused = self.guard.caused();
                // Whoever runs the site learns what to write if a partner was refused: once for each.
                if let Some(origin) = caused.to_tell(request.headers()) {
                    tracing::info!(
                        origin,
                        "a request that another site caused is refused; if that site is yours or a \
                         partner's, name it in `cross_site.origins`, or the path in `cross_site.paths`"
                    );
                }
                return RefusedOr::refused(caused.refusal().answer_to(&request));
            }
        }
        RefusedOr::passed(self.inner.call(request))
    }
}

/// The future of [`CrossSiteService`].
pub type CrossSiteFuture<F> = RefusedOr<F>;
