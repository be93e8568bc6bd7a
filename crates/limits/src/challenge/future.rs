//! The future of the layer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderValue, Response};
use panoply_core::{RefusedOr, keep_private};
use pin_project_lite::pin_project;

use super::cookies::withhold;

pin_project! {
    /// The future of [`ChallengeService`](super::ChallengeService).
    #[derive(Debug)]
    pub struct ChallengeFuture<F> {
        #[pin]
        call: RefusedOr<F>,
        after: After,
    }
}

/// What becomes of an answer.
#[derive(Debug)]
pub(super) enum After {
    Nothing,
    /// The app sets no pass.
    Guarded,
    /// This one is set.
    Renewed(Box<HeaderValue>),
}

impl<F> ChallengeFuture<F> {
    pub(super) const fn passed(call: F, after: After) -> Self {
        Self {
            call: RefusedOr::passed(call),
            after,
        }
    }

    pub(super) fn answered(answer: Response<Bytes>) -> Self {
        Self {
            call: RefusedOr::refused(answer),
            after: After::Nothing,
        }
    }
}

impl<F, R, E> Future for ChallengeFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut polled = this.call.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut polled {
            match std::mem::replace(this.after, After::Nothing) {
                After::Nothing => {}
                After::Guarded => withhold(response.headers_mut()),
                After::Renewed(pass) => {
                    let headers = response.headers_mut();
                    withhold(headers);
                    headers.append(SET_COOKIE, *pass);
                    keep_private(headers);
                }
            }
        }
        polled
    }
}
