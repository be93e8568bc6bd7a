//! One request to the app and its answer back.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use panoply_core::{AppTime, Nonce};
use panoply_headers::Headers;

use super::http1::{self, Ahead, Begun, Ended, Exchange, Head, Line, Upload};
use super::pool::Pool;
use super::pools::Choice;
use super::stream::AppStream;
use super::wait::Wait;
use super::{Failure, Reach, headers, shared, stamping};
use crate::app::Rank;
use crate::body::{AppBody, Fault, Progress, RequestBody, ResponseBody};
use crate::http1::Malformed;
use crate::settings::{Allowance, Times};
use crate::wire::Tunnel;

/// How the app is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    /// How long is waited for the app and for clients, where no path says otherwise.
    pub(crate) times: Times,
    /// Whether some path does.
    pub(crate) by_path: bool,
    /// Whether the app speaks HTTP/2.
    pub(crate) h2c: bool,
    /// The host that the app is told, in place of the client's.
    pub(crate) host: Option<HeaderValue>,
    /// What the app writes where the nonce belongs.
    pub(crate) placeholder: Option<Rc<str>>,
    /// What answers' headers are held to.
    pub(crate) headers: Headers,
    /// How long is waited for one that is not there.
    pub(crate) reach: Reach,
}

/// Sends `request` on; the answer is there as soon as its head is.
///
/// It goes over a connection that has been used before if there is one, and over a new one if that turns out
/// to be closed; to another instance than was chosen if nobody accepts connections there.
pub(crate) fn forward(
    choice: Choice,
    upstream: &Upstream,
    request: Request<RequestBody>,
) -> Result<Forwarding, Failure> {
    sent(choice, upstream, request, None)
}

/// The same over a connection that is there for it alone.
pub(crate) fn forward_over(
    stream: AppStream,
    pool: &Rc<Pool>,
    upstream: &Upstream,
    request: Request<RequestBody>,
) -> Result<Forwarding, Failure> {
    let line = pool.line(stream);
    sent(Choice::only(pool), upstream, request, Some(line))
}

fn sent(
    choice: Choice,
    upstream: &Upstream,
    mut request: Request<RequestBody>,
    own: Option<Line>,
) -> Result<Forwarding, Failure> {
    let nonce = request.extensions_mut().remove::<Nonce>();
    let allowance = { upstream.by_path }.then(|| request.extensions_mut().remove::<Allowance>());
    let times = allowance.flatten().map_or(upstream.times, |own| own.times);
    let progress = request.body().progress();
    let upgrade = headers::upgrade(request.headers(), request.version());
    let asked = upgrade.is_some();
    let in_parts = upstream.placeholder.is_some()
        && stamping::may_be_in_parts(request.uri().path(), request.headers());
    let pool = Rc::clone(&choice.pool);
    progress.is_at(pool.number());
    let state = if upstream.h2c && own.is_none() {
        let upstream = upstream.clone();
        State::Shared(Box::pin(async move {
            shared::exchange(choice, &upstream, times, request).await
        }))
    } else {
        let method = request.method().clone();
        let used = own.is_none();
        let mut line = own.or_else(|| pool.reuse());
        let text = line.as_mut().map(Line::take_text).unwrap_or_default();
        let stamped = upstream.placeholder.is_some();
        let upload = http1::upload(
            request,
            upgrade.as_ref(),
            upstream.host.as_ref(),
            stamped,
            (text, pool.spares()),
        );
        // Nobody lets a request with such a length come this far.
        let upload = upload.ok_or(Failure::Body(Fault::Broken))?;
        if let Some(line) = line {
            State::Asking {
                choice,
                exchange: Exchange::new(line, upload, method),
                used,
                wait: Wait::new(&pool, times, &progress),
            }
        } else {
            let reach = (upstream.reach.clone(), true);
            State::dialling(choice, reach, &progress, upload, method)
        }
    };
    Ok(Forwarding {
        state,
        pool,
        seen: false,
        times,
        progress,
        nonce,
        in_parts,
        asked,
    })
}

