//! HTTP/1.1 for a function from request to response, with a bound on everything.

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

/// The largest request body in bytes.
pub(super) const BODY_BYTES: usize = 64 * 1024;

/// Room for a browser's six connections, and for a pool of the gateway on each of many cores.
const CONNECTIONS: usize = 256;
const HEAD_BYTES: usize = 64 * 1024;
const HEAD_TIME: Duration = Duration::from_secs(30);
const BODY_TIME: Duration = Duration::from_secs(10);
const CONNECTION_TIME: Duration = Duration::from_mins(10);
const LAST_ANSWER_TIME: Duration = Duration::from_secs(10);

/// Answers with `handler` whatever `listener` accepts, until the future is dropped.
pub(super) async fn serve<H, F>(listener: TcpListener, handler: H) -> io::Result<()>
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    let handler = Arc::new(handler);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    // A set, so that the connections end with the listener.
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return Ok(());
        };
        let stream = accept(&listener).await?;
        while connections.try_join_next().is_some() {}
        let handler = Arc::clone(&handler);
        connections.spawn(async move {
            converse(stream, handler).await;
            drop(place);
        });
    }
}

/// Accepts the next connection, over errors that pass by themselves.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    // EMFILE and ENFILE have no `ErrorKind` of their own.
    const OUT_OF_FILES: [i32; 2] = [24, 23];
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if of_one_connection(error.kind()) => {}
            Err(error)
                if error
                    .raw_os_error()
                    .is_some_and(|n| OUT_OF_FILES.contains(&n)) =>
            {
                sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

const fn of_one_connection(kind: ErrorKind) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        kind,
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

async fn converse<H, F>(stream: TcpStream, handler: Arc<H>)
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(answer(request, &*handler).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // What goes wrong on one connection concerns nobody but its client.
    if timeout(CONNECTION_TIME, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_ANSWER_TIME, connection).await;
    }
}

async fn answer<H, F>(request: Request<Incoming>, handler: &H) -> Response<Full<Bytes>>
where
    H: Fn(Request<Bytes>) -> F + Send + Sync,
    F: Future<Output = Response<Bytes>> + Send,
{
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES).collect();
    match timeout(BODY_TIME, body).await {
        Ok(Ok(body)) => {
            let answered = handler(Request::from_parts(head, body.to_bytes())).await;
            answered.map(Full::new)
        }
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "A body may have 64 KiB here, and no more.\n",
        ),
        Ok(Err(_)) => refusal(StatusCode::BAD_REQUEST, "The body could not be read.\n"),
        Err(_) => refusal(StatusCode::REQUEST_TIMEOUT, "The body took too long.\n"),
    }
}

/// A refusal also ends the connection, since the rest of the body is still on it.
fn refusal(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    response
}
