//! The way in: what a request must be, and for whom, the way to HTTPS, and reports, before anything counts it.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use panoply::limits::{GuardedBody, LoginReport};
use panoply_core::{AskedForm, ClientAddress, Connection, Refusal, RequestId};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::hosts::{self, Standing};
use super::{Ports, admit, astray, close, closes, https_location, late, moved_location, origin};
use crate::body::{Fault, RequestBody, ResponseBody};
use crate::proxy::Failure;
use crate::reports;
use crate::settings::{Live, REPORTS_PATH};
use crate::shared::Shared;
use crate::wire::TOO_LARGE;

/// Where ACME directories look for answers (RFC 8555 §8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// An answer, whoever made it.
type Answer = Response<GuardedBody<ResponseBody>>;

/// Stands between the layers that see every answer and those that count: what is refused here, sent
/// to HTTPS or reported is no attempt of anything.
#[derive(Debug, Clone)]
pub(crate) struct Intake<S> {
    inner: S,
    shared: Arc<Shared>,
    live: Arc<Live>,
}

impl<S> Intake<S> {
    pub(crate) const fn new(inner: S, shared: Arc<Shared>, live: Arc<Live>) -> Self {
        Self {
            inner,
            shared,
            live,
        }
    }

    /// What may not pass, or is answered here.
    fn turn_away(&self, request: &mut Request<RequestBody>) -> Option<Result<Answer, Refusal>> {
        if let Err(refusal) = admit(request) {
            // A head that hyper could not read has no host; why it was refused comes with it.
            return Some(Err(request.extensions_mut().remove().unwrap_or(refusal)));
        }
        if late::is(request) {
            return Some(Err(late::refusal()));
        }
        // HTTP/1 heads are held to both limits as they are read.
        if super::is_longer(request, self.live.limits.header_bytes) {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Some(Err(Refusal::new(status, "limits/head", TOO_LARGE)));
        }
        if super::fields(request) > self.live.limits.header_count {
            let detail = "The request has more headers than this server accepts.";
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Some(Err(Refusal::new(status, "limits/header-count", detail)));
        }
        if let Some(answer) = self.challenge(request) {
            return Some(Ok(answer));
        }
        let moved = match self.live.hosts.standing(request) {
            Standing::Own => None,
            Standing::Moved(name) => Some(name),
            // The handshake that it is sent to is what makes it one of the site's.
            Standing::Foreign if self.live.hosts.on_demand && self.to_https(request).is_some() => {
                None
            }
            Standing::Foreign => {
                self.live.hosts.tell(request, &self.shared.foreign_hosts);
                return Some(Err(hosts::refusal()));
            }
        };
        if let Some(redirect) = self.redirect(request, moved) {
            return Some(redirect);
        }
        if request.body().is_too_large() {
            return Some(Err(Failure::Body(Fault::TooLarge).refusal()));
        }
        None
    }

    /// Whether the client is blocked, as the layer that refuses it says further in.
    fn is_blocked(&self, request: &Request<RequestBody>) -> bool {
        let client = request.extensions().get::<ClientAddress>();
        client.is_some_and(|client| self.live.suit.block_of(client).is_some())
    }

    /// What an ACME directory looks for; what others ask for below that path is theirs.
    fn challenge(&self, request: &Request<RequestBody>) -> Option<Answer> {
        let token = request.uri().path().strip_prefix(CHALLENGES)?;
        let answer = self.live.lasting.challenges.http_answer(token)?;
        let mut response = Response::new(GuardedBody::from(Bytes::from(answer)));
        let octets = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(CONTENT_TYPE, octets);
        Some(response)
    }

    /// Where HTTPS is, for a request that came by plain HTTP, unless a trusted proxy says that the client did not.
    fn to_https(&self, request: &Request<RequestBody>) -> Option<Ports> {
        let plain = request.extensions().get::<Connection>()?.tls.is_none();
        let leads = plain && (!is_by_https(request) || astray::is(request));
        self.shared.ports.filter(|_| leads)
    }

    /// The way to HTTPS, and to the name that the site goes by.
    fn redirect(
        &self,
        request: &Request<RequestBody>,
        moved: Option<&str>,
    ) -> Option<Result<Answer, Refusal>> {
        let by_https = is_by_https(request);
        let location = match (self.to_https(request), moved) {
            (Some(ports), moved) => https_location(request, ports, moved),
            (None, Some(name)) => moved_location(request, name, by_https),
            (None, None) => return None,
        };
        if astray::is(request) && (by_https || location.is_none()) {
            return Some(Err(astray::refusal()));
        }
        let Some(location) = location else {
            // HTTP/1.0 need not say the host, and what is not known must not pass unprotected.
            let detail = "The request does not say which host it is for.";
            let refusal = Refusal::new(StatusCode::BAD_REQUEST, "intake/no-host", detail);
            return Some(Err(refusal));
        };
        let mut response = Response::new(GuardedBody::from(Bytes::new()));
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(LOCATION, location);
        Some(Ok(response))
    }
}

