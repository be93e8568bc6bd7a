//! A layer that lets nobody through who is not logged in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use panoply_core::{Refusal, RefusedOr};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Error, Session};

mod htmx;
mod next;

pub use next::local_path;
use next::{encoded, target};

/// Lets nobody through who is not logged in: 401, or for pages the way to the login.
///
/// It stands within a [`SessionLayer`](crate::SessionLayer). A session that nobody has been logged in to by
/// [`Session::login`] is not enough. It costs the look at the session that the handler would have taken.
///
/// In axum it is a `route_layer` of the routes that it is for. As a `layer` it would stand around what is found
/// nowhere as well, also of a router that the routes are merged into, and lead strangers to the login from there.
///
/// ```
/// use panoply_sessions::LoginRequiredLayer;
///
/// let pages = LoginRequiredLayer::redirect_to("/login")?; // /account leads to /login?next=%2Faccount
/// let api = LoginRequiredLayer::new();
/// # let _ = (pages, api);
/// # Ok::<(), panoply_sessions::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct LoginRequiredLayer {
    login: Option<Arc<str>>,
}

impl LoginRequiredLayer {
    /// Answers 401.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leads whoever asks for a page (a GET or HEAD that takes HTML) to the login at `path`, with where he
    /// wanted to go as `next`, which [`local_path`] checks afterwards, unless that takes more than 4 KiB. All else
    /// is answered 401.
    ///
    /// htmx is led there as well, whatever it asks for: a browser follows a redirect by itself, and htmx would put
    /// the login into the middle of the page. It gets `HX-Redirect` beside the 401, and the page that it is on, not
    /// the part of it that was asked for, is `next`.
    ///
    /// # Errors
    ///
    /// When `path` is no path of this site.
    pub fn redirect_to(path: &str) -> Result<Self, Error> {
        let plain = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'#';
        if local_path(path).is_none() || !path.bytes().all(plain) {
            return Err(Error::Value {
                key: "login",
                problem: format!("is `{path}`, which is no path of this site"),
                example: "`/login`",
            });
        }
        let login = Some(path.into());
        Ok(Self { login })
    }

    /// What whoever is not logged in is answered.
    fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
        let asks = matches!(*request.method(), Method::GET | Method::HEAD);
        let accepts = request.headers().get_all(ACCEPT).iter();
        let html = accepts.filter_map(|value| value.to_str().ok());
        let html = html.flat_map(|value| value.split(','));
        let mut html = html.map(|range| range.split(';').next().unwrap_or("").trim());
        let html = html.any(|range| range.eq_ignore_ascii_case("text/html"));
        let login = self.login.as_deref();
        if let Some(login) = login
            && htmx::is_asking(request.headers())
        {
            let page = htmx::page(request).or_else(|| asks.then(|| target(request)));
            let mut answer = unauthorized().answer_to(request);
            let is_there = page.as_deref().map(path) == Some(path(login));
            let location = page.map_or_else(|| login.to_owned(), |page| way(login, &page));
            if let Ok(location) = HeaderValue::try_from(location)
                && !is_there
            {
                answer.headers_mut().insert(htmx::REDIRECT, location);
            }
            return answer;
        }
        let login = login.filter(|_| asks && html);
        let target = target(request);
        if login.is_some_and(|login| path(login) == path(&target)) {
            tracing::error!(
                path = path(&target),
                "nobody can log in: the login itself stands within its `LoginRequiredLayer`"
            );
        } else if let Some(answer) = login.and_then(|login| lead(login, &target)) {
            return answer;
        }
        unauthorized().answer_to(request)
    }
}

fn unauthorized() -> Refusal {
    let detail = "Log in first.";
    Refusal::new(StatusCode::UNAUTHORIZED, "session/login", detail)
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// Longest `next`: three times as long as what was asked for, it would be more than servers take of a client.
const LONGEST: usize = 4096;

/// The way to the login, and back.
fn way(login: &str, to: &str) -> String {
    let joint = if login.contains('?') { '&' } else { '?' };
    let to = encoded(to);
    if to.len() > LONGEST {
        login.to_owned()
    } else {
        format!("{login}{joint}next={to}")
    }
}

fn lead(login: &str, to: &str) -> Option<Response<Bytes>> {
    let location = HeaderValue::try_from(way(login, to)).ok()?;
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let headers = answer.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(answer)
}

impl<S> Layer<S> for LoginRequiredLayer {
    type Service = LoginRequiredService<S>;

    fn layer(&self, inner: S) -> LoginRequiredService<S> {
        LoginRequiredService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`LoginRequiredLayer`] makes.
#[derive(Debug, Clone)]
pub struct LoginRequiredService<S> {
    inner: S,
    layer: LoginRequiredLayer,
}

impl<S, B, R> Service<Request<B>> for LoginRequiredService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = LoginRequiredFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let session = request.extensions().get::<Session>().cloned();
        // The one that is ready goes into the future; its clone stays and is made ready again.
        let clone = self.inner.clone();
        let service = std::mem::replace(&mut self.inner, clone);
        let asked = async move {
            match session {
                Some(session) => session.user().await.map(|user| user.is_some()),
                None => Err(Error::NoLayer),
            }
        };
        LoginRequiredFuture {
            state: State::Asking {
                asked: Box::pin(asked),
                waiting: Some(Waiting {
                    service,
                    request,
                    layer: self.layer.clone(),
                }),
            },
        }
    }
}

/// A request of which nobody knows yet whose it is.
struct Waiting<S, B> {
    service: S,
    request: Request<B>,
    layer: LoginRequiredLayer,
}

type Asked = Pin<Box<dyn Future<Output = Result<bool, Error>> + Send>>;

pin_project! {
    /// The future of [`LoginRequiredService`].
    pub struct LoginRequiredFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, B> {
        Asking { asked: Asked, waiting: Option<Waiting<S, B>> },
        Calling { #[pin] call: RefusedOr<F> },
    }
}

impl<S, B, R> Future for LoginRequiredFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let (asked, waiting) = match this.state.as_mut().project() {
                StateProjection::Asking { asked, waiting } => {
                    (ready!(asked.as_mut().poll(cx)), waiting.take())
                }
                StateProjection::Calling { call } => return call.poll(cx),
            };
            // Polled again after the end, which a future may answer as it likes.
            let Some(waiting) = waiting else {
                return Poll::Pending;
            };
            let Waiting {
                mut service,
                request,
                layer,
            } = waiting;
            let call = match asked {
                Ok(true) => RefusedOr::passed(service.call(request)),
                Ok(false) => RefusedOr::refused(layer.answer(&request)),
                Err(error) => RefusedOr::refused(failed(&error).answer_to(&request)),
            };
            this.state.set(State::Calling { call });
        }
    }
}

/// Nobody gets in because nobody can be asked.
fn failed(error: &Error) -> Refusal {
    if matches!(error, Error::Store(_)) {
        let detail = "Your session cannot be read at the moment. Please try again.";
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "session/outage", detail);
    }
    tracing::error!(%error, "nobody can be let in");
    let detail = "It cannot be told who is logged in.";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "session/missing", detail)
}

impl<S, B> std::fmt::Debug for LoginRequiredFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginRequiredFuture")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
