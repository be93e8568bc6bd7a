//! The future of a layer that may refuse.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

pin_project! {
    /// The response of the service within, or a refusal in its place.
    #[derive(Debug)]
    pub struct RefusedOr<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProjection]
    enum State<F> {
        Passed { #[pin] call: F },
        Refused { answer: Option<Box<Response<Bytes>>> },
    }
}

impl<F> RefusedOr<F> {
    /// What the service within answers.
    pub const fn passed(call: F) -> Self {
        Self {
            state: State::Passed { call },
        }
    }

    /// This answer, which the service within knows nothing of.
    pub fn refused(answer: Response<Bytes>) -> Self {
        let answer = Some(Box::new(answer));
        Self {
            state: State::Refused { answer },
        }
    }
}

impl<F, R, E> Future for RefusedOr<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { call } => call.poll(cx),
            StateProjection::Refused { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(R::from))),
                // Polled again after the end, which a future may answer as it likes.
                None => Poll::Pending,
            },
        }
    }
}
