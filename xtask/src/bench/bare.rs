//! A bare hyper proxy of the gateway's shape: what the engine itself costs.
//!
//! One current-thread runtime a core with its own listener and its own connections to the app, the
//! same headers put on each answer, and nothing else: no check, no limit, no id, no retry.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::backend::listener;
use super::peers::HEADERS;

type Pool = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

/// Two addresses: where to listen, and where the app is.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Options {
    listen: SocketAddr,
    app: SocketAddr,
}

/// Serves until it is killed.
///
/// # Errors
///
/// When the port cannot be bound.
pub(crate) fn run(options: Options) -> Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut workers = Vec::new();
    for _ in 0..cores {
        let listener = listener(options.listen)?;
        workers.push(std::thread::spawn(move || serve(listener, options.app)));
    }
    println!("ready");
    for worker in workers {
        worker.join().ok().context("a worker panicked")??;
    }
    Ok(true)
}

fn serve(listener: std::net::TcpListener, app: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let pool = Pool::default();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let pool = Rc::clone(&pool);
            let service = service_fn(move |request| forward(request, Rc::clone(&pool), app));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::task::spawn_local(served);
        }
    })
}

async fn forward(
    mut request: Request<Incoming>,
    pool: Pool,
    app: SocketAddr,
) -> Result<Response<Answer>> {
    if let Some(target) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(target);
    }
    let headers = request.headers_mut();
    headers.remove(header::CONNECTION);
    headers.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    let idle = pool.borrow_mut().pop();
    let mut sender = if let Some(mut sender) = idle {
        sender.ready().await?;
        sender
    } else {
        let stream = TcpStream::connect(app).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        sender
    };
    let (mut parts, body) = sender.send_request(request).await?.into_parts();
    parts.headers.remove(header::CONNECTION);
    parts.headers.remove("x-powered-by");
    for (name, value) in HEADERS {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        parts.headers.insert(name, HeaderValue::from_static(value));
    }
    let lease = Some((sender, pool));
    Ok(Response::from_parts(parts, Answer { body, lease }))
}

/// The app's body, which gives its connection back at the end.
struct Answer {
    body: Incoming,
    lease: Option<(SendRequest<Incoming>, Pool)>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if (frame.is_none() || self.body.is_end_stream())
            && let Some((sender, pool)) = self.lease.take()
        {
            pool.borrow_mut().push(sender);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
