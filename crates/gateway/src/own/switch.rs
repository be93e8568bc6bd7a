//! A request to a service of this process that asks for another protocol, such as a WebSocket's.

use std::cell::{Cell, RefCell};
use std::io;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use futures_util::FutureExt as _;
use http::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Incoming, Resident};
use crate::proxy::Failure;

/// Why the service gave no answer, of which nothing can be seen over the sockets.
pub(crate) type Failed = Rc<RefCell<Option<Failure>>>;

/// The headers that are told besides those of the client, and more.
const TOLD: usize = 16;

/// A connection to `service` for this one request, which finds its extensions with it; and what has become of it there.
///
/// What takes over a connection (`hyper::upgrade`, axum's `WebSocketUpgrade`) can be had of a connection of hyper's
/// alone. So hyper serves these few, over a pair of sockets to which the client's connection is joined as it is to that of an app.
///
/// # Errors
///
/// When there are no file descriptors left.
pub(crate) fn switch<B>(
    service: &Resident,
    request: &Request<B>,
) -> io::Result<(UnixStream, Failed)> {
    let (here, there) = UnixStream::pair()?;
    let failed = Failed::default();
    let (service, noted) = (service.clone(), Rc::clone(&failed));
    let extensions = Cell::new(Some(request.extensions().clone()));
    let most = request.headers().len() + TOLD;
    let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
        if let Some(extensions) = extensions.take() {
            request.extensions_mut().extend(extensions);
        }
        let answering = service.answer(request.map(Incoming::from));
        let noted = Rc::clone(&noted);
        async move {
            // What is left of it after a panic is not polled again.
            let failure = match AssertUnwindSafe(answering).catch_unwind().await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => Failure::Own(error),
                Err(_) => Failure::Panicked,
            };
            noted.replace(Some(failure));
            Err(io::Error::from(io::ErrorKind::ConnectionAborted))
        }
    });
    tokio::task::spawn_local(async move {
        let served = http1::Builder::new()
            .keep_alive(false)
            .max_headers(most)
            .serve_connection(TokioIo::new(there), service)
            .with_upgrades();
        if let Err(error) = served.await {
            tracing::debug!(%error, "a service's connection ended early");
        }
    });
    Ok((here, failed))
}
