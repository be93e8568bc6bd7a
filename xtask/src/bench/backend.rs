//! The app behind every proxy: answers of 1 KB, 64 KB and 10 MB, as fast as hyper gives them.

use std::convert::Infallible;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};

static BODY: [u8; 10 << 20] = [b'x'; 10 << 20];

/// Starts the app on a thread a core, for as long as the process lives.
pub(super) fn start() -> Result<SocketAddr> {
    serve_all(Protocol::Http1, |request| {
        std::future::ready(answer(request.uri().path()))
    })
}

/// What an app speaks, without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Starts an app of such answers on a thread a core, for as long as the process lives.
pub(crate) fn serve_all<F, B>(
    protocol: Protocol,
    answer: impl Fn(Request<Incoming>) -> F + Copy + Send + 'static,
) -> Result<SocketAddr>
where
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let first = listener(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = first.local_addr()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut listeners = vec![first];
    for _ in 1..cores {
        listeners.push(listener(address)?);
    }
    for listener in listeners {
        std::thread::spawn(move || serve(listener, protocol, answer));
    }
    Ok(address)
}

pub(super) fn listener(address: SocketAddr) -> Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket
        .bind(&address.into())
        .context("binding the app's port")?;
    socket.listen(1024)?;
    Ok(socket.into())
}

fn serve<F, B>(
    listener: std::net::TcpListener,
    protocol: Protocol,
    answer: impl Fn(Request<Incoming>) -> F + Copy + 'static,
) -> Result<()>
where
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = service_fn(move |request| {
                let answered = answer(request);
                async move { Ok::<_, Infallible>(answered.await) }
            });
            let stream = TokioIo::new(stream);
            match protocol {
                Protocol::Http1 => {
                    let served = http1::Builder::new().serve_connection(stream, service);
                    tokio::task::spawn_local(served.with_upgrades());
                }
                Protocol::Http2 => {
                    let served = http2::Builder::new(Here).serve_connection(stream, service);
                    tokio::task::spawn_local(served);
                }
            }
        }
    })
}

/// Streams are answered on the thread of their connection.
#[derive(Debug, Clone, Copy)]
struct Here;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// 1 KB, or as much as the path says.
fn answer(path: &str) -> Response<Full<Bytes>> {
    let body = match path {
        "/64k" => BODY.get(..64 << 10).unwrap_or(&BODY),
        "/10m" => &BODY,
        _ => BODY.get(..1 << 10).unwrap_or(&BODY),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body)));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
