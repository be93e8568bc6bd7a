//! One request to the app and its answer back.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_TYPE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use panoply_core::{ClientAddress, Connection, Nonce, RequestId};

use super::deadlines::Deadline;
use super::multiplexed::Turn;
use super::pool::{Alone, Lease, Pool, Sender};
use super::{Failure, headers};
use crate::body::{Progress, RequestBody, ResponseBody};
use crate::nonce::Stamped;

/// How the app is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    /// Longest wait for the head of an answer, counted from the last byte of the request.
    pub(crate) response_timeout: Duration,
    /// Longest wait for a client that has been asked for more of its request.
    pub(crate) stall_timeout: Duration,
    /// Whether the app speaks HTTP/2 without TLS.
    pub(crate) h2c: bool,
    /// What the app writes where the nonce belongs.
    pub(crate) placeholder: Option<Rc<str>>,
}

/// Sends `request` on and gives the answer as soon as its head is there.
pub(crate) async fn forward(
    pool: &Rc<Pool>,
    upstream: &Upstream,
    mut request: Request<RequestBody>,
) -> Result<Response<ResponseBody>, Failure> {
    let upgrade = headers::upgrade(request.headers(), request.version());
    let upgrade = upgrade.filter(|_| !upstream.h2c);
    let asked = upgrade.is_some();
    let nonce = request.extensions_mut().remove::<Nonce>();
    prepare(&mut request, upgrade, upstream);
    let progress = request.body().progress();
    let answer = if upstream.h2c {
        let (answer, turn) = share(pool, upstream, request, &progress).await?;
        (answer, Some(Lease::Among(turn)))
    } else {
        let (answer, sender) = exchange(pool, upstream, request, &progress).await?;
        // An app that declines an upgrade may have given the connection to what would have spoken.
        let keep = if asked {
            Some(Duration::ZERO)
        } else {
            headers::keep_alive(answer.headers())
        };
        let switching = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switching && !asked {
            return Err(Failure::Unasked);
        }
        if headers::is_coded(answer.headers()) {
            return Err(Failure::Coded);
        }
        let lease = if switching {
            sender.release();
            None
        } else {
            Some(Lease::Alone(Alone::new(pool, sender, keep, progress)))
        };
        (answer, lease)
    };
    Ok(answered(answer, nonce, upstream))
}

