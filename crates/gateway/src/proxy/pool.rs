//! One worker's connections to the app.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use panoply_core::Clock;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::Failure;
use super::deadlines::{Deadline, Deadlines};
use super::multiplexed::{Multiplexed, Turn};
use crate::body::{Progress, RequestBody};
use crate::wire::{Outlet, Trailers, Trailing, in_chunks};

/// A connection that carries one request at a time.
#[derive(Debug)]
pub(super) struct Sender {
    inner: http1::SendRequest<RequestBody>,
    trailers: Arc<Trailers>,
    task: Task,
}

/// The task that drives a connection; it ends with this, whatever it waits for.
///
/// Without that a connection to an app that does not read would hold the client's body, and with it
/// the client's own connection, long after the client has been told that the app is late.
#[derive(Debug)]
struct Task(Option<AbortHandle>);

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Sender {
    /// Lets the connection go on by itself, until what it is doing is done.
    pub(super) fn release(mut self) {
        self.task.0.take();
    }

    /// Sends `request`, with trailers if it has any.
    pub(super) fn try_send_request(
        &mut self,
        mut request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>> + use<>
    {
        if in_chunks(request.headers(), request.body()) {
            let outlet = Outlet::Stream(Arc::clone(&self.trailers));
            request.body_mut().set_trailers(outlet);
        }
        self.inner.try_send_request(request)
    }
}

/// The most idle connections that are kept.
const MOST_IDLE: usize = 256;

/// How long an idle connection is kept when the app does not say: Node closes its own after 5 s.
const KEEP: Duration = Duration::from_secs(4);

/// The longest time that is believed.
const LONGEST_KEEP: Duration = Duration::from_hours(1);

/// Longest wait for the app to accept a connection; it is on this machine or near it.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// Keep-alive connections to one address, the last one used first.
#[derive(Debug)]
pub(crate) struct Pool {
    address: Cell<Option<SocketAddr>>,
    idle: RefCell<Vec<Idle>>,
    shared: Multiplexed,
    deadlines: Rc<Deadlines>,
    clock: Rc<dyn Clock>,
}

#[derive(Debug)]
struct Idle {
    sender: Sender,
    until: Duration,
}

impl Pool {
    pub(crate) fn new(clock: Rc<dyn Clock>) -> Self {
        let pool = Self {
            address: Cell::new(None),
            idle: RefCell::default(),
            shared: Multiplexed::default(),
            deadlines: Rc::default(),
            clock,
        };
        pool.sweep();
        pool
    }

    /// Sends to `address` from now on.
    pub(crate) fn move_to(&self, address: SocketAddr) {
        if self.address.replace(Some(address)) != Some(address) {
            self.idle.borrow_mut().clear();
            self.shared.clear();
        }
    }

    /// Closes what has been idle for too long, and ends waits that have lasted too long.
    pub(crate) fn sweep(&self) {
        let now = self.clock.monotonic();
        self.deadlines.sweep(now);
        self.shared.sweep();
        self.idle
            .borrow_mut()
            .retain(|idle| idle.until > now && !idle.sender.inner.is_closed());
    }

    /// A wait of at most `limit`.
    pub(super) fn deadline(&self, limit: Duration) -> Deadline {
        self.deadlines.wait(limit)
    }

    /// A connection that has been used before and still stands.
    pub(super) async fn reuse(&self) -> Option<Sender> {
        loop {
            let idle = self.idle.borrow_mut().pop()?;
            let mut sender = idle.sender;
            if idle.until <= self.deadlines.now() || sender.inner.is_closed() {
                continue;
            }
            // Given back at the last byte of a body, it may have a turn to go before it is ready.
            if sender.inner.is_ready() || sender.inner.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    /// A new connection, in a task of its own: driving it from the request's task was measured and
    /// gains nothing.
    pub(super) async fn connect(&self) -> Result<Sender, Failure> {
        let trailers = Arc::<Trailers>::default();
        let stream = Trailing::new(self.dial().await?, Arc::clone(&trailers));
        // With another number of headers than hyper's own 100, its parser makes a table on the heap
        // for every answer.
        let (inner, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Failure::Broken)?;
        let task = tokio::task::spawn_local(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::trace!(%error, "a connection to the app ended");
            }
        });
        let task = Task(Some(task.abort_handle()));
        Ok(Sender {
            inner,
            trailers,
            task,
        })
    }

    /// The HTTP/2 connections.
    pub(super) const fn multiplexed(&self) -> &Multiplexed {
        &self.shared
    }

    pub(super) async fn dial(&self) -> Result<TcpStream, Failure> {
        let address = self
            .address
            .get()
            .ok_or_else(|| Failure::Away(io::ErrorKind::NotConnected.into()))?;
        let dial = tokio::time::timeout(CONNECT, TcpStream::connect(address));
        let stream = dial
            .await
            .map_err(|_| Failure::ConnectTimeout)?
            .map_err(Failure::Away)?;
        // Without it the last bytes of a head may wait for an acknowledgement.
        stream.set_nodelay(true).map_err(Failure::Away)?;
        Ok(stream)
    }
}

/// What an answer that is being read holds.
#[derive(Debug)]
pub(crate) enum Lease {
    /// A connection of its own; dropped early, it is closed.
    Alone(Alone),
    /// A place among others.
    Among(Turn),
}

impl Lease {
    /// The answer has been read to its end: the connection can carry another request.
    pub(crate) fn give_back(self) {
        match self {
            Self::Alone(alone) => alone.give_back(),
            Self::Among(turn) => drop(turn),
        }
    }
}

/// A connection that carries one request.
#[derive(Debug)]
pub(crate) struct Alone {
    pool: Weak<Pool>,
    address: Option<SocketAddr>,
    sender: Sender,
    keep: Duration,
    request: Rc<Progress>,
}

impl Alone {
    /// `keep` is how long the app said it keeps the connection open; `request` says whether the
    /// request has been sent to its end.
    pub(super) fn new(
        pool: &Rc<Pool>,
        sender: Sender,
        keep: Option<Duration>,
        request: Rc<Progress>,
    ) -> Self {
        // Ours closes first, so that no request meets a closing connection.
        let keep = keep.map_or(KEEP, |keep| keep.saturating_sub(Duration::from_secs(1)));
        let keep = keep.min(LONGEST_KEEP);
        Self {
            pool: Rc::downgrade(pool),
            address: pool.address.get(),
            sender,
            keep,
            request,
        }
    }

    fn give_back(self) {
        let Some(pool) = self.pool.upgrade() else {
            return;
        };
        let mut idle = pool.idle.borrow_mut();
        if !self.request.mark().1 {
            // Its answer came early, and the request may still be wanted; the next one must not
            // wait for that.
            return self.sender.release();
        }
        let wanted = pool.address.get() == self.address && idle.len() < MOST_IDLE;
        if wanted && !self.keep.is_zero() && !self.sender.inner.is_closed() {
            let until = pool.deadlines.now() + self.keep;
            let sender = self.sender;
            idle.push(Idle { sender, until });
        }
    }
}
