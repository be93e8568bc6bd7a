//! One accepted connection, from its first byte to its last.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use panoply_core::Connection;
use panoply_tls::{Tls, is_challenge};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::ear::{Ear, gone};
use super::gather::Gather;
use super::held::Held;
use super::http1;
use super::io::{Socket, Wire};
use super::opening::Opening;
use super::streams::OneByOne;
use super::watch::Watch;
use crate::body::Source;
use crate::intake::Late;
use crate::proxy_protocol::{self, Senders};
use crate::shared::{Seat, Terms};
use crate::worker::{Answer, Arrival, Slot, Worker};

/// What every request of one connection needs.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) worker: Rc<Worker>,
    pub(super) connection: Connection,
    pub(super) watch: Arc<Watch>,
    pub(super) slot: Slot,
    /// Whether it is plain HTTP, and came to where TLS is spoken.
    pub(super) is_astray: bool,
    /// Over TLS, under which terms it was made.
    pub(super) terms: Option<Terms>,
    /// Over HTTP/2, whether it should have ended because of them.
    is_late: Cell<bool>,
}

/// Serves `stream` until it ends, is aborted, or the worker drains.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    mut stream: TcpStream,
    arrival: Arrival,
    watch: Arc<Watch>,
    slot: Slot,
) {
    let Arrival { peer, tls, sender } = arrival;
    let peer = match sender {
        None => peer,
        Some(senders) => {
            watch.set_in_head(true);
            // In a place of its own, as the handshake below.
            let calling = (&mut stream, peer, &*slot);
            let caller = Box::pin(who_is_calling(&worker, &senders, calling)).await;
            let Some(caller) = caller else { return };
            watch.set_in_head(tls.is_some());
            caller
        }
    };
    let local = { stream.local_addr() }.map(|address| address.ip().to_canonical());
    let local = local.ok();
    let line = |tls, is_astray, terms| {
        let connection = Connection::new(peer, tls).with_local(local);
        Rc::new(Line {
            worker: Rc::clone(&worker),
            connection,
            watch: Arc::clone(&watch),
            slot,
            is_astray,
            terms,
            is_late: Cell::new(false),
        })
    };
    let Some((tls, terms)) = tls else {
        return http1::serve(line(None, false, None), stream, BytesMut::new()).await;
    };
    watch.set_in_head(true);
    // In a place of its own, which is given back: what it needs is no less than all the rest.
    let shaken = Box::pin(handshake(&worker, &tls, &watch, (stream, peer))).await;
    let stream = match shaken {
        Ok(Shaken::Tls(stream)) => stream,
        Ok(Shaken::Plain(stream, begun)) => {
            worker.metrics().handshake_failed();
            return Box::pin(http1::serve(line(None, true, None), stream, begun)).await;
        }
        Err(error) => {
            worker.metrics().handshake_failed();
            return tracing::debug!(%peer, %error, "a TLS handshake failed");
        }
    };
    watch.set_in_head(false);
    let session = stream.get_ref().1;
    if session.alpn_protocol() == Some(b"acme-tls/1") {
        // An ACME directory has seen what it wanted (RFC 8737 §3).
        return;
    }
    let speaks_h2 = session.alpn_protocol() == Some(b"h2");
    let line = line(Some(tls.session(session)), false, Some(terms));
    if speaks_h2 {
        Box::pin(http_2(line, stream)).await;
    } else {
        http1::serve(line, stream, BytesMut::new()).await;
    }
}

/// Who is calling by way of a load balancer, itself if nobody else; nobody where that cannot be, or is one too many.
async fn who_is_calling(
    worker: &Worker,
    senders: &Senders,
    (stream, sender, seat): (&mut TcpStream, SocketAddr, &Seat),
) -> Option<SocketAddr> {
    let rule = match proxy_protocol::receive(stream).await {
        Ok(source) => {
            let caller = source.unwrap_or(sender);
            let client = worker.client_to_count(caller);
            match client.map_or(Ok(()), |client| seat.count_for(client)) {
                Ok(()) => return Some(caller),
                Err(rule) => {
                    tracing::debug!(client.ip = %caller.ip(), rule, "refused");
                    rule
                }
            }
        }
        // It looks whether anybody listens, and goes.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
        Err(error) => {
            tracing::debug!(peer = %sender, %error, "a load balancer did not say who is calling");
            if error.kind() == io::ErrorKind::InvalidData {
                senders.tell_of_silent(sender, &error);
            }
            "listen/proxy-protocol"
        }
    };
    worker.metrics().refused(rule);
    None
}

/// What a client speaks that has come to where TLS is spoken.
enum Shaken {
    Tls(Box<TlsStream<TcpStream>>),
    /// Plain HTTP, of which this has been read.
    Plain(TcpStream, BytesMut),
}

/// How long a handshake waits for a certificate that is ordered because of it.
const ON_DEMAND: Duration = Duration::from_secs(20);

