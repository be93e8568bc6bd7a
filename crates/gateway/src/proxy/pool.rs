//! One worker's connections to an instance of the app.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Clock, Scheme};
use rustix::io::Errno;
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::Failure;
use super::deadlines::{Deadline, Deadlines};
use super::http1::{Home, Interims, Line, Patience, Room};
use super::multiplexed::{Dialled, Multiplexed};
use super::secured;
use super::stream::{AppAddress, AppStream, connect_unix};
use super::work::{Busy, Work};
use crate::descriptors::{Descriptors, LOOK, Use, have_run_out};
use crate::listen::miss_the_vanished;
use crate::spares::Spares;
use crate::wire::bound_unsent;

/// The most idle connections that are kept.
const MOST_IDLE: usize = 256;

/// How long an idle connection is kept when the app does not say: Node closes its own after 5 s.
const KEEP: Duration = Duration::from_secs(4);

/// The longest time that is believed.
const LONGEST_KEEP: Duration = Duration::from_hours(1);

/// Longest wait for the app to accept a connection; it is on this machine or near it.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// The same where another instance may: a machine that has gone says nothing. A packet that was lost is sent once more
/// after a second (RFC 6298 §2).
const CONNECT_OR_ANOTHER: Duration = Duration::from_millis(1500);

/// Keep-alive connections to one address, the last one used first.
#[derive(Debug)]
pub(crate) struct Pool {
    address: RefCell<Option<AppAddress>>,
    /// How often it has changed.
    moves: Cell<u64>,
    idle: RefCell<Vec<Idle>>,
    shared: Multiplexed,
    deadlines: Rc<Deadlines>,
    /// Shared with what goes on by itself.
    going_on: Rc<()>,
    interims: Rc<Interims>,
    spares: Rc<Spares>,
    room: Room,
    descriptors: Descriptors,
    clock: Rc<dyn Clock>,
    /// The number of the instance, and where it is counted what it has to do and how it does; there are others then.
    work: Option<(usize, Arc<Work>)>,
}

#[derive(Debug)]
struct Idle {
    line: Line,
    until: Duration,
}

impl Pool {
    pub(crate) fn new(clock: Rc<dyn Clock>, descriptors: Descriptors) -> Self {
        let pool = Self {
            address: RefCell::default(),
            moves: Cell::default(),
            idle: RefCell::default(),
            shared: Multiplexed::default(),
            deadlines: Rc::default(),
            going_on: Rc::default(),
            interims: Rc::default(),
            spares: Rc::default(),
            room: Room::default(),
            descriptors,
            clock,
            work: None,
        };
        pool.sweep();
        pool
    }

    /// Another one of the same worker.
    pub(super) fn beside(&self) -> Self {
        Self {
            address: RefCell::default(),
            moves: Cell::default(),
            idle: RefCell::default(),
            shared: Multiplexed::default(),
            deadlines: Rc::clone(&self.deadlines),
            going_on: Rc::default(),
            interims: Rc::clone(&self.interims),
            spares: Rc::clone(&self.spares),
            room: self.room.clone(),
            descriptors: self.descriptors.clone(),
            clock: Rc::clone(&self.clock),
            work: None,
        }
    }

    /// Its requests are counted there.
    pub(super) fn counted_by(mut self, number: usize, work: &Arc<Work>) -> Self {
        self.work = Some((number, Arc::clone(work)));
        self
    }

    /// Which of several instances this is for.
    pub(super) fn number(&self) -> Option<usize> {
        self.work.as_ref().map(|(number, _)| *number)
    }

    /// One more request; until that is dropped.
    pub(super) fn busy(&self) -> Option<Busy> {
        self.work.as_ref().map(|(_, work)| Busy::with(work))
    }

    /// Where it is counted how the instance does, if there are others.
    pub(super) fn work(&self) -> Option<&Work> {
        self.work.as_ref().map(|(_, work)| &**work)
    }

