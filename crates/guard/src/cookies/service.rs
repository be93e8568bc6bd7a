//! The guard as a layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use panoply_core::{ClientAddress, Refusal, RefusedOr};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{CookieGuard, CookiesSeen};

/// Wears a [`CookieGuard`] around a service.
///
/// Whether a client came by HTTPS is told by the [`ClientAddress`] in the request's extensions,
/// else by its URI.
///
/// Within another of the same guard it does nothing: what that one has put back would be dropped, as if a
/// client had sent it.
#[derive(Debug, Clone)]
pub struct CookieGuardLayer(CookieGuard);

impl CookieGuardLayer {
    /// A layer with this guard.
    pub const fn new(guard: CookieGuard) -> Self {
        Self(guard)
    }

    /// The guard.
    pub const fn guard(&self) -> &CookieGuard {
        &self.0
    }
}

impl<S> Layer<S> for CookieGuardLayer {
    type Service = CookieGuardService<S>;

    fn layer(&self, inner: S) -> CookieGuardService<S> {
        CookieGuardService {
            inner,
            guard: self.0.clone(),
        }
    }
}

/// The service that [`CookieGuardLayer`] makes.
#[derive(Debug, Clone)]
pub struct CookieGuardService<S> {
    inner: S,
    guard: CookieGuard,
}

/// A guard within which a request is, in its extensions.
#[derive(Clone)]
struct Within(CookieGuard);

/// The rule of its refusals.
const RULE: &str = "cookies/unsealable";

impl<S, B, R> Service<Request<B>> for CookieGuardService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = CookieFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let outer = request.extensions().get::<Within>();
        if outer.is_some_and(|Within(outer)| outer.is_same(&self.guard)) {
            return CookieFuture {
                call: RefusedOr::passed(self.inner.call(request)),
                guard: None,
                seen: CookiesSeen::default(),
                https: false,
                leaves: false,
                at_root: false,
            };
        }
        if self.guard.is_enabled() {
            request.extensions_mut().insert(Within(self.guard.clone()));
        }
        let client = request.extensions().get::<ClientAddress>();
        let https = client.map_or_else(
            || request.uri().scheme_str() == Some("https"),
            ClientAddress::is_https,
        );
        let seen = self.guard.incoming(request.headers_mut(), https);
        let path = request.uri().path();
        let leaves = self.guard.is_logout(path);
        // Where a cookie without a path is for all of the site (RFC 6265bis §5.1.4).
        let at_root = path.rfind('/').is_none_or(|at| at == 0);
        let call = if seen.blocked {
            RefusedOr::refused(unsealable().answer_to(&request))
        } else {
            RefusedOr::passed(self.inner.call(request))
        };
        CookieFuture {
            call,
            guard: Some(self.guard.clone()),
            seen,
            https,
            leaves,
            at_root,
        }
    }
}

fn unsealable() -> Refusal {
    let detail =
        "A cookie of this site is not as it was set. Clear the site's cookies and try again.";
    Refusal::new(StatusCode::BAD_REQUEST, RULE, detail)
}

pin_project! {
    /// The future of [`CookieGuardService`].
    #[derive(Debug)]
    pub struct CookieFuture<F> {
        #[pin]
        call: RefusedOr<F>,
        // None where another has it.
        guard: Option<CookieGuard>,
        seen: CookiesSeen,
        https: bool,
        leaves: bool,
        at_root: bool,
    }
}

impl<F, R, E> Future for CookieFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Changed where it lies: an answer is large to be moved.
        let mut polled = this.call.poll(cx);
        if let (Poll::Ready(Ok(answer)), Some(guard)) = (&mut polled, this.guard) {
            let status = answer.status();
            let (https, at_root) = (*this.https, *this.at_root);
            let set = guard.outgoing_from(answer.headers_mut(), https, at_root);
            if set || this.seen.session {
                guard.forbid_caching(status, answer.headers_mut(), set);
            }
            if *this.leaves {
                CookieGuard::clear(status, answer.headers_mut());
            }
        }
        polled
    }
}
