//! The listener for whoever looks after the gateway: a page, metrics and health. It is not for the
//! world.

mod assets;
mod desk;
mod door;
mod headers;
mod html;
mod numbers;
mod page;
mod recent;
mod route;
mod rules;
mod series;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::descriptors::Once;
use crate::error::{Error, system};
use crate::shared::Shared;
use crate::surroundings::Surroundings;

use desk::Desk;
pub(crate) use door::{COOKIE_NAME as SESSION_COOKIE, is_loopback};
pub(crate) use recent::Recent;

/// Connections at once; scrapers need one, a browser six. Beyond them the oldest makes room.
const CONNECTIONS: usize = 32;

/// The bytes of a request's head.
const HEAD: usize = 16 << 10;

/// How long one connection lives, whatever it does: nobody keeps others out for longer.
const LIFE: Duration = Duration::from_mins(5);

/// How long its last answer may take to be read.
const LAST: Duration = Duration::from_secs(10);

/// The same where somebody else waits for its place.
const HURRIED: Duration = Duration::from_secs(1);

/// Whoever looks after the gateway is answered here.
#[derive(Debug)]
pub(crate) struct Admin {
    listener: TcpListener,
    desk: Rc<Desk>,
}

impl Admin {
    /// To answer on `listener`.
    ///
    /// # Errors
    ///
    /// When the socket is none, or the system has no random bytes.
    pub(crate) fn new(
        listener: std::net::TcpListener,
        shared: Arc<Shared>,
        around: Surroundings,
    ) -> Result<Self, Error> {
        let listener = TcpListener::from_std(listener).map_err(system("a socket"))?;
        let bound = listener.local_addr().map_err(system("a socket"))?;
        let desk = Desk::new(shared, around, bound).map_err(system("random bytes"))?;
        let desk = Rc::new(desk);
        Ok(Self { listener, desk })
    }

    /// Answers for as long as this is polled; what is being answered then still is.
    pub(crate) async fn answer(&self) {
        tokio::select! {
            () = series::keep(Rc::clone(&self.desk)) => {}
            () = accept(&self.listener, &self.desk) => {}
        }
    }
}

async fn accept(listener: &TcpListener, desk: &Rc<Desk>) {
    // Connections see its end: another gateway answers by then, and only that one is right.
    let (_open, closed) = watch::channel(());
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut trouble = Once::default();
    let mut there: VecDeque<oneshot::Sender<()>> = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                trouble.is_over();
                there.retain(|other| !other.is_closed());
                if places.available_permits() == 0
                    && let Some(oldest) = there.pop_front()
                {
                    // It has gone where nobody hears this.
                    let _ = oldest.send(());
                }
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                let (leave, left) = oneshot::channel();
                there.push_back(leave);
                let (desk, closed) = (Rc::clone(desk), closed.clone());
                tokio::task::spawn_local(async move {
                    connection(stream, peer.ip(), desk, closed, left).await;
                    drop(place);
                });
            }
            Err(error) => {
                if trouble.begins() {
                    tracing::error!(%error, "the admin listener cannot accept connections for now");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    desk: Rc<Desk>,
    mut closed: watch::Receiver<()>,
    left: oneshot::Receiver<()>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let desk = Rc::clone(&desk);
        async move { Ok::<_, Infallible>(route::answer(&desk, request, peer).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Ok(ended),
        _ = closed.changed() => Err(LAST),
        Ok(()) = left => Err(HURRIED),
        () = tokio::time::sleep(LIFE) => Err(LAST),
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(patience) => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(patience, served)
                .await
                .unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an admin connection ended early");
    }
}
