//! What becomes of a request to a path that is there for some only.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use panoply_core::RefusedOr;
use pin_project_lite::pin_project;
use tower_service::Service;

pin_project! {
    /// The future of [`AccessService`](super::AccessService).
    pub struct AccessFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Decided { #[pin] call: RefusedOr<S::Future> },
        // Apart, since few are and all would have room for it.
        Checking { checking: Option<Box<Checking<S, B>>> },
    }
}

/// Says whether a request may pass; what it is refused with if not.
pub(super) type Check = Pin<Box<dyn Future<Output = Option<Response<Bytes>>> + Send>>;

struct Checking<S, B> {
    check: Check,
    service: S,
    request: Request<B>,
}

impl<S, B> AccessFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) const fn passed(call: S::Future) -> Self {
        Self {
            state: State::Decided {
                call: RefusedOr::passed(call),
            },
        }
    }

    pub(super) fn refused(answer: Response<Bytes>) -> Self {
        Self {
            state: State::Decided {
                call: RefusedOr::refused(answer),
            },
        }
    }

    /// Hands `request` to `service`, which is ready, if it may pass.
    pub(super) fn checked(check: Check, service: S, request: Request<B>) -> Self {
        let checking = Checking {
            check,
            service,
            request,
        };
        Self {
            state: State::Checking {
                checking: Some(Box::new(checking)),
            },
        }
    }
}

impl<S, B> fmt::Debug for AccessFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessFuture").finish_non_exhaustive()
    }
}

impl<S, B, R> Future for AccessFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let call = match this.state.as_mut().project() {
                StateProjection::Decided { call } => return call.poll(cx),
                StateProjection::Checking { checking } => {
                    let Some(under_way) = checking.as_mut() else {
                        // Polled again after the end, which a future may answer as it likes.
                        return Poll::Pending;
                    };
                    let refused = ready!(under_way.check.as_mut().poll(cx));
                    let Some(under_way) = checking.take() else {
                        return Poll::Pending;
                    };
                    let Checking {
                        mut service,
                        request,
                        ..
                    } = *under_way;
                    match refused {
                        Some(answer) => RefusedOr::refused(answer),
                        None => RefusedOr::passed(service.call(request)),
                    }
                }
            };
            this.state.set(State::Decided { call });
        }
    }
}
