//! The innermost service: a request that the suit has let in, to the app and back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response, StatusCode};
use panoply_core::{ClientAddress, Connection, Refusal, RequestId};
use tower_service::Service;

use crate::body::{RequestBody, ResponseBody};
use crate::proxy::{self, Failure, Pool, Upstream};
use crate::settings::{Live, REPORTS_PATH};
use crate::shared::{AppState, Shared};
use crate::{intake, reports};

/// Takes a request through intake, redirect and reports to the app.
#[derive(Debug, Clone)]
pub(crate) struct AppService(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    live: Arc<Live>,
    pool: Rc<Pool>,
    upstream: Upstream,
}

impl AppService {
    pub(crate) fn new(shared: Arc<Shared>, live: Arc<Live>, pool: Rc<Pool>) -> Self {
        let upstream = Upstream {
            response_timeout: live.response_timeout,
            stall_timeout: live.limits.patience.stall,
            h2c: live.h2c,
            placeholder: live.placeholder.as_deref().map(Rc::from),
        };
        Self(Rc::new(Inner {
            shared,
            live,
            pool,
            upstream,
        }))
    }
}

impl Service<Request<RequestBody>> for AppService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let inner = Rc::clone(&self.0);
        Box::pin(async move { Ok(inner.answer(request).await) })
    }
}

impl Inner {
    async fn answer(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        let version = request.version();
        let id = request.extensions().get::<RequestId>().copied();
        let client = request.extensions().get().map(ClientAddress::ip);
        let accept = request.headers().get(http::header::ACCEPT).cloned();
        match self.pass(request).await {
            Ok(answer) => answer,
            Err(refusal) => {
                let ip = client.map(tracing::field::display);
                tracing::debug!(client.ip = ip, rule = refusal.rule(), verdict = "refused");
                let closes = intake::closes(&refusal);
                let refusal = id.into_iter().fold(refusal, Refusal::with_id);
                let mut asked = http::HeaderMap::new();
                asked.extend(accept.map(|accept| (http::header::ACCEPT, accept)));
                let mut response = refusal.into_response(&asked).map(ResponseBody::from);
                if closes {
                    intake::close(&mut response, version);
                }
                response
            }
        }
    }

    async fn pass(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Refusal> {
        if let Err(refusal) = intake::admit(&mut request) {
            // A head that hyper could not read has no host; why it was refused comes with it.
            return Err(request.extensions_mut().remove().unwrap_or(refusal));
        }
        if request.headers().len() > self.live.limits.header_count {
            // HTTP/1 heads are counted by hyper, HTTP/2 ones only by their size.
            let detail = "The request has more headers than this server accepts.";
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Err(Refusal::new(status, "limits/header-count", detail));
        }
        if let Some(redirect) = self.redirect(&request) {
            return redirect;
        }
        let limit = self.live.limits.body_bytes;
        if http_body::Body::size_hint(request.body()).lower() > limit {
            return Err(Failure::Body(crate::body::Fault::TooLarge).refusal());
        }
        if self.live.reports && request.uri().path() == REPORTS_PATH {
            return reports::receive(request, &self.shared.reports).await;
        }
        match **self.shared.app.load() {
            AppState::Up(address) => self.pool.move_to(address),
            AppState::Starting => {
                let detail = "The application behind this address is starting. Try again shortly.";
                return Err(
                    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "app/starting", detail)
                        .with_retry_after(Duration::from_secs(1)),
                );
            }
        }
        proxy::forward(&self.pool, &self.upstream, request)
            .await
            .map_err(|failure| {
                let cause = std::error::Error::source(&failure).map(tracing::field::display);
                if matches!(
                    failure,
                    Failure::Broken(_) | Failure::Unasked | Failure::Coded
                ) {
                    // Nobody else knows why: to the app all was well.
                    tracing::warn!(error = %failure, cause, "the app gave no answer");
                } else {
                    tracing::debug!(error = %failure, cause, "the app gave no answer");
                }
                failure.refusal()
            })
    }

    /// On plain HTTP, the way to HTTPS, unless a trusted proxy says the client came by it.
    fn redirect(
        &self,
        request: &Request<RequestBody>,
    ) -> Option<Result<Response<ResponseBody>, Refusal>> {
        let port = self.shared.https_port?;
        let plain = request.extensions().get::<Connection>()?.tls.is_none();
        let by_https = request
            .extensions()
            .get()
            .is_some_and(ClientAddress::is_https);
        if !plain || by_https {
            return None;
        }
        let Some(location) = intake::https_location(request, port) else {
            // HTTP/1.0 need not say the host, and what is not known must not pass unprotected.
            let detail = "The request does not say which host it is for.";
            let refusal = Refusal::new(StatusCode::BAD_REQUEST, "intake/no-host", detail);
            return Some(Err(refusal));
        };
        let mut response = Response::new(ResponseBody::from(Bytes::new()));
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(LOCATION, location);
        Some(Ok(response))
    }
}
