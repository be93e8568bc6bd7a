//! The guard as a layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::ORIGIN;
use http::{HeaderMap, Request, Response, StatusCode};
use panoply_core::{Refusal, RequestId};
use pin_project_lite::pin_project;
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
            let call = self.inner.call(request);
            return CrossSiteFuture {
                state: State::Passed { call },
            };
        }
        self.tell(request.headers());
        let detail = "A page of another site has sent this request. If you meant to do it, open this \
                      site by itself and do it there.";
        let refusal = Refusal::new(StatusCode::FORBIDDEN, RULE, detail);
        let id = request.extensions().get::<RequestId>().copied();
        let refusal = id.into_iter().fold(refusal, Refusal::with_id);
        CrossSiteFuture {
            state: State::Refused {
                answer: Some(Box::new(refusal.into_response(request.headers()))),
            },
        }
    }
}

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

pin_project! {
    /// The future of [`CrossSiteService`].
    #[derive(Debug)]
    pub struct CrossSiteFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateOf]
    enum State<F> {
        Passed { #[pin] call: F },
        Refused { answer: Option<Box<Response<Bytes>>> },
    }
}

impl<F, R, E> Future for CrossSiteFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateOf::Passed { call } => call.poll(cx),
            StateOf::Refused { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(R::from))),
                // Polled again though it has ended.
                None => Poll::Pending,
            },
        }
    }
}
