//! A request to a service of this process that asks for another protocol, such as a WebSocket's.

use std::cell::Cell;
use std::io;

use http::{Extensions, Request};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Incoming, Resident};

/// A connection to `service` for one request, which finds `extensions` with it.
///
/// What takes over a connection (`hyper::upgrade`, axum's `WebSocketUpgrade`) can be had of a connection of hyper's
/// alone. So hyper serves these few, over a pair of sockets to which the client's connection is joined as it is to that of an app.
///
/// # Errors
///
/// When there are no file descriptors left.
pub(crate) fn switch(service: &Resident, extensions: Extensions) -> io::Result<UnixStream> {
    let (here, there) = UnixStream::pair()?;
    let (service, extensions) = (service.clone(), Cell::new(Some(extensions)));
    let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
        if let Some(extensions) = extensions.take() {
            request.extensions_mut().extend(extensions);
        }
        service.answer(request.map(Incoming::from))
    });
    tokio::task::spawn_local(async move {
        let served = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(there), service)
            .with_upgrades();
        if let Err(error) = served.await {
            tracing::debug!(%error, "a service's connection ended early");
        }
    });
    Ok(here)
}
