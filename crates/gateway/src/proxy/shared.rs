//! One request to an app that speaks HTTP/2, over a connection that others use too.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use panoply_core::{ClientAddress, Connection, RequestId, Scheme};

use super::forward::Upstream;
use super::multiplexed::Turn;
use super::pool::Pool;
use super::pools::Choice;
use super::stamping::ask_for_all;
use super::uploads::Outgoing;
use super::wait::Wait;
use super::{Failure, headers};
use crate::app::Rank;
use crate::body::{AppBody, Progress, RequestBody};
use crate::settings::Times;

/// Sends `request` on and gives the answer as soon as its head is there.
pub(super) async fn exchange(
    choice: Choice,
    upstream: &Upstream,
    times: Times,
    mut request: Request<RequestBody>,
) -> Result<Response<AppBody>, Failure> {
    prepare(
        &mut request,
        upstream.placeholder.is_some(),
        choice.pool.scheme(),
        upstream.host.as_ref(),
    );
    let progress = request.body().progress();
    let (mut answer, turn) = share(choice, upstream, times, request, &progress).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Failure::Unasked);
    }
    headers::to_client(answer.headers_mut());
    if answer.status() == StatusCode::NO_CONTENT {
        // Some clients break off over it (RFC 9110 §8.6).
        answer.headers_mut().remove(header::CONTENT_LENGTH);
    }
    Ok(answer.map(|body| {
        let turn = Some(turn).filter(|_| !body.is_end_stream());
        AppBody::http2(body, turn)
    }))
}

/// Makes the request what the app is to see.
fn prepare(
    request: &mut Request<RequestBody>,
    stamped: bool,
    scheme: Scheme,
    told: Option<&HeaderValue>,
) {
    let target = request.uri().path_and_query().cloned();
    let authority = request
        .uri()
        .authority()
        .map(|a| HeaderValue::from_str(a.as_str()));
    let client = request.extensions_mut().remove::<ClientAddress>();
    let id = request.extensions_mut().remove::<RequestId>();
    let connection = request.extensions_mut().remove::<Connection>();
    let map = request.headers_mut();
    // HTTP/2 has the host in `:authority` (RFC 9113 §8.3.1).
    let host = map
        .get(header::HOST)
        .cloned()
        .or_else(|| authority.and_then(Result::ok));
    headers::to_app(map, client.as_ref(), id.as_ref(), host);
    if let Some(told) = told {
        map.insert(header::HOST, told.clone());
    }
    let certificate = connection.and_then(|connection| connection.tls?.client);
    if let Some(certificate) = certificate {
        headers::with_certificate(map, &certificate);
    }
    if stamped {
        ask_for_all(target.as_ref().map_or("", PathAndQuery::path), map);
    }
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let whole = host.and_then(|host| {
        let uri = Uri::builder().scheme(scheme.as_str()).authority(host);
        uri.path_and_query(target.clone()).build().ok()
    });
    if whole.is_some() {
        // It is in `:authority`, and nginx refuses a request with both (RFC 9113 §8.3.1).
        request.headers_mut().remove(header::HOST);
    }
    *request.uri_mut() = whole.unwrap_or_else(|| Uri::from(target));
    *request.version_mut() = Version::HTTP_2;
}

/// What is kept of a request in case a connection dies under it.
struct Again(Method, Uri, HeaderMap);

impl Again {
    /// Only what may be sent twice without harm (RFC 9110 §9.2.2), and has no body to lose.
    fn of(request: &Request<RequestBody>) -> Option<Self> {
        let harmless = request.method().is_idempotent() && request.body().is_end_stream();
        let parts = || {
            (
                request.method().clone(),
                request.uri().clone(),
                request.headers().clone(),
            )
        };
        harmless
            .then(parts)
            .map(|(method, uri, headers)| Self(method, uri, headers))
    }

    fn request(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::empty());
        (
            *request.method_mut(),
            *request.uri_mut(),
            *request.headers_mut(),
        ) = (self.0, self.1, self.2);
        request
    }
}