/// Whether the client's own request came by HTTPS.
fn is_by_https(request: &Request<RequestBody>) -> bool {
    let client = request.extensions().get();
    client.is_some_and(ClientAddress::is_https)
}

impl<S> Service<Request<RequestBody>> for Intake<S>
where
    S: Service<Request<RequestBody>, Response = Answer, Error = Infallible>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = IntakeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let way = match self.turn_away(&mut request) {
            Some(Ok(answer)) => Way::Answered {
                answer: Some(Box::new(answer)),
            },
            Some(Err(refusal)) => Way::Answered {
                answer: Some(Box::new(Asked::of(&request).refuse(refusal))),
            },
            None if self.live.reports
                && request.uri().path() == REPORTS_PATH
                && !self.is_blocked(&request) =>
            {
                let asked = Asked::of(&request);
                let reports = self.shared.reports.clone();
                let name = reports::own_name(&request, self.live.suit.headers());
                Way::Reporting {
                    reporting: Box::pin(async move {
                        let received = reports::receive(request, &reports, name).await;
                        received.unwrap_or_else(|refusal| asked.refuse(refusal))
                    }),
                }
            }
            None => {
                self.live.hosts.settle(&mut request);
                origin::restore(&mut request);
                let user_headers = self.live.suit.user_headers();
                request.body_mut().withhold(user_headers);
                Way::Passed {
                    call: self.inner.call(request),
                    shared: Arc::clone(&self.shared),
                }
            }
        };
        IntakeFuture { way }
    }
}

pin_project! {
    /// The future of [`Intake`].
    pub(crate) struct IntakeFuture<F> {
        #[pin]
        way: Way<F>,
    }
}

pin_project! {
    #[project = WayProjection]
    enum Way<F> {
        Passed { #[pin] call: F, shared: Arc<Shared> },
        Reporting { reporting: Pin<Box<dyn Future<Output = Answer>>> },
        Answered { answer: Option<Box<Answer>> },
    }
}

impl<F> Future for IntakeFuture<F>
where
    F: Future<Output = Result<Answer, Infallible>>,
{
    type Output = Result<Answer, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            WayProjection::Passed { call, shared } => {
                let answer = ready!(call.poll(cx))?;
                if let Some(report) = answer.extensions().get::<LoginReport>() {
                    shared.metrics.login(report.outcome);
                }
                Poll::Ready(Ok(answer))
            }
            WayProjection::Reporting { reporting } => reporting.as_mut().poll(cx).map(Ok),
            WayProjection::Answered { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(*answer)),
                // Polled again after the end, which a future may answer as it likes.
                None => Poll::Pending,
            },
        }
    }
}

/// What of a request its refusal depends on.
#[derive(Debug)]
pub(crate) struct Asked {
    client: Option<IpAddr>,
    id: Option<RequestId>,
    form: AskedForm,
    version: Version,
}

impl Asked {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            client: request.extensions().get().map(ClientAddress::ip),
            id: request.extensions().get().copied(),
            form: AskedForm::of(request.headers()),
            version: request.version(),
        }
    }

    /// The answer, in the form that was asked for.
    pub(crate) fn answer(self, refusal: Refusal) -> Response<Bytes> {
        let client = self.client.map(tracing::field::display);
        tracing::debug!(
            client.ip = client,
            rule = refusal.rule(),
            verdict = "refused"
        );
        let (closes, version) = (closes(&refusal), self.version);
        let (refusal, form) = self.told(refusal);
        let mut response = refusal.answer_as(&form);
        if closes {
            close(&mut response, version);
        }
        response
    }

    /// What is told of an error of the app's own, in the form that was asked for.
    pub(crate) fn page(self, words: Refusal) -> Response<Bytes> {
        let (words, form) = self.told(words);
        words.into_page(&form)
    }

    fn told(self, refusal: Refusal) -> (Refusal, AskedForm) {
        let refusal = self.id.into_iter().fold(refusal, Refusal::with_id);
        (refusal, self.form)
    }

    fn refuse(self, refusal: Refusal) -> Answer {
        self.answer(refusal).map(GuardedBody::from)
    }
}
