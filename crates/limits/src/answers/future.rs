//! The answer to one request, and what it is replaced by if it is one too many.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use super::noted::{Noted, Verdict};

pin_project! {
    /// The future of [`AnswerService`](super::AnswerService).
    pub struct AnswerFuture<F, R> {
        #[pin]
        call: F,
        noted: Option<Box<Noted>>,
        judging: Option<Box<Judging<R>>>,
    }
}

/// An answer that waits for the store.
struct Judging<R> {
    answer: Option<Response<R>>,
    verdict: Pin<Box<dyn Future<Output = Verdict> + Send>>,
}

impl<F, R> AnswerFuture<F, R> {
    pub(super) const fn new(call: F, noted: Option<Box<Noted>>) -> Self {
        Self {
            call,
            noted,
            judging: None,
        }
    }
}

impl<F, R, E> Future for AnswerFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.judging.is_none() {
            let answer = ready!(this.call.poll(cx))?;
            let Some(mut noted) = this.noted.take().filter(|_| may_count(&answer)) else {
                return Poll::Ready(Ok(answer));
            };
            if !noted.counts(&answer) {
                return Poll::Ready(Ok(answer));
            }
            if let Some(verdict) = noted.judge_now() {
                return Poll::Ready(Ok(verdict.on(answer)));
            }
            *this.judging = Some(Box::new(Judging {
                answer: Some(answer),
                verdict: Box::pin(noted.judge()),
            }));
        }
        let Some(judging) = this.judging else {
            return Poll::Pending;
        };
        let verdict = ready!(judging.verdict.as_mut().poll(cx));
        match judging.answer.take() {
            Some(answer) => Poll::Ready(Ok(verdict.on(answer))),
            // Polled again after the end, which a future may answer as it likes.
            None => Poll::Pending,
        }
    }
}

/// Whether some limit could count it: nearly no answer.
fn may_count<R>(answer: &Response<R>) -> bool {
    let status = answer.status();
    status.is_client_error() || status.is_server_error()
}

impl<F, R> fmt::Debug for AnswerFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerFuture").finish_non_exhaustive()
    }
}
