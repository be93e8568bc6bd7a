//! One request to a service of this process.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use panoply_core::AppTime;

use super::incoming::Unread;
use super::{Answering, Incoming, Resident};
use crate::body::{AppBody, Progress, RequestBody};
use crate::proxy::{Failure, Pool, Wait, end_hops};
use crate::settings::Times;

/// A service's answer, under way, for as long as it may take.
pub(crate) struct Calling {
    answering: Answering,
    unread: Option<Unread>,
    since: Duration,
    wait: Wait,
    progress: Rc<Progress>,
}

impl Calling {
    /// Hands `request` to `service`.
    pub(crate) fn new(
        service: &Resident,
        request: Request<RequestBody>,
        pool: &Pool,
        times: Times,
    ) -> Self {
        let progress = request.body().progress();
        let (head, body) = request.into_parts();
        let (body, unread) = Incoming::of(body);
        Self {
            answering: service.answer(Request::from_parts(head, body)),
            unread,
            since: pool.moment(),
            wait: Wait::new(pool, times, &progress),
            progress,
        }
    }

    /// The answer, and how long it took.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        pool: &Pool,
    ) -> Poll<(Result<Response<AppBody>, Failure>, AppTime)> {
        // What is left of it after a panic is not polled again.
        let polled = catch_unwind(AssertUnwindSafe(|| self.answering.as_mut().poll(cx)));
        let answer = match polled {
            Err(_) => Err(Failure::Panicked),
            Ok(Poll::Ready(answer)) => self.sound(answer),
            Ok(Poll::Pending) => {
                if self.wait.poll(cx, &self.progress).is_pending() {
                    return Poll::Pending;
                }
                Err(match self.progress.fault() {
                    Some(fault) => Failure::Body(fault),
                    None => Failure::Timeout,
                })
            }
        };
        if answer.is_err() {
            // Whoever is not waited for any longer reads no more, either.
            self.answering = Box::pin(std::future::pending());
        }
        if let Some(unread) = self.unread.take() {
            unread.settle();
        }
        let took = pool.moment().saturating_sub(self.since);
        Poll::Ready((answer, AppTime::new(Some(took), None)))
    }

    /// The answer, if it is one to this request.
    fn sound(
        &self,
        answer: Result<Response<AppBody>, super::BoxError>,
    ) -> Result<Response<AppBody>, Failure> {
        let is_error = match &answer {
            Ok(answer) => answer.status() >= StatusCode::BAD_REQUEST,
            Err(_) => true,
        };
        match (self.progress.fault(), answer) {
            // Whose fault it is the body knows best.
            (Some(fault), _) if is_error => Err(Failure::Body(fault)),
            (_, Ok(answer)) if answer.status().is_informational() => Err(Failure::Unasked),
            (_, Ok(mut answer)) => {
                end_hops(answer.headers_mut());
                Ok(answer)
            }
            (_, Err(error)) => Err(Failure::Own(error)),
        }
    }
}

impl fmt::Debug for Calling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calling")
    }
}