/// A request on its way, until the head of its answer is there.
#[derive(Debug)]
pub(crate) struct Forwarding {
    state: State,
    /// Of the instance that it is at.
    pool: Rc<Pool>,
    /// Whether it has been sent once more, after the app had seen it.
    seen: bool,
    times: Times,
    progress: Rc<Progress>,
    nonce: Option<Nonce>,
    /// Whether the app is asked for a part of what it answers with.
    in_parts: bool,
    /// Whether it asks for another protocol.
    asked: bool,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large one, and the whole is boxed"
)]
enum State {
    /// A connection is made for it, or one that has been used before becomes free.
    Dialling {
        dialled: Later<(Choice, (Line, bool))>,
        upload: Upload,
        method: Method,
    },
    /// It has a connection, which may have been used before.
    Asking {
        choice: Choice,
        exchange: Exchange,
        used: bool,
        wait: Wait,
    },
    /// It goes over a connection that others use too.
    Shared(Later<Response<AppBody>>),
    Over,
}

impl State {
    /// Dials, and waits if nobody is there and it is to.
    fn dialling(
        choice: Choice,
        (reach, waits): (Reach, bool),
        progress: &Rc<Progress>,
        upload: Upload,
        method: Method,
    ) -> Self {
        let progress = Rc::clone(progress);
        let dialled = async move {
            let connect = async |pool: &Rc<Pool>| {
                let _busy = pool.busy();
                pool.connect().await
            };
            reach.patiently(choice, waits, &progress, connect).await
        };
        Self::Dialling {
            dialled: Box::pin(dialled),
            upload,
            method,
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dialling { .. } => "Dialling",
            Self::Asking { .. } => "Asking",
            Self::Shared(_) => "Shared",
            Self::Over => "Over",
        })
    }
}

