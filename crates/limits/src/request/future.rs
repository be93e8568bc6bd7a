//! The answer to one request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use panoply_core::{Decision, RefusedOr, StoreError};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::headers::Standing;
use super::layer::{Asked, LimitLayer, Verdict};

type Decided = Pin<Box<dyn Future<Output = Result<Decision, StoreError>> + Send>>;

pin_project! {
    /// The future of [`LimitService`](super::LimitService).
    pub struct LimitFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
        standing: Standing,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, B> {
        Deciding {
            decided: Decided,
            waiting: Option<Box<Waiting<S, B>>>,
        },
        Calling { #[pin] call: RefusedOr<F> },
    }
}

/// A request whose limits are being asked.
struct Waiting<S, B> {
    service: S,
    request: Request<B>,
    layer: LimitLayer,
    asked: Asked,
}

impl<S, B> LimitFuture<S, B>
where
    S: Service<Request<B>>,
{
    /// A request that goes on, and what its answer is to tell.
    pub(super) const fn passed(call: S::Future, standing: Standing) -> Self {
        let call = RefusedOr::passed(call);
        Self {
            state: State::Calling { call },
            standing,
        }
    }

    /// A request that is answered so.
    pub(super) fn refused(answer: Response<Bytes>) -> Self {
        let call = RefusedOr::refused(answer);
        Self {
            state: State::Calling { call },
            standing: Standing::default(),
        }
    }

    /// A request whose limits have to be waited for.
    pub(super) fn deciding(
        decided: impl Future<Output = Result<Decision, StoreError>> + Send + 'static,
        service: S,
        request: Request<B>,
        layer: LimitLayer,
        asked: Asked,
    ) -> Self {
        Self {
            state: State::Deciding {
                decided: Box::pin(decided),
                waiting: Some(Box::new(Waiting {
                    service,
                    request,
                    layer,
                    asked,
                })),
            },
            standing: Standing::default(),
        }
    }
}

impl<S, B, R> Future for LimitFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let (decided, waiting) = match this.state.as_mut().project() {
                StateProjection::Deciding { decided, waiting } => {
                    (ready!(decided.as_mut().poll(cx)), waiting.take())
                }
                StateProjection::Calling { call } => {
                    // Changed where it lies: a response is large to be moved.
                    let mut polled = call.poll(cx);
                    if let Poll::Ready(Ok(response)) = &mut polled {
                        this.standing.tell(response.headers_mut());
                    }
                    return polled;
                }
            };
            // Polled again after the end, which a future may answer as it likes.
            let Some(waiting) = waiting else {
                return Poll::Pending;
            };
            let Waiting {
                mut service,
                request,
                layer,
                asked,
            } = *waiting;
            let call = match layer.verdict(&asked, decided, &request) {
                Verdict::Passes(standing) => {
                    *this.standing = standing;
                    RefusedOr::passed(service.call(request))
                }
                Verdict::Refused(answer) => RefusedOr::refused(answer),
            };
            this.state.set(State::Calling { call });
        }
    }
}

impl<S, B> std::fmt::Debug for LimitFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LimitFuture").finish_non_exhaustive()
    }
}