    /// Sends to `address` from now on; to nobody without one.
    pub(crate) fn move_to(&self, address: Option<&AppAddress>) {
        let is_there = self.address.borrow().as_ref() == address;
        if !is_there {
            self.address.replace(address.cloned());
            self.moves.set(self.moves.get() + 1);
            self.idle.borrow_mut().clear();
            self.shared.clear();
        }
    }

    /// By what the app is asked.
    pub(super) fn scheme(&self) -> Scheme {
        match *self.address.borrow() {
            Some(AppAddress::Tls(..)) => Scheme::Https,
            _ => Scheme::Http,
        }
    }

    /// How often the app has moved.
    pub(super) const fn moves(&self) -> u64 {
        self.moves.get()
    }

    /// Closes what has been idle for too long, and ends waits that have lasted too long.
    pub(crate) fn sweep(&self) {
        let now = self.clock.monotonic();
        self.deadlines.sweep(now);
        self.shared.sweep();
        self.idle
            .borrow_mut()
            .retain(|idle| idle.until > now && idle.line.stands());
    }

    /// The moment, to the nanosecond.
    pub(crate) fn moment(&self) -> Duration {
        self.clock.monotonic()
    }

    /// A wait of at most `limit`.
    pub(super) fn deadline(&self, limit: Duration) -> Deadline {
        self.deadlines.wait(limit)
    }

    /// How long what goes on by itself may not move.
    pub(super) fn patience(&self, limit: Duration) -> Patience {
        Patience {
            deadlines: Rc::clone(&self.deadlines),
            going_on: Rc::clone(&self.going_on),
            limit,
        }
    }

    /// Whether the end of a request whose answer is out is still on its way to the app.
    pub(crate) fn is_sending(&self) -> bool {
        Rc::strong_count(&self.going_on) > 1
    }

    /// What requests and answers of the worker have no more need of.
    pub(crate) fn spares(&self) -> &Spares {
        &self.spares
    }

    /// What the app says ahead of its answers.
    pub(crate) fn interims(&self) -> &Interims {
        &self.interims
    }

