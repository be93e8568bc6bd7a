//! One request to the app and its answer back.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{ACCEPT_RANGES, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, Request, Response, StatusCode};
use panoply_core::Nonce;

use super::http1::{self, Begun, Ended, Exchange, Head};
use super::pool::Pool;
use super::{Failure, headers, shared};
use crate::body::{AppBody, Fault, Progress, RequestBody, ResponseBody};
use crate::http1::Malformed;
use crate::nonce::Stamped;
use crate::wire::Tunnel;

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
    let nonce = request.extensions_mut().remove::<Nonce>();
    let answer = if upstream.h2c {
        shared::exchange(pool, upstream, request).await?
    } else {
        exchange(pool, upstream, request).await?
    };
    let stamp = upstream.placeholder.as_ref().zip(nonce);
    Ok(match stamp.filter(|_| is_html(answer.headers())) {
        Some((placeholder, nonce)) => stamped(answer, placeholder, &nonce),
        None => answer.map(|body| match body {
            AppBody::Whole(body) => ResponseBody::Whole(body),
            body => ResponseBody::App(body),
        }),
    })
}

/// Sends over a connection that has been used before if there is one, and over a new one if that
/// turns out to be closed.
async fn exchange(
    pool: &Rc<Pool>,
    upstream: &Upstream,
    request: Request<RequestBody>,
) -> Result<Response<AppBody>, Failure> {
    let upgrade = headers::upgrade(request.headers(), request.version());
    let asked = upgrade.is_some();
    let progress = request.body().progress();
    let method = request.method().clone();
    let (mut line, used) = match pool.reuse() {
        Some(line) => (line, true),
        None => (pool.connect().await?, false),
    };
    let text = line.take_text();
    let stamped = upstream.placeholder.is_some();
    let upload = http1::upload(request, upgrade.as_ref(), stamped, text);
    // Nobody lets a request with such a length come this far.
    let upload = upload.ok_or(Failure::Body(Fault::Broken))?;
    let mut exchange = Exchange::new(line, upload, method.clone());
    let mut answer = within(pool, upstream, &progress, |cx| exchange.poll(cx)).await;
    if used && matches!(answer, Some(Err(Ended::Broken(_)))) && exchange.may_go_again() {
        let upload = exchange.again();
        exchange = Exchange::new(pool.connect().await?, upload, method);
        answer = within(pool, upstream, &progress, |cx| exchange.poll(cx)).await;
    }
    let head = answer.unwrap_or(Err(Ended::Late)).map_err(|ended| {
        // Whose fault it is the body knows best.
        match (progress.fault(), ended) {
            (Some(fault), _) => Failure::Body(fault),
            (None, Ended::Body) => Failure::Body(Fault::Broken),
            (None, Ended::Late) => Failure::Timeout,
            (None, Ended::Broken(error)) => Failure::Broken(error.into()),
        }
    })?;
    answered(pool, upstream, exchange, head, asked)
}

/// Makes an answer of its head and what has come of its body.
fn answered(
    pool: &Rc<Pool>,
    upstream: &Upstream,
    exchange: Exchange,
    head: Head,
    asked: bool,
) -> Result<Response<AppBody>, Failure> {
    let switching = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switching && !asked {
        return Err(Failure::Unasked);
    }
    if head.coded {
        return Err(Failure::Coded);
    }
    let mut answer = Response::new(AppBody::default());
    *answer.status_mut() = head.status;
    *answer.headers_mut() = head.headers;
    if let Some(reason) = head.reason {
        answer.extensions_mut().insert(reason);
    }
    if switching {
        let stream = exchange.into_stream();
        let (stream, first) = stream
            .ok_or_else(|| Failure::Broken(http1::Error::from(Malformed::Incomplete).into()))?;
        answer.extensions_mut().insert(Tunnel::to(stream, first));
        return Ok(answer);
    }
    // An app that declines an upgrade may have given the connection to what would have spoken.
    let home = pool.home(head.lasts && !asked, head.keep);
    let begun = http1::begin(
        exchange,
        head.extent,
        home,
        pool.patience(upstream.stall_timeout),
    );
    Ok(
        match begun.map_err(|error| Failure::Broken(error.into()))? {
            Begun::Whole(bytes) => answer.map(|_| AppBody::Whole(bytes.into())),
            Begun::Rest(body) => answer.map(|_| AppBody::Http1(body)),
        },
    )
}

/// Waits for an answer's head, which `look` looks for; as long as the request's own body moves, the wait
/// begins anew. Nothing when it has lasted too long.
pub(super) async fn within<T>(
    pool: &Pool,
    upstream: &Upstream,
    progress: &Progress,
    mut look: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    let limit = upstream.response_timeout;
    let deadline = pool.deadline(limit);
    let mut mark = progress.mark();
    let mut stalled = false;
    let stall = upstream.stall_timeout;
    poll_fn(|cx| {
        if let Poll::Ready(answer) = look(cx) {
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
    })
    .await
}

/// The app's page with the nonce in it.
fn stamped(answer: Response<AppBody>, placeholder: &str, nonce: &Nonce) -> Response<ResponseBody> {
    let (mut parts, body) = answer.into_parts();
    // A page with a nonce is another page each time: it must not be revalidated as the same.
    for name in [ETAG, LAST_MODIFIED, ACCEPT_RANGES] {
        parts.headers.remove(name);
    }
    let body = Box::new(Stamped::new(body, placeholder, nonce));
    Response::from_parts(parts, ResponseBody::Stamped(body))
}

fn is_html(headers: &HeaderMap) -> bool {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let media = media.split(';').next().unwrap_or("").trim();
    media.eq_ignore_ascii_case("text/html") || media.eq_ignore_ascii_case("application/xhtml+xml")
}
