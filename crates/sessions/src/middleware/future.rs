//! The answer to one request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, EXPIRES, PRAGMA, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use panoply_core::{Refusal, RequestId, keep_private};
use pin_project_lite::pin_project;

use crate::Session;
use crate::session::{Finished, Refused};

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The response of the service within, once the session is committed.
    pub struct SessionFuture<F: Future> {
        #[pin]
        state: State<F, F::Output>,
        // None where the layer that made it stands outside, and finishes it.
        session: Option<Session>,
        accept: Option<HeaderValue>,
        id: Option<RequestId>,
    }

    impl<F: Future> PinnedDrop for SessionFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            // Of a client that has gone, or a time limit outside: a task of the handler's may go on.
            if let Some(session) = this.project().session {
                session.answer_is_gone();
            }
        }
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, O> {
        Calling { #[pin] call: F },
        Finishing { finish: Later<Finished>, response: Option<O> },
    }
}

impl<F: Future> SessionFuture<F> {
    pub(super) const fn new(
        call: F,
        session: Session,
        accept: Option<HeaderValue>,
        id: Option<RequestId>,
    ) -> Self {
        Self {
            state: State::Calling { call },
            session: Some(session),
            accept,
            id,
        }
    }

    /// Of a request whose session is another's to finish.
    pub(super) const fn passed(call: F) -> Self {
        Self {
            state: State::Calling { call },
            session: None,
            accept: None,
            id: None,
        }
    }
}

impl<F, R, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Calling { call } => {
                    // Changed where it lies: a response is large to be moved.
                    let mut polled = call.poll(cx);
                    let Poll::Ready(answer) = &mut polled else {
                        return polled;
                    };
                    let session = this.session.as_ref();
                    let session = session.filter(|session| !session.is_untouched());
                    let Some(session) = session else {
                        return polled;
                    };
                    let Ok(response) = answer else {
                        session.answer_is_gone();
                        return polled;
                    };
                    let is_error = response.status().is_server_error();
                    if let Some(finished) = session.finish_at_once(is_error) {
                        let no_store = session.forbids_caching();
                        let accept = this.accept.take();
                        close(response, &finished, no_store, accept, *this.id);
                        return polled;
                    }
                    let session = session.clone();
                    let Poll::Ready(response) = polled else {
                        return polled;
                    };
                    this.state.set(State::Finishing {
                        finish: Box::pin(async move { session.finish(is_error).await }),
                        response: Some(response),
                    });
                }
                StateProjection::Finishing { finish, response } => {
                    let finished = ready!(finish.as_mut().poll(cx));
                    return match response.take() {
                        Some(Ok(mut response)) => {
                            let session = this.session.as_ref();
                            let no_store = session.is_some_and(Session::forbids_caching);
                            let accept = this.accept.take();
                            close(&mut response, &finished, no_store, accept, *this.id);
                            Poll::Ready(Ok(response))
                        }
                        Some(error) => Poll::Ready(error),
                        // Polled again after the end, which a future may answer as it likes.
                        None => Poll::Pending,
                    };
                }
            }
        }
    }
}

/// Makes of an answer what goes out.
fn close<R: From<Bytes>>(
    response: &mut Response<R>,
    finished: &Finished,
    no_store: bool,
    accept: Option<HeaderValue>,
    id: Option<RequestId>,
) {
    if let Some(refused) = finished.refused {
        let refusal = match refused {
            Refused::Outage => Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "session/outage",
                "Your session cannot be read or kept at the moment. Please try again.",
            )
            .with_retry_after(RETRY),
            Refused::Unkept => Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "session/unkept",
                "Your session could not be kept.",
            ),
        };
        let refusal = id.into_iter().fold(refusal, Refusal::with_id);
        let asked: HeaderMap = accept.into_iter().map(|accept| (ACCEPT, accept)).collect();
        *response = refusal.into_response(&asked).map(R::from);
    }
    let headers = response.headers_mut();
    let keeps_out = no_store && finished.involved && !says_of_keeping(headers);
    let line = finished.cookie.as_deref().map(HeaderValue::try_from);
    if let Some(Ok(line)) = line {
        headers.append(SET_COOKIE, line);
        keep_private(headers);
    }
    if keeps_out {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Whether the app says itself whether an answer may be kept. By a walk: an answer has few headers within.
fn says_of_keeping(headers: &HeaderMap) -> bool {
    let says = |name: &HeaderName| *name == CACHE_CONTROL || *name == EXPIRES || *name == PRAGMA;
    headers.keys().any(says)
}

/// When to try again while the store is away.
const RETRY: std::time::Duration = std::time::Duration::from_secs(5);

impl<F: Future> std::fmt::Debug for SessionFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