    /// A connection that has been used before and still stands.
    pub(super) fn reuse(&self) -> Option<Line> {
        let now = self.deadlines.now();
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop())
            .find(|idle| idle.until > now && idle.line.stands())
            .map(|idle| idle.line.held_by(self.busy()))
    }

    /// Closes what is idle: its file descriptors are of more use elsewhere.
    pub(crate) fn make_room(&self) {
        self.idle.borrow_mut().clear();
    }

    /// `stream` as a connection to the app, which nobody else is to use.
    pub(super) fn line(&self, stream: AppStream) -> Line {
        Line::new(stream, self.moves.get(), self.room.clone())
    }

    /// A new connection, or one that has been used before and became free while there was no file
    /// descriptor for a new one; whether it has been used.
    pub(super) async fn connect(&self) -> Result<(Line, bool), Failure> {
        let free = || self.reuse().map(|line| (line, true));
        let number = self.moves.get();
        let new = |stream| {
            let line = Line::new(stream, number, self.room.clone());
            (line.held_by(self.busy()), false)
        };
        self.new_or_free(new, free).await
    }

    /// Where a connection to the app goes back to, which the app keeps for `keep` if it says so.
    pub(super) fn home(self: &Rc<Self>, lasts: bool, keep: Option<Duration>) -> Home {
        // Ours closes first, so that no request meets a closing connection.
        let keep = keep.map_or(KEEP, |keep| keep.saturating_sub(Duration::from_secs(1)));
        Home {
            pool: Rc::downgrade(self),
            keep: if lasts {
                keep.min(LONGEST_KEEP)
            } else {
                Duration::ZERO
            },
        }
    }

    /// Keeps a connection for another request.
    pub(super) fn give_back(&self, line: Line, home: &Home) {
        let mut idle = self.idle.borrow_mut();
        // The app may have moved since.
        let wanted = self.moves.get() == line.move_number && idle.len() < MOST_IDLE;
        if wanted && !home.keep.is_zero() {
            let until = self.deadlines.now() + home.keep;
            let line = line.held_by(None);
            idle.push(Idle { line, until });
        }
    }

    /// The HTTP/2 connections.
    pub(super) const fn multiplexed(&self) -> &Multiplexed {
        &self.shared
    }

    /// A new connection that many requests share, or a place on one that became free while there was no file
    /// descriptor for a new one.
    pub(super) async fn dial_shared(&self) -> Result<Dialled, Failure> {
        let free = || self.shared.turn().map(Dialled::Free);
        let new = Dialled::New;
        self.new_or_free(new, free).await
    }

    /// A new connection; as long as there is no file descriptor for it, what is `free` in its place.
    async fn new_or_free<T>(
        &self,
        new: impl FnOnce(AppStream) -> T,
        free: impl Fn() -> Option<T>,
    ) -> Result<T, Failure> {
        let until = tokio::time::Instant::now() + CONNECT;
        loop {
            match self.dial().await {
                Err(Failure::Away(error)) if have_run_out(&error) => {
                    if tokio::time::Instant::now() >= until {
                        return Err(Failure::Descriptors(error));
                    }
                }
                dialled => return dialled.map(new),
            }
            // Not while it dials: whoever has one waits for the app alone.
            let waiting = self.descriptors.wait();
            tokio::time::sleep(LOOK).await;
            drop(waiting);
            if let Some(free) = free() {
                return Ok(free);
            }
        }
    }

    /// Whether the app accepts connections; this one is closed at once.
    pub(crate) async fn knock(&self) -> Result<(), Failure> {
        match self.new_or_free(Some, || None).await? {
            Some(AppStream::Tls(stream)) => secured::is_taken(stream).await,
            _ => Ok(()),
        }
    }

    async fn dial(&self) -> Result<AppStream, Failure> {
        let address = self.address.borrow().clone();
        match address {
            Some(AppAddress::Tcp(address)) => self.dial_tcp(address).await.map(AppStream::Tcp),
            Some(AppAddress::Tls(address, tls, _)) => {
                let stream = self.dial_tcp(address).await?;
                // What it takes meanwhile is not to be room in each request that goes without.
                let shaken = Box::pin(secured::shake(stream, &tls)).await;
                shaken.map(AppStream::Tls)
            }
            Some(AppAddress::Unix(path)) => self.dial_unix(&path).await.map(AppStream::Unix),
            None => Err(Failure::Starting),
        }
    }

    async fn dial_tcp(&self, address: SocketAddr) -> Result<TcpStream, Failure> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        let socket = socket.map_err(Failure::Away)?;
        self.may_keep(&socket)?;
        let stream = self.in_time(socket.connect(address)).await?;
        // Without it the last bytes of a head may wait for an acknowledgement.
        stream.set_nodelay(true).map_err(Failure::Away)?;
        // Or an app that reads an upload slowly would look as if it read nothing.
        bound_unsent(&stream);
        // A tunnel to an app on a machine that has gone would stay.
        miss_the_vanished(&stream).map_err(Failure::Away)?;
        Ok(stream)
    }

    async fn dial_unix(&self, path: &Path) -> Result<UnixStream, Failure> {
        let stream = self.in_time(connect_unix(path)).await?;
        self.may_keep(&stream)?;
        Ok(stream)
    }

    /// The app's connection, unless it takes too long to accept it.
    async fn in_time<T>(&self, dial: impl Future<Output = io::Result<T>>) -> Result<T, Failure> {
        let limit = if self.work.is_some() {
            CONNECT_OR_ANOTHER
        } else {
            CONNECT
        };
        tokio::time::timeout(limit, dial)
            .await
            .map_err(|_| Failure::ConnectTimeout)?
            .map_err(Failure::Away)
    }

    /// Whether a connection to the app may have this file descriptor.
    fn may_keep(&self, socket: &impl AsRawFd) -> Result<(), Failure> {
        if self.descriptors.are_kept_from(Use::App, socket) {
            return Err(Failure::Away(Errno::MFILE.into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