/// Sends over a connection that others use too, and over a new one if the app is done with that.
async fn share(
    choice: Choice,
    upstream: &Upstream,
    times: Times,
    request: Request<RequestBody>,
    progress: &Progress,
) -> Result<(Response<Incoming>, Turn), Failure> {
    let open = async |pool: &Rc<Pool>| {
        let busy = pool.busy();
        let (sender, mut turn) = pool.multiplexed().open(pool.dial_shared()).await?;
        turn.busy = busy;
        Ok((sender, turn))
    };
    let reach = &upstream.reach;
    let reached = reach.patiently(choice, true, progress, open).await?;
    let (mut choice, (mut sender, mut turn)) = reached;
    let again = Again::of(&request);
    let before = Rc::clone(&choice.pool);
    let moves = before.moves();
    let sent = send(&before, times, progress, (&mut sender, &mut turn), request);
    let (request, waits) = match (sent.await, again) {
        (Ok(answer), _) => return Ok((answer, turn)),
        (Err(Unanswered::Unsent(unsent)), _) => (*unsent, true),
        // Refused unseen, or lost with its connection: hyper does not tell one from the other. An app that may have
        // ended because of it is not waited for, and one in its place not asked, but another instance once.
        (Err(Unanswered::Broken(_)), Some(again))
            if before.moves() == moves || reach.elsewhere(&mut choice, Rank::Down) =>
        {
            (again.request(), false)
        }
        (Err(error), _) => return Err(error.failure(progress)),
    };
    before.multiplexed().retire(&turn);
    drop(turn);
    let reached = reach.patiently(choice, waits, progress, open).await?;
    let (choice, (mut sender, mut turn)) = reached;
    progress.begin_anew();
    let sent = send(
        &choice.pool,
        times,
        progress,
        (&mut sender, &mut turn),
        request,
    );
    let answered = sent.await;
    Ok((answered.map_err(|error| error.failure(progress))?, turn))
}

/// Sends over a connection, in the turn that it has there.
async fn send(
    pool: &Pool,
    times: Times,
    progress: &Progress,
    (sender, turn): (&mut SendRequest<Outgoing>, &mut Turn),
    request: Request<RequestBody>,
) -> Result<Response<Incoming>, Unanswered> {
    let patience = pool.patience(times.stall);
    let outgoing = |body| pool.multiplexed().outgoing(body, turn, patience);
    let sent = sender.try_send_request(request.map(outgoing));
    let answer = answer(pool, times, progress, sent).await;
    match (&answer, pool.work()) {
        (Ok(_), Some(work)) => work.has_answered(),
        // What a client has sent is not the instance's fault.
        (Err(Unanswered::Broken(_)), Some(work)) if progress.fault().is_none() => {
            work.has_broken_off();
        }
        _ => {}
    }
    answer
}

/// Why there is no answer, and what is left of the request.
enum Unanswered {
    Unsent(Box<Request<RequestBody>>),
    Broken(hyper::Error),
    Late,
}

impl Unanswered {
    fn failure(self, progress: &Progress) -> Failure {
        match (progress.fault(), self) {
            (Some(fault), _) => Failure::Body(fault),
            (None, Self::Broken(error)) => Failure::Broken(error.into()),
            (None, Self::Late) => Failure::Timeout,
            (None, Self::Unsent(_)) => Failure::Away(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

/// Waits for an answer's head, and for no longer than the app may take.
async fn answer(
    pool: &Pool,
    times: Times,
    progress: &Progress,
    sent: impl Future<
        Output = Result<Response<Incoming>, hyper::client::conn::TrySendError<Request<Outgoing>>>,
    >,
) -> Result<Response<Incoming>, Unanswered> {
    let mut sent = pin!(sent);
    let mut wait = Wait::new(pool, times, progress);
    let within = poll_fn(|cx| {
        progress.goes_out(|| pool.moment());
        match sent.as_mut().poll(cx) {
            Poll::Ready(sent) => Poll::Ready(Some(sent)),
            Poll::Pending => {
                progress.goes_out(|| pool.moment());
                wait.poll(cx, progress).map(|()| None)
            }
        }
    });
    match within.await {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(mut error)) => {
            let unsent = error.take_message();
            let unsent = unsent.map(|request| request.map(Outgoing::into_body));
            let unsent = unsent.map(|request| Unanswered::Unsent(Box::new(request)));
            Err(unsent.unwrap_or_else(|| Unanswered::Broken(error.into_error())))
        }
        None => Err(Unanswered::Late),
    }
}