/// Makes the request what the app is to see.
fn prepare(request: &mut Request<RequestBody>, upgrade: Option<HeaderValue>, upstream: &Upstream) {
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
    headers::to_app(map, client.as_ref(), id.as_ref(), host, upgrade);
    let certificate = connection.and_then(|connection| connection.tls?.client);
    if let Some(certificate) = certificate {
        headers::with_certificate(map, &certificate);
    }
    if upstream.placeholder.is_some() {
        // A compressed page cannot be stamped, nor part of one.
        for name in [ACCEPT_ENCODING, RANGE, IF_RANGE] {
            map.remove(name);
        }
    }
    if upstream.h2c {
        map.remove(header::CONNECTION);
    }
    if !upstream.h2c && !request.body().is_end_stream() {
        // hyper drops the body of a GET of unknown length unless it is told.
        let headers = request.headers_mut();
        if !headers.contains_key(header::CONTENT_LENGTH) {
            headers.insert(
                header::TRANSFER_ENCODING,
                HeaderValue::from_static("chunked"),
            );
        }
    }
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    *request.uri_mut() = match (upstream.h2c, host) {
        (true, Some(host)) => Uri::builder()
            .scheme("http")
            .authority(host)
            .path_and_query(target.clone())
            .build()
            .unwrap_or_else(|_| Uri::from(target)),
        _ => Uri::from(target),
    };
    *request.version_mut() = if upstream.h2c {
        Version::HTTP_2
    } else {
        Version::HTTP_11
    };
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

/// Sends over a connection that has been used before if there is one, and over a new one if that
/// turns out to be closed.
async fn exchange(
    pool: &Rc<Pool>,
    upstream: &Upstream,
    mut request: Request<RequestBody>,
    progress: &Progress,
) -> Result<(Response<Incoming>, Sender), Failure> {
    if let Some(mut sender) = pool.reuse().await {
        let again = Again::of(&request);
        let send = sender.try_send_request(request);
        match within(pool, upstream, progress, send).await {
            Ok(answer) => return Ok((answer, sender)),
            Err(Unanswered::Unsent(unsent)) => request = *unsent,
            Err(Unanswered::Broken(error)) => {
                // No byte of an answer has come, or there would be one.
                let again = again.filter(|_| !error.is_parse());
                let Some(again) = again else {
                    return Err(Unanswered::Broken(error).failure(progress));
                };
                request = again.request();
            }
            Err(error @ Unanswered::Late) => return Err(error.failure(progress)),
        }
    }
    let mut sender = pool.connect().await?;
    let send = sender.try_send_request(request);
    let answer = within(pool, upstream, progress, send).await;
    Ok((answer.map_err(|error| error.failure(progress))?, sender))
}

/// Sends over a connection that others use too, and over a new one if the app is done with that.
async fn share(
    pool: &Pool,
    upstream: &Upstream,
    mut request: Request<RequestBody>,
    progress: &Progress,
) -> Result<(Response<Incoming>, Turn), Failure> {
    let lines = pool.multiplexed();
    let (mut sender, turn) = lines.open(pool.dial()).await?;
    let again = Again::of(&request);
    let send = sender.try_send_request(request);
    request = match (within(pool, upstream, progress, send).await, again) {
        (Ok(answer), _) => return Ok((answer, turn)),
        (Err(Unanswered::Unsent(unsent)), _) => *unsent,
        // Refused unseen, or lost with its connection: hyper does not tell one from the other.
        (Err(Unanswered::Broken(_)), Some(again)) => again.request(),
        (Err(error), _) => return Err(error.failure(progress)),
    };
    lines.retire(&turn);
    drop(turn);
    let (mut sender, turn) = lines.open(pool.dial()).await?;
    let send = sender.try_send_request(request);
    let answer = within(pool, upstream, progress, send).await;
    Ok((answer.map_err(|error| error.failure(progress))?, turn))
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
            (None, Self::Broken(error)) => Failure::Broken(error),
            (None, Self::Late) => Failure::Timeout,
            (None, Self::Unsent(_)) => Failure::Away(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

/// Waits for an answer's head; as long as the request's own body moves, the wait begins anew.
async fn within(
    pool: &Pool,
    upstream: &Upstream,
    progress: &Progress,
    answer: impl Future<
        Output = Result<
            Response<Incoming>,
            hyper::client::conn::TrySendError<Request<RequestBody>>,
        >,
    >,
) -> Result<Response<Incoming>, Unanswered> {
    let mut answer = pin!(answer);
    let limit = upstream.response_timeout;
    let deadline: Deadline = pool.deadline(limit);
    let mut mark = progress.mark();
    let mut stalled = false;
    let stall = upstream.stall_timeout;
    let answered = poll_fn(|cx| {
        if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        if !deadline.has_passed(cx.waker()) {
            return Poll::Pending;
        }
        // Over HTTP/1.1 a client that stalls has a limit of its own, which is looked at before.
        let before = std::mem::replace(&mut mark, progress.mark());
        if mark == before && !progress.waits_for_client() {
            return Poll::Ready(None);
        }
        if mark == before && std::mem::replace(&mut stalled, true) {
            progress.give_up();
            return Poll::Ready(None);
        }
        stalled &= mark == before;
        deadline.renew(if stalled { stall } else { limit });
        deadline.has_passed(cx.waker());
        Poll::Pending
    });
    match answered.await {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(mut error)) => {
            let unsent = error.take_message();
            let unsent = unsent.map(|request| Unanswered::Unsent(Box::new(request)));
            Err(unsent.unwrap_or_else(|| Unanswered::Broken(error.into_error())))
        }
        None => Err(Unanswered::Late),
    }
}

/// Makes the app's answer what the client is to see.
fn answered(
    (answer, lease): (Response<Incoming>, Option<Lease>),
    nonce: Option<Nonce>,
    upstream: &Upstream,
) -> Response<ResponseBody> {
    let (mut parts, body) = answer.into_parts();
    headers::to_client(
        &mut parts.headers,
        parts.status == StatusCode::SWITCHING_PROTOCOLS,
    );
    let stamp = upstream
        .placeholder
        .as_ref()
        .zip(nonce)
        .filter(|_| is_html(&parts.headers));
    let body = if let Some((placeholder, nonce)) = stamp {
        // A page with a nonce is another page each time: it must not be revalidated as the same.
        for name in [ETAG, LAST_MODIFIED, ACCEPT_RANGES] {
            parts.headers.remove(name);
        }
        ResponseBody::Stamped {
            body: Stamped::new(body, placeholder, &nonce),
            lease,
        }
    } else if body.is_end_stream() {
        if let Some(lease) = lease {
            lease.give_back();
        }
        ResponseBody::App { body, lease: None }
    } else {
        ResponseBody::App { body, lease }
    };
    Response::from_parts(parts, body)
}

fn is_html(headers: &HeaderMap) -> bool {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let media = media.split(';').next().unwrap_or("").trim();
    media.eq_ignore_ascii_case("text/html") || media.eq_ignore_ascii_case("application/xhtml+xml")
}
