//! One accepted connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future as _, poll_fn};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use panoply_core::Connection;
use panoply_tls::{Tls, is_challenge};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;

use super::ear::{Ear, gone};
use super::held::Held;
use super::io::Wire;
use super::refusal;
use super::streams::OneByOne;
use super::trailers::{self, Outlet};
use super::tunnel;
use super::watch::Watch;
use crate::proxy;
use crate::worker::{Answer, Arrival, Slot, Worker};

/// The most headers that hyper parses without a table on the heap for every request. A lower limit
/// is held by [`AppService`](crate::service::AppService), which counts those of HTTP/2 too.
const PARSED: usize = 100;

/// What every request of one connection needs.
#[derive(Debug)]
struct Line {
    worker: Rc<Worker>,
    connection: Connection,
    watch: Arc<Watch>,
    slot: Slot,
}

/// Serves `stream` until it ends, is aborted, or the worker drains.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    stream: TcpStream,
    arrival: Arrival,
    watch: Arc<Watch>,
    slot: Slot,
) {
    let Arrival { peer, tls } = arrival;
    let line = |tls| {
        let connection = Connection::new(peer, tls);
        Rc::new(Line {
            worker: Rc::clone(&worker),
            connection,
            watch: Arc::clone(&watch),
            slot,
        })
    };
    let Some(tls) = tls else {
        return http_1(line(None), stream).await;
    };
    watch.set_in_head(true);
    let stream = match handshake(&worker, &tls, &watch, stream).await {
        Ok(stream) => stream,
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
    let line = line(Some(tls.session(session)));
    if speaks_h2 {
        http_2(line, stream).await;
    } else {
        http_1(line, stream).await;
    }
}

/// How long a handshake waits for a certificate that is ordered because of it.
const ON_DEMAND: Duration = Duration::from_secs(20);

async fn handshake(
    worker: &Worker,
    tls: &Tls,
    watch: &Watch,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let acme = worker.orders_on_demand();
    // The acceptor keeps the stream to itself, and whether the client is still there must be seen.
    let ear = acme.is_some().then(|| Ear::of(&stream)).transpose()?;
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
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
            tokio::select! {
                _ = tokio::time::timeout(ON_DEMAND, acme.demand(&name)) => {}
                () = gone(ear) => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
            watch.set_in_head(true);
        }
    }
    begun.into_stream(config).await
}

async fn http_1<T>(line: Rc<Line>, stream: T)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = line.worker.limits();
    let wire = Wire::http1(stream, Arc::clone(&line.watch));
    let mut builder = http1::Builder::new();
    if limits.header_count > PARSED {
        builder.max_headers(limits.header_count);
    }
    builder
        .max_header_size(limits.header_bytes)
        .half_close(false)
        // Heads have a limit of their own, in `Watch`.
        .header_read_timeout(None);
    let service = service_fn(|request| answer(Rc::clone(&line), request));
    let served = builder
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let mut last = false;
    let ended = loop {
        let next = poll_fn(|cx| {
            // Whoever has no request under way is ended by the sweeper: nobody has to be woken.
            let hurries = line.worker.is_draining() && !line.worker.is_draining_gently();
            if hurries && !std::mem::replace(&mut last, true) {
                served.as_mut().graceful_shutdown();
            }
            // hyper first: what it wants is looked at each time after.
            match (served.as_mut().poll(cx), line.watch.voice().wanted()) {
                (Poll::Ready(ended), _) => Poll::Ready(Ok(ended)),
                (Poll::Pending, Some(status)) => Poll::Ready(Err(status)),
                (Poll::Pending, None) => Poll::Pending,
            }
        });
        match next.await {
            Ok(ended) => break ended,
            Err(status) => line.refuse(status).await,
        }
    };
    if line.watch.voice().has_spoken() {
        return;
    }
    if let Err(error) = ended {
        match line.watch.violation() {
            Some(violation) => line.refused(violation.rule()),
            None => line.ended(&error),
        }
    }
}

async fn http_2<T>(line: Rc<Line>, stream: T)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let limits = line.worker.limits();
    let wire = Wire::http2(stream, Arc::clone(&line.watch));
    let inner = Rc::clone(&line);
    let service = service_fn(move |request| answer(Rc::clone(&inner), request));
    let served = http2::Builder::new(OneByOne(Rc::clone(line.worker.streams())))
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(limits.stream_resets)
        .serve_connection(TokioIo::new(wire), service);
    let mut served = std::pin::pin!(served);
    let mut draining = std::pin::pin!(line.worker.draining());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = draining.as_mut() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        line.ended(&error);
    }
}

impl Line {
    /// Makes ready what is said instead of a refusal of hyper's own.
    async fn refuse(&self, status: StatusCode) {
        let violation = self.watch.violation();
        let words = refusal::answer(&self.worker, &self.connection, status, violation).await;
        self.watch.voice().give(words);
    }

    fn refused(&self, rule: &'static str) {
        self.worker.metrics().refused(rule);
        tracing::debug!(client.ip = %self.connection.peer.ip(), rule, verdict = "refused");
    }

    fn ended(&self, error: &hyper::Error) {
        if error.is_parse() {
            self.refused("intake/malformed");
        } else {
            let ip = self.connection.peer.ip();
            tracing::debug!(client.ip = %ip, %error, "a connection ended early");
        }
    }
}

/// Hands a request to the stack and its answer to the client, or opens a tunnel between them.
async fn answer(
    line: Rc<Line>,
    mut request: Request<Incoming>,
) -> Result<Response<Held<Answer>>, Infallible> {
    let in_flight = line.watch.begin();
    let request_version = request.version();
    let upgrade = proxy::upgrade(request.headers(), request.version())
        .map(|_| hyper::upgrade::on(&mut request));
    let keeps_trailers =
        request.version() == Version::HTTP_11 && trailers::welcome(request.headers());
    request.extensions_mut().insert(line.connection.clone());
    let mut response = line.worker.call(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(client) = upgrade
    {
        // The client speaks next, and no longer HTTP.
        line.watch.tunnel();
        tunnel::open(
            client,
            hyper::upgrade::on(&mut response),
            Rc::clone(&line.slot),
        );
    }
    let in_chunks = keeps_trailers && trailers::in_chunks(response.headers(), response.body());
    let trailers = if in_chunks {
        Outlet::Stream(Arc::clone(line.watch.trailers()))
    } else {
        Outlet::Body
    };
    if line.worker.is_draining_gently()
        && request_version <= Version::HTTP_11
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        // The next request finds the gateway that takes over. Were the connection closed without a
        // word, one that is on its way would be lost.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    line.watch.voice().begin();
    let taking = line.worker.streams().taking();
    Ok(response.map(|inner| Held::new(inner, in_flight, trailers, taking)))
}