async fn handshake(
    worker: &Worker,
    tls: &Tls,
    watch: &Watch,
    (mut stream, peer): (TcpStream, SocketAddr),
) -> io::Result<Shaken> {
    let acme = worker.orders_on_demand();
    // The acceptor keeps the stream to itself, and whether the client is still there must be seen.
    let ear = acme.is_some().then(|| Ear::of(&stream)).transpose()?;
    let mut opening = Opening::of(&mut stream);
    let begun = LazyConfigAcceptor::new(Acceptor::default(), &mut opening).await;
    let begun = match begun.map(|begun| begun.accepted) {
        Ok(accepted) => StartHandshake::from_parts(accepted, stream),
        Err(error) => {
            if opening.announces() {
                worker.tell_of_unnamed_sender(peer);
            }
            let plain = opening.into_plain().ok_or(error)?;
            return Ok(Shaken::Plain(stream, plain));
        }
    };
    let config = tls.config_for(&begun.client_hello());
    // The directory's own look must not wait for the order that it is part of.
    if let Some(acme) = acme.filter(|_| !is_challenge(&begun.client_hello())) {
        let name = begun
            .client_hello()
            .server_name()
            .map(str::to_ascii_lowercase);
        if let Some(name) = name.filter(|name| !tls.covers(name)) {
            // The client has said all that it has to for now.
            watch.set_in_head(false);
            let client = worker.client_to_count(peer);
            let demanded = async {
                match client {
                    Some(client) => acme.demand_from(&name, client).await,
                    // Many come by that way, and who it is cannot be known before they speak.
                    None => acme.demand(&name).await,
                }
            };
            tokio::select! {
                _ = tokio::time::timeout(ON_DEMAND, demanded) => {}
                () = gone(ear) => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
            watch.set_in_head(true);
        }
    }
    let shaken = begun.into_stream(config).await?;
    Ok(Shaken::Tls(Box::new(shaken)))
}

async fn http_2<T>(line: Rc<Line>, stream: T)
where
    T: AsyncRead + AsyncWrite + Socket + Unpin + 'static,
{
    let limits = line.worker.limits();
    let wire = Wire::new(stream, Arc::clone(&line.watch));
    let wire = Gather::new(wire, Rc::clone(line.worker.texts()));
    let turn = wire.turn();
    let inner = Rc::clone(&line);
    let service = service_fn(move |request| answer(Rc::clone(&inner), request));
    let served = http2::Builder::new(OneByOne(Rc::clone(line.worker.streams())))
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(most_header_list(limits.header_bytes))
        .max_pending_accept_reset_streams(limits.stream_resets)
        // Those that a client makes us reset are no better (CVE-2025-8671).
        .max_local_error_reset_streams(limits.stream_resets)
        .serve_connection(TokioIo::new(wire), service);
    let mut served = std::pin::pin!(served);
    let mut ending = std::pin::pin!(line.worker.ending(line.terms));
    let settled = || line.watch.settled();
    let driven = tokio::select! {
        driven = turn.drive(served.as_mut(), settled) => Some(driven),
        () = ending.as_mut() => None,
    };
    let driven = if let Some(driven) = driven {
        driven
    } else {
        served.as_mut().graceful_shutdown();
        // In a place of its own: few connections come to that.
        let mut late = Box::pin(line.becomes_late());
        tokio::select! {
            driven = turn.drive(served.as_mut(), settled) => driven,
            never = late.as_mut() => match never {},
        }
    };
    let unsent = match driven {
        Ok(ended) => {
            if let Err(error) = ended {
                line.ended(&error);
            }
            turn.rest().await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = unsent {
        line.ended(&error);
    }
}

/// What h2 reads of a head, which it refuses by itself if it is longer, without a word to anybody: twice as much as
/// passes, so that the stack can refuse what a browser sends whose cookies have grown too many.
fn most_header_list(header_bytes: usize) -> u32 {
    u32::try_from(header_bytes.saturating_mul(2)).unwrap_or(u32::MAX)
}

/// For how long requests are still taken over HTTP/2 after other clients are believed: who sends one then need not
/// have heard that the connection ends.
const HEARD: Duration = Duration::from_secs(5);

impl Line {
    /// Refuses what is asked from [`HEARD`] on. h2 would wait until its PING is acknowledged, and take new streams for
    /// as long as it is not.
    async fn becomes_late(&self) -> Infallible {
        self.worker.outdated(self.terms).await;
        tokio::time::sleep(HEARD).await;
        self.is_late.set(true);
        std::future::pending().await
    }

    /// Notes that a connection ended before its end.
    pub(super) fn ended(&self, error: &dyn std::error::Error) {
        let ip = self.connection.peer.ip();
        tracing::debug!(client.ip = %ip, error = %error, "a connection ended early");
    }
}

/// Hands a request to the stack and its answer to the client.
async fn answer(
    line: Rc<Line>,
    mut request: Request<Incoming>,
) -> Result<Response<Held<Answer>>, Infallible> {
    let mut in_flight = line.watch.begin();
    request.extensions_mut().insert(line.connection.clone());
    if line.is_late.get() {
        request.extensions_mut().insert(Late);
    }
    // A request may go on behind its answer.
    let request = request.map(|body| {
        if hyper::body::Body::is_end_stream(&body) {
            return Source::None;
        }
        let in_flight = line.watch.begin();
        Source::Http2(line.worker.streams().upload(body, in_flight))
    });
    let stalls = |stall: Option<Duration>| {
        if let Some(stall) = stall {
            // As long as one of its requests may stall, all of it may, while that is under way.
            let site = line.worker.limits().patience.stall;
            in_flight.extend_stall(stall.max(site));
            line.worker.streams().set_stall(stall);
        }
    };
    let answering = line.worker.call(request, stalls);
    let response = answering.await?;
    let taking = line.worker.streams().taking();
    Ok(response.map(|inner| Held::new(inner, in_flight, taking)))
}