impl Forwarding {
    /// The app's answer, and how long that took.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &Upstream,
    ) -> Poll<(Result<Response<ResponseBody>, Failure>, AppTime)> {
        let answer = ready!(self.poll_answer(cx, upstream));
        let sent = self.progress.sent();
        let took = sent.map(|since| self.pool.moment().saturating_sub(since));
        let time = AppTime::new(took, self.progress.waited());
        Poll::Ready((answer, time.of(self.progress.instance())))
    }

    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &Upstream,
    ) -> Poll<Result<Response<ResponseBody>, Failure>> {
        loop {
            match &mut self.state {
                State::Dialling { dialled, .. } => {
                    let dialled = ready!(dialled.as_mut().poll(cx));
                    let State::Dialling { upload, method, .. } = self.take() else {
                        return Poll::Pending;
                    };
                    let (choice, (line, used)) = dialled?;
                    self.pool = Rc::clone(&choice.pool);
                    self.state = State::Asking {
                        choice,
                        exchange: Exchange::new(line, upload, method),
                        used,
                        wait: Wait::new(&self.pool, self.times, &self.progress),
                    };
                }
                State::Asking { exchange, wait, .. } => {
                    let pool = &self.pool;
                    let ahead = Ahead {
                        interims: pool.interims(),
                        headers: &upstream.headers,
                        placeholder: upstream.placeholder.as_deref(),
                    };
                    self.progress.goes_out(|| pool.moment());
                    let answer = match exchange.poll(cx, ahead, pool.spares()) {
                        Poll::Ready(answer) => answer,
                        Poll::Pending => {
                            self.progress.goes_out(|| pool.moment());
                            ready!(wait.poll(cx, &self.progress));
                            Err(Ended::Late)
                        }
                    };
                    let State::Asking {
                        mut choice,
                        exchange,
                        used,
                        ..
                    } = self.take()
                    else {
                        return Poll::Pending;
                    };
                    match (&answer, self.pool.work()) {
                        (Ok(_), Some(work)) => work.has_answered(),
                        // One that was used before may have been about to be closed.
                        (Err(Ended::Broken(_)), Some(work)) if !used => work.has_broken_off(),
                        _ => {}
                    }
                    if let Err(Ended::Broken(error)) = &answer
                        && let Some(waits) =
                            self.goes_again((&upstream.reach, &mut choice), &exchange, used, error)
                    {
                        let (upload, method) = exchange.again();
                        self.progress.begin_anew();
                        let reach = (upstream.reach.clone(), waits);
                        self.state = State::dialling(choice, reach, &self.progress, upload, method);
                        continue;
                    }
                    let head = answer.map_err(|ended| self.failure(ended))?;
                    let stall = self.times.stall;
                    let answer = answered(&self.pool, stall, exchange, head, self.asked)?;
                    return Poll::Ready(self.passed(answer, upstream));
                }
                State::Shared(shared) => {
                    let answer = ready!(shared.as_mut().poll(cx));
                    self.take();
                    return Poll::Ready(answer.and_then(|answer| self.passed(answer, upstream)));
                }
                // Polled again after its end, which a future may answer as it likes.
                State::Over => return Poll::Pending,
            }
        }
    }

    fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }

    /// Whether a request that was broken off is sent once more, and whether it waits then, should nobody be there.
    fn goes_again(
        &mut self,
        (reach, choice): (&Reach, &mut Choice),
        exchange: &Exchange,
        used: bool,
        error: &http1::Error,
    ) -> Option<bool> {
        if !exchange.may_go_again() {
            return None;
        }
        let seen = exchange.has_begun();
        // What one app was given and has not done is not for another in its place.
        let was_there = seen && exchange.is_behind(choice.pool.moves());
        let lost = used && !was_there;
        // An instance that happened to end has others to answer for it, but one: not all are to be ended as well.
        let first = !seen || !std::mem::replace(&mut self.seen, true);
        // What all know of this client's one instance has others only at need.
        if lost && first && (!seen || choice.goes_together()) {
            return Some(!seen);
        }
        if first && error.is_end() && reach.elsewhere(choice, Rank::Down) {
            return Some(false);
        }
        // An app that may have ended because of it is not waited for, lest the next one be ended as well.
        lost.then_some(false)
    }

    /// Whose fault it is the body knows best.
    fn failure(&self, ended: Ended) -> Failure {
        match (self.progress.fault(), ended) {
            (Some(fault), _) => Failure::Body(fault),
            (None, Ended::Body) => Failure::Body(Fault::Broken),
            (None, Ended::Late) => Failure::Timeout,
            (None, Ended::Broken(error)) => Failure::Broken(error.into()),
        }
    }

    /// The answer, with a nonce wherever the app has written the placeholder.
    fn passed(
        &mut self,
        answer: Response<AppBody>,
        upstream: &Upstream,
    ) -> Result<Response<ResponseBody>, Failure> {
        match &upstream.placeholder {
            Some(placeholder) => {
                stamping::stamped(answer, placeholder, self.nonce.take(), self.in_parts)
            }
            None => Ok(answer.map(ResponseBody::Plain)),
        }
    }
}

/// Makes an answer of its head and what has come of its body.
fn answered(
    pool: &Rc<Pool>,
    stall: Duration,
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
    *answer.extensions_mut() = pool.spares().extensions();
    if let Some(reason) = head.reason {
        answer.extensions_mut().insert(reason);
    }
    if switching {
        let stream = exchange.into_stream();
        let side = stream
            .ok_or_else(|| Failure::Broken(http1::Error::from(Malformed::Incomplete).into()))?;
        answer.extensions_mut().insert(Tunnel::to(side));
        return Ok(answer);
    }
    if !head.lasts && !exchange.is_sent() {
        // It ends in the middle of the request: the client's next one must not be sent behind that.
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
    }
    // An app that declines an upgrade may have given the connection to what would have spoken.
    let home = pool.home(head.lasts && !asked, head.keep);
    let begun = http1::begin(exchange, head.extent, home, pool.patience(stall));
    Ok(
        match begun.map_err(|error| Failure::Broken(error.into()))? {
            Begun::Whole(bytes) => answer.map(|_| AppBody::Whole(bytes.into())),
            Begun::Rest(body) => answer.map(|_| AppBody::Http1(body)),
        },
    )
}
