//! HTTP/1 on one accepted connection: heads in, the stack, answers out, one after another.
//!
//! hyper's server reads a head twice here, once to see what it would tidy up and once itself, and its own
//! words had to be told from the stack's. Here a head is looked at once, refused through the stack like
//! everything else, and an answer goes out in as few pieces as it has.

mod ahead;
mod head;
mod inlet;
mod outlet;
#[cfg(any(test, fuzzing))]
mod replay;

use std::fmt::Debug;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use http::{Method, Response, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use inlet::{BLOCK, Block, Feed};
#[cfg(any(test, fuzzing))]
pub(crate) use replay::{Stop, replay};

use self::head::{Bounds, Head, PARSED, Refused};
use self::inlet::{Inlet, MOST_DISCARDED};
use self::outlet::{Asked, Outlet};
use super::io::{Socket, Wire};
use super::serve::Line;
use super::tunnel::Tunnel;
use super::{refusal, trailers};
use crate::body::Source;
use crate::http1::Queue;
use crate::intake::{Astray, Late};
use crate::worker::Answer;

/// What is taken at most of a client that has been answered, before its connection is closed: 64 MiB, which is thrown
/// away as it comes. Clients that send all before they read (Python's `http.client`) would lose the answer.
const MOST_LINGERED: usize = 64 << 20;

/// A connection that is closed with this, whoever else has a share in it.
struct Open<T: AsyncRead + AsyncWrite + Unpin>(Rc<Inlet<T>>);

impl<T: AsyncRead + AsyncWrite + Unpin> Drop for Open<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// How a connection ends.
enum End {
    /// After an answer, or before there was anything to answer.
    Between,
    /// The client has gone, or wants no more.
    Gone,
    /// As something other than HTTP.
    Tunnel(Tunnel),
}

/// Serves `stream`, of which this has been read already, until it ends or the worker drains.
pub(super) async fn serve<T>(line: Rc<Line>, stream: T, begun: BytesMut)
where
    T: AsyncRead + AsyncWrite + Socket + Unpin + Debug + 'static,
{
    if let Some(terms) = line.terms {
        line.watch.ends_under_other(terms);
    }
    let stream = Wire::new(stream, Arc::clone(&line.watch));
    let (watch, block) = (Arc::clone(&line.watch), line.worker.block());
    // However this ends, whoever reads a body ends with it.
    let inlet = Open(Rc::new(Inlet::new(stream, begun, watch, block)));
    let inlet = &inlet.0;
    let ended = match run(&line, inlet, T::SAYS_GOODBYE).await {
        Ok(End::Tunnel(tunnel)) => {
            line.watch.tunnel();
            if let Some((client, first)) = inlet.take_stream() {
                tunnel.open(client, first, &line);
            }
            return;
        }
        Ok(End::Gone) => return,
        Ok(End::Between) => {
            line.watch.linger();
            finish(inlet).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        line.ended(&error);
    }
}

async fn run<T>(line: &Rc<Line>, inlet: &Rc<Inlet<T>>, goodbye: bool) -> io::Result<End>
where
    T: AsyncRead + AsyncWrite + Unpin + Debug + 'static,
{
    loop {
        let limits = line.worker.limits();
        let bounds = Bounds {
            bytes: limits.header_bytes,
            headers: limits.header_count.max(PARSED),
        };
        let spares = line.worker.spares();
        let head = match poll_fn(|cx| inlet.poll_head(cx, bounds, spares)).await? {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(End::Between),
            // Rare, and as large as the stack: every connection would have room for it.
            Err(refused) => return Box::pin(refuse(line, inlet, refused)).await,
        };
        let in_flight = line.watch.begin();
        let Some((asked, response)) = ask(line, inlet, head).await else {
            return Ok(End::Gone);
        };
        let last = !asked.lasts;
        let lasts = match reply(line, inlet, asked, response).await? {
            Ok(lasts) => lasts,
            Err(end) => return Ok(end),
        };
        // Who says `close` sends nothing behind it (RFC 9112, section 9.6), and nothing is unread.
        if last && !goodbye && inlet.is_spent() {
            return Ok(End::Gone);
        }
        if !lasts {
            // Some answers end with the connection alone.
            poll_fn(|cx| inlet.poll_write(|to| Pin::new(to).poll_shutdown(cx))).await?;
        }
        // The rest of a request whose answer came early may still be wanted.
        poll_fn(|cx| inlet.poll_left(cx)).await;
        let mut most = MOST_DISCARDED;
        if !lasts || !poll_fn(|cx| inlet.poll_discard(cx, &mut most)).await {
            return Ok(End::Between);
        }
        drop(in_flight);
    }
}

/// Hands a request to the stack; nothing when the client has gone before there was an answer.
async fn ask<T>(
    line: &Rc<Line>,
    inlet: &Rc<Inlet<T>>,
    head: Head,
) -> Option<(Asked, Response<Answer>)>
where
    T: AsyncRead + AsyncWrite + Unpin + Debug + 'static,
{
    let Head {
        mut request,
        extent,
        lasts,
        expects,
    } = head;
    let asked = Asked {
        head: *request.method() == Method::HEAD,
        version: request.version(),
        lasts,
        trailers: request.version() == Version::HTTP_11 && trailers::welcome(request.headers()),
    };
    request.extensions_mut().insert(line.connection.clone());
    if line.is_astray {
        request.extensions_mut().insert(Astray);
    }
    // The connection was to end before it, and has not yet.
    if line.worker.is_outdated(line.terms) {
        request.extensions_mut().insert(Late);
    }
    let body = match inlet.begin(extent, expects) {
        Some(number) => Source::http1(Rc::clone(inlet) as Rc<dyn Feed>, number),
        None => Source::None,
    };
    let stalls = |stall| line.watch.set_stall(stall);
    let mut answering = pin!(line.worker.call(request.map(|()| body), stalls));
    let interims = line.worker.interims();
    // Whoever speaks HTTP/1.0 is not sent any (RFC 9110 §15.2).
    let welcome = asked.version == Version::HTTP_11;
    let answered = poll_fn(|cx| {
        let (answered, ahead) = interims.during(welcome, || answering.as_mut().poll(cx));
        inlet.say(&ahead);
        match answered {
            Poll::Ready(Ok(response)) => Poll::Ready(Some(response)),
            Poll::Pending => match inlet.poll_ahead(cx) {
                Poll::Ready(Err(_)) => Poll::Ready(None),
                // Whether or not the client has taken all of it, it may go.
                Poll::Ready(Ok(())) | Poll::Pending => inlet.poll_gone(cx).map(|()| None),
            },
        }
    });
    answered.await.map(|response| (asked, response))
}

/// Sends an answer; whether another request may follow, or how the connection ends.
async fn reply<T>(
    line: &Rc<Line>,
    inlet: &Rc<Inlet<T>>,
    mut asked: Asked,
    mut response: Response<Answer>,
) -> io::Result<Result<bool, End>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // Whoever drains has no time for another request; who came before other clients were believed comes again.
    asked.lasts &= !line.worker.is_ending(line.terms);
    let ahead = inlet.begin_answer();
    asked.lasts &= inlet.may_last();
    let tunnel = response.extensions_mut().remove::<Tunnel>();
    let tunnel = tunnel.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS);
    let text = line.worker.texts().take();
    let mut outlet = Outlet::new(&response, asked, text, &ahead, &line.worker.date());
    let mut body = pin!(line.worker.spares().take_from_answer(response));
    let out = poll_fn(|cx| match outlet.poll(cx, body.as_mut(), inlet) {
        // Whoever has gone wants no more of what is still to come.
        Poll::Pending => inlet.poll_gone(cx).map(|()| Ok(false)),
        Poll::Ready(out) => Poll::Ready(out.map(|()| true)),
    });
    let out = out.await;
    if out.is_err() && outlet.ends_with_the_connection() {
        // An end in peace would be the answer's own.
        line.watch.break_off();
    }
    if !out? {
        return Ok(Err(End::Gone));
    }
    let lasts = outlet.lasts();
    line.worker.texts().give(outlet.into_text());
    Ok(tunnel.map_or(Ok(lasts), |tunnel| Err(End::Tunnel(tunnel))))
}

/// Refuses a head that cannot be read, through the stack as every refusal.
async fn refuse<T>(line: &Line, inlet: &Inlet<T>, refused: Refused) -> io::Result<End>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    if refused.announces {
        line.worker.tell_of_unnamed_sender(line.connection.peer);
    }
    let words = refusal::answer(
        &line.worker,
        &line.connection,
        refused.status,
        refused.violation,
    );
    let mut queue = Queue::new(words.await.to_vec());
    poll_fn(|cx| inlet.poll_write(|to| queue.poll(cx, to))).await?;
    Ok(End::Between)
}

/// Says that no more comes, and takes what the client still sends, within bounds.
///
/// A socket that is closed over unread bytes is reset by the kernel, and the answer is lost on its way.
/// For how long is bounded by the watch.
async fn finish<T>(inlet: &Inlet<T>) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut most = MOST_LINGERED;
    poll_fn(|cx| inlet.poll_write(|to| Pin::new(to).poll_shutdown(cx))).await?;
    poll_fn(|cx| inlet.poll_linger(cx, &mut most)).await;
    Ok(())
}

#[cfg(test)]
mod tests;
