//! The service and its future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{HOST, USER_AGENT};
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body::Body;
use panoply_core::{ClientAddress, Refusal, RequestId};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::Record;
use super::layer::Shared;
use super::{Exchange, TracedBody, ids};

/// The service that [`TraceLayer`](super::TraceLayer) makes.
#[derive(Debug, Clone)]
pub struct TraceService<S> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for TraceService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<TracedBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // That of a layer around this one, which only a layer can have put there.
        let outer = request.extensions().get::<RequestId>().copied();
        let id = outer.or_else(|| given(&request)).unwrap_or_else(ids::next);
        let listening = self.shared.observer.is_listening();
        let record = listening.then(|| record(id, &request, &self.shared));
        let head = *request.method() == Method::HEAD;
        request.extensions_mut().insert(id);
        ResponseFuture {
            inner: self.inner.call(request),
            record,
            id,
            head,
        }
    }
}

const ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id that a trusted proxy has given.
fn given<B>(request: &Request<B>) -> Option<RequestId> {
    let client = request.extensions().get::<ClientAddress>()?;
    if !client.is_peer_trusted() {
        return None;
    }
    let mut given = request.headers().get_all(ID).iter();
    let id = RequestId::parse(given.next()?.as_bytes())?;
    given.next().is_none().then_some(id)
}

/// What is known of an exchange that begins. Boxed, since it is handed on with the answer through all that stands
/// outside.
fn record<B>(id: RequestId, request: &Request<B>, shared: &Arc<Shared>) -> Box<Record> {
    let started = shared.clock.monotonic();
    let exchange = Exchange {
        id,
        client: request.extensions().get().map(ClientAddress::ip),
        method: request.method().clone(),
        uri: request.uri().clone(),
        host: request.headers().get(HOST).cloned(),
        user_agent: request.headers().get(USER_AGENT).cloned(),
        version: request.version(),
        status: StatusCode::OK,
        bytes: 0,
        duration: Duration::ZERO,
        first_byte: Duration::ZERO,
        app: None,
        rule: None,
        block: None,
        aborted: false,
    };
    Box::new(Record {
        exchange,
        started,
        shared: Arc::clone(shared),
    })
}

pin_project! {
    /// The future of [`TraceService`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // Until there is an answer; none where nobody is to be told.
        record: Option<Box<Record>>,
        id: RequestId,
        // Whether it is HEAD that is answered.
        head: bool,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            // Whoever hangs up on every answer is told of as well: the app has had the request.
            if let Some(record) = this.project().record.take() {
                record.unanswered();
            }
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<TracedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match ready!(this.inner.poll(cx)) {
            Ok(response) => response,
            Err(error) => {
                if let Some(record) = this.record.take() {
                    record.failed();
                }
                return Poll::Ready(Err(error));
            }
        };
        let record = this.record.take().map(|mut record| {
            record.exchange.first_byte = record.elapsed();
            record.exchange.status = Refusal::decided(response.status(), response.extensions());
            record.exchange.app = response.extensions().get().copied();
            let refusal = response.extensions().get::<Refusal>();
            record.exchange.rule = refusal.map(Refusal::rule);
            record.exchange.block = refusal.and_then(Refusal::block);
            record
        });
        response.headers_mut().insert(ID, (*this.id).into());
        let none = *this.head;
        let body = |body| TracedBody::new(body, record, none);
        Poll::Ready(Ok(response.map(body)))
    }
}
