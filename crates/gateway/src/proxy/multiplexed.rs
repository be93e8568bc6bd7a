//! Connections to an app that speaks HTTP/2, each of which many requests share.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::Failure;
use super::http1::Patience;
use super::pool::CONNECT;
use super::stream::AppStream;
use super::uploads::{Outgoing, Tasks, Upload};
use super::work::Busy;
use crate::body::RequestBody;

/// What one answer may have on its way: this much of one that nobody takes waits here.
const STREAM_WINDOW: u32 = 256 << 10;

/// The largest there is (RFC 9113 §6.9.1): answers that nobody takes must not keep others waiting.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The most of an answer's head; over HTTP/1.1 hyper takes about as much.
const HEADER_LIST: u32 = 256 << 10;

/// A number of requests at once that no app will name, to see that it has named another.
const UNTOLD: usize = 314_159;

/// How often it is looked whether the app has named its number.
const LOOK: Duration = Duration::from_millis(1);

/// The most connections of one worker; beyond, requests wait for a turn on one of them.
const MOST: usize = 64;

/// The connections of one worker.
#[derive(Debug, Default)]
pub(super) struct Multiplexed {
    lines: RefCell<Vec<Line>>,
    /// Held by whoever makes a new one: a burst of requests needs no connection each.
    making: tokio::sync::Mutex<()>,
    tasks: Tasks,
}

#[derive(Debug)]
struct Line {
    sender: http2::SendRequest<Outgoing>,
    /// Nothing once it has ended: what hyper has not sent then is given back.
    connection: Rc<RefCell<Option<Connection>>>,
    /// How many requests are on it.
    taken: Rc<Cell<usize>>,
}

type Connection = http2::Connection<TokioIo<AppStream>, Outgoing, Tasks>;

impl Line {
    /// A new one, once the app has said how many requests it takes at once: it does so first of all
    /// (RFC 9113 §3.4), and refuses what is too much.
    async fn over(stream: AppStream, tasks: Tasks) -> Result<Self, Failure> {
        let (sender, connection) = http2::Builder::new(tasks)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(UNTOLD)
            .max_header_list_size(HEADER_LIST)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::Broken(error.into()))?;
        let line = Self {
            sender,
            connection: Rc::new(RefCell::new(Some(connection))),
            taken: Rc::default(),
        };
        let connection = Rc::clone(&line.connection);
        tokio::task::spawn_local(async move {
            let ended = poll_fn(|cx| match connection.borrow_mut().as_mut() {
                Some(connection) => Pin::new(connection).poll(cx),
                None => Poll::Ready(Ok(())),
            });
            if let Err(error) = ended.await {
                tracing::trace!(%error, "a connection to the app ended");
            }
            let ended = connection.take();
            drop(ended);
        });
        // hyper wakes nobody when it learns the number.
        let mut looks = tokio::time::interval(LOOK);
        let told = async {
            while line.most() == UNTOLD && !line.sender.is_closed() {
                looks.tick().await;
            }
        };
        if timeout(CONNECT, told).await.is_err() {
            return Err(Failure::ConnectTimeout);
        }
        if line.most() == UNTOLD || line.sender.is_closed() {
            return Err(Failure::NotHttp2);
        }
        Ok(line)
    }

    /// How many requests the app takes at once.
    fn most(&self) -> usize {
        let connection = self.connection.borrow();
        connection
            .as_ref()
            .map_or(0, Connection::current_max_send_streams)
    }

    fn has_room(&self) -> bool {
        self.taken.get() < self.most()
    }

    fn place(&self) -> Place {
        self.taken.set(self.taken.get() + 1);
        let turn = Turn {
            taken: Rc::clone(&self.taken),
            upload: None,
            busy: None,
        };
        (self.sender.clone(), turn)
    }
}

/// Where to send a request, and what holds its place there until its answer is out.
pub(super) type Place = (http2::SendRequest<Outgoing>, Turn);

/// One request's place on a connection.
#[derive(Debug)]
pub(crate) struct Turn {
    taken: Rc<Cell<usize>>,
    /// Its body, which may still be on its way when its answer is out.
    upload: Option<Rc<Upload>>,
    /// That the app is at it.
    pub(super) busy: Option<Busy>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.taken.set(self.taken.get() - 1);
        if let Some(upload) = &self.upload {
            upload.is_answered();
        }
    }
}

/// What whoever wants a new connection comes to.
#[derive(Debug)]
pub(super) enum Dialled {
    New(AppStream),
    /// A place on another became free while there was no file descriptor for a new one.
    Free(Place),
}

impl Multiplexed {
    /// A place on a connection that has room, or that has the most of it if no more are to be made.
    pub(super) fn turn(&self) -> Option<Place> {
        let mut lines = self.lines.borrow_mut();
        lines.retain(|line| !line.sender.is_closed());
        let crowded = || {
            let all = lines.iter().filter(|_| lines.len() >= MOST);
            all.min_by_key(|line| line.taken.get())
        };
        let roomy = lines.iter().find(|line| line.has_room());
        roomy.or_else(crowded).map(Line::place)
    }

    /// A place on a connection that has room, or on a new one, which `dial` begins.
    pub(super) async fn open(
        &self,
        dial: impl Future<Output = Result<Dialled, Failure>>,
    ) -> Result<Place, Failure> {
        if let Some(place) = self.turn() {
            return Ok(place);
        }
        let Ok(_making) = timeout(CONNECT, self.making.lock()).await else {
            return Err(Failure::ConnectTimeout);
        };
        if let Some(place) = self.turn() {
            return Ok(place);
        }
        let stream = match dial.await? {
            Dialled::New(stream) => stream,
            Dialled::Free(place) => return Ok(place),
        };
        let line = Line::over(stream, self.tasks.clone()).await?;
        let place = line.place();
        self.lines.borrow_mut().push(line);
        Ok(place)
    }

    /// What is sent of `body` in this turn; once the answer is over, it is given up when it stands still for
    /// as long as `patience` says.
    pub(super) fn outgoing(
        &self,
        body: RequestBody,
        turn: &mut Turn,
        patience: Patience,
    ) -> Outgoing {
        let outgoing = Outgoing::new(body, &self.tasks, patience);
        turn.upload = outgoing.upload();
        outgoing
    }

    /// Begins nothing more on the connection of `turn`; what is on it goes on.
    pub(super) fn retire(&self, turn: &Turn) {
        let other = |line: &Line| !Rc::ptr_eq(&line.taken, &turn.taken);
        self.lines.borrow_mut().retain(other);
    }

    /// Closes those that nobody uses, but for the first.
    pub(super) fn sweep(&self) {
        let mut first = true;
        self.lines.borrow_mut().retain(|line| {
            let keep = std::mem::replace(&mut first, false);
            !line.sender.is_closed() && (keep || line.taken.get() > 0)
        });
    }

    /// Begins nothing more on any of them.
    pub(super) fn clear(&self) {
        self.lines.borrow_mut().clear();
    }
}
