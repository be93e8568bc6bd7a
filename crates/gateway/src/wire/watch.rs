//! Time limits on connections, at no cost for each request.
//!
//! A timer a connection that is reset on every request costs more than all else the gateway does
//! for it. Here a connection only notes what it waits for and since which tick; one sweep a worker
//! every [`TICK`] ends those that have waited too long. Limits are therefore kept to within a tick.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::streams::Streams;
use crate::shared::Terms;

mod in_flight;

pub(crate) use in_flight::InFlight;

/// How often connections are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// How many ticks after the last time it is looked whether a client takes something all the same.
const LOOK: u32 = 2;

/// After how long without a request a connection may have to make room for others.
const SETTLED: Duration = Duration::from_secs(1);

/// How long a client may take to close a connection that is over: 2 s.
const LINGER: Duration = Duration::from_secs(2);

/// The rule that ends who does not take what it is sent.
const SLOW_READER: &str = "limits/slow-reader";

/// How long a connection may wait for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From a head's first byte, or from the accept of a connection that wants TLS, to its end.
    pub(crate) head: Duration,
    /// Between requests.
    pub(crate) quiet: Duration,
    /// For the next byte of a body, in either direction.
    pub(crate) stall: Duration,
}

/// What one connection is waiting for, in ticks.
///
/// One thread alone writes it; the atomics are there because tasks are ended from elsewhere in it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    now: Arc<AtomicU32>,
    in_flight: AtomicU32,
    in_head: AtomicBool,
    tunnel: AtomicBool,
    half_open: AtomicBool,
    lingers: AtomicBool,
    given_up: AtomicBool,
    quiet_since: AtomicU32,
    head_since: AtomicU32,
    read_stalled: Stall,
    write_stalled: Stall,
    /// Whom to wake to look whether the client takes something all the same, and whether that is due.
    writer: Mutex<Option<Waker>>,
    looks: AtomicBool,
    unread: Stall,
    /// For how many ticks it may stall, where a path says so; otherwise zero.
    own_stall: AtomicU32,
    /// The same of several requests at once: of all that are under way, how many may stall longer, and how long.
    extending: AtomicU32,
    extended: AtomicU32,
    /// Under which it was made, where it ends with others as soon as nothing is asked on it.
    terms: OnceLock<Terms>,
}

impl Watch {
    /// A request's head has been read; the guard is held until its answer is out.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight::on(Arc::clone(self))
    }

    /// The connection carries some other protocol now, which may be silent as long as it likes, and until the
    /// app has said all.
    pub(crate) fn tunnel(&self) {
        self.tunnel.store(true, Relaxed);
    }

    /// The app has said all over a tunnel: the client is waited for as one is that may ask for more.
    pub(super) fn set_half_open(&self) {
        self.half_open.store(true, Relaxed);
        self.moved();
    }

    /// Something has come over a tunnel.
    pub(super) fn moved(&self) {
        self.quiet_since.store(self.now(), Relaxed);
    }

    pub(crate) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Relaxed)
    }

    /// All is said; what the client still sends is taken for a moment.
    pub(crate) fn linger(&self) {
        self.lingers.store(true, Relaxed);
        self.quiet_since.store(self.now(), Relaxed);
    }

    /// The connection ends in the middle of what it carries, and must not seem to have ended in order.
    pub(super) fn break_off(&self) {
        self.given_up.store(true, Relaxed);
    }

    /// Whether the connection ends in the middle: because the client does not take what it is sent, say.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Relaxed)
    }

    /// Whether the client has all that it asked for, and asks for nothing.
    fn is_idle(&self) -> bool {
        // HTTP/2 is done with an answer before the end of it has left the gateway.
        let is_taken = self.write_stalled.since().is_none();
        self.in_flight.load(Relaxed) == 0 && !self.in_head.load(Relaxed) && is_taken
    }

    /// A head, or a TLS handshake, has begun or ended.
    pub(crate) fn set_in_head(&self, in_head: bool) {
        let was = self.in_head.load(Relaxed);
        if was != in_head {
            self.in_head.store(in_head, Relaxed);
            let since = if in_head {
                &self.head_since
            } else {
                &self.quiet_since
            };
            since.store(self.now(), Relaxed);
        }
    }

    /// The connection ends under other terms than these, unless something is asked on it: HTTP/1 has no way to say so
    /// to whoever asks next.
    pub(super) fn ends_under_other(&self, terms: Terms) {
        // Each has one only.
        let _ = self.terms.set(terms);
    }

    /// How long nothing may come: whoever is told to stop is still waited for, and nobody else.
    fn quiet(&self, patience: Patience) -> Duration {
        if self.lingers.load(Relaxed) {
            LINGER
        } else {
            patience.quiet
        }
    }

    fn has_been_quiet(&self, span: Duration) -> bool {
        TICK * self.now().wrapping_sub(self.quiet_since.load(Relaxed)) >= span
    }

    /// The client has been asked for bytes of a body and has none yet, or has sent some.
    pub(crate) fn set_read_stalled(&self, stalled: bool) {
        self.read_stalled.set(stalled, self.now());
    }

    /// The client does not take what is to be sent, or has taken some.
    pub(crate) fn set_write_stalled(&self, stalled: bool) {
        if !stalled && self.write_stalled.since().is_some() {
            self.quiet_since.store(self.now(), Relaxed);
        }
        self.write_stalled.set(stalled, self.now());
    }

    /// Whether it is to be looked how much the client has taken; `writer` is woken when it is.
    pub(super) fn is_to_look(&self, writer: &Waker) -> bool {
        let mut kept = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kept {
            Some(kept) => kept.clone_from(writer),
            None => *kept = Some(writer.clone()),
        }
        self.looks.swap(false, Relaxed)
    }

    /// The client has taken some of what is to be sent, and there is no room for more yet.
    pub(super) fn renew_write_stalled(&self) {
        self.write_stalled.renew(self.now());
    }

    /// Has it looked, now and then, what a client takes that takes nothing.
    fn look(&self) {
        let stalled = self.write_stalled.since();
        let ticks = stalled.map_or(0, |since| self.now().wrapping_sub(since));
        if ticks == 0 || !ticks.is_multiple_of(LOOK) {
            return;
        }
        self.looks.store(true, Relaxed);
        let kept = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = &*kept {
            writer.wake_by_ref();
        }
    }

    /// The answer is out, and the app is still to read the request, or has done so.
    pub(crate) fn set_unread(&self, unread: bool) {
        self.unread.set(unread, self.now());
    }

    /// The app has read some of a request that it has answered already.
    pub(crate) fn renew_unread(&self) {
        self.unread.renew(self.now());
    }

    /// How long it may stall from now on: as a path says, or as all may.
    pub(crate) fn set_stall(&self, stall: Option<Duration>) {
        self.own_stall.store(stall.map_or(0, ticks), Relaxed);
    }

    /// All that there was to send over HTTP/2 has left the gateway: it may stall no longer than all may, unless a request
    /// is under way that gives it more. HTTP/2 is done with an answer before that, and before anything stalls.
    pub(super) fn settled(&self) {
        if self.extending.load(Relaxed) == 0 {
            self.extended.store(0, Relaxed);
        }
    }

    fn now(&self) -> u32 {
        self.now.load(Relaxed)
    }

    /// The limit that has been passed, if one has.
    fn overdue(&self, patience: Patience) -> Option<&'static str> {
        let waited = |since: u32| TICK * self.now().wrapping_sub(since);
        // Either is of one version of HTTP.
        let own = self
            .own_stall
            .load(Relaxed)
            .max(self.extended.load(Relaxed));
        let most = match own {
            0 => patience.stall,
            own => TICK * own,
        };
        let stalled = |stall: &Stall| stall.since().is_some_and(|at| waited(at) > most);
        if self.is_tunnel() {
            // What the app is still to take is nothing that the client could hasten.
            let quiet = self.half_open.load(Relaxed)
                && self.unread.since().is_none()
                && waited(self.quiet_since.load(Relaxed)) > patience.quiet;
            if stalled(&self.write_stalled) {
                Some(SLOW_READER)
            } else {
                quiet.then_some("limits/idle")
            }
        } else if self.in_head.load(Relaxed)
            && waited(self.head_since.load(Relaxed)) > patience.head
        {
            Some("limits/head-timeout")
        } else if stalled(&self.write_stalled) {
            Some(SLOW_READER)
        } else if stalled(&self.read_stalled) {
            Some("limits/slow-body")
        } else if stalled(&self.unread) {
            Some("limits/unread-body")
        } else if self.is_idle() && waited(self.quiet_since.load(Relaxed)) > self.quiet(patience) {
            Some("limits/idle")
        } else {
            None
        }
    }
}

/// As many ticks as a time has, one at least.
pub(super) fn ticks(time: Duration) -> u32 {
    let ticks = time.as_millis().div_ceil(TICK.as_millis());
    u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
}

/// Since when something has not moved; zero while it does.
#[derive(Debug, Default)]
struct Stall(AtomicU32);

impl Stall {
    fn set(&self, stalled: bool, now: u32) {
        let since = self.0.load(Relaxed);
        if stalled && since == 0 {
            self.0.store(now.max(1), Relaxed);
        } else if !stalled && since != 0 {
            self.0.store(0, Relaxed);
        }
    }

    fn renew(&self, now: u32) {
        if self.0.load(Relaxed) != 0 {
            self.0.store(now.max(1), Relaxed);
        }
    }

    fn since(&self) -> Option<u32> {
        Some(self.0.load(Relaxed)).filter(|since| *since != 0)
    }
}

/// All connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Sweeper {
    now: Arc<AtomicU32>,
    watched: RefCell<Vec<(Arc<Watch>, AbortHandle)>>,
    streams: Rc<Streams>,
}

impl Sweeper {
    /// A watch for a connection that has just been accepted.
    pub(crate) fn watch(&self) -> Arc<Watch> {
        let watch = Watch {
            now: Arc::clone(&self.now),
            ..Watch::default()
        };
        watch.quiet_since.store(watch.now(), Relaxed);
        Arc::new(watch)
    }

    /// Ends the task behind `handle` once `watch` is overdue.
    pub(crate) fn add(&self, watch: Arc<Watch>, handle: AbortHandle) {
        self.watched.borrow_mut().push((watch, handle));
    }

    /// The streams of its HTTP/2 connections.
    pub(crate) const fn streams(&self) -> &Rc<Streams> {
        &self.streams
    }

    /// Connections, and tunnels apart, that had not ended at the last tick.
    pub(crate) fn serving(&self) -> usize {
        let busy = |(watch, handle): &&(Arc<Watch>, AbortHandle)| {
            !watch.is_tunnel() && !handle.is_finished()
        };
        self.watched.borrow().iter().filter(busy).count()
    }

    /// Ends `most` of the connections on which nothing is asked, those first that are so for longest.
    pub(crate) fn make_room(&self, most: usize, mut ended: impl FnMut()) {
        let watched = self.watched.borrow();
        let mut idle: Vec<_> = watched
            .iter()
            .filter(|(watch, handle)| {
                watch.is_idle() && !watch.is_tunnel() && !handle.is_finished()
            })
            .filter(|(watch, _)| watch.has_been_quiet(SETTLED))
            .map(|(watch, handle)| (watch.quiet_since.load(Relaxed), handle))
            .collect();
        idle.sort_unstable_by_key(|(since, _)| self.now.load(Relaxed).wrapping_sub(*since));
        for (_, handle) in idle.into_iter().rev().take(most) {
            handle.abort();
            ended();
        }
    }

    /// Ends the connections on which nothing is asked that were made under other terms and are not to outlast them. One
    /// that lingers ends soon by itself, and a client that still sends would lose its last answer.
    pub(crate) fn end_outdated(&self, terms: Terms) {
        if terms == Terms::default() {
            // There never were others.
            return;
        }
        for (watch, handle) in &*self.watched.borrow() {
            let is_outdated = watch.terms.get().is_some_and(|own| *own != terms);
            let lingers = watch.lingers.load(Relaxed);
            if is_outdated && watch.is_idle() && !watch.is_tunnel() && !lingers {
                handle.abort();
            }
        }
    }

    /// One tick has passed: ends what is overdue and calls `ended` with the limit it has passed.
    pub(crate) fn tick(&self, patience: Patience, mut ended: impl FnMut(&'static str)) {
        self.now.fetch_add(1, Relaxed);
        self.streams.tick(patience.stall, || ended(SLOW_READER));
        self.watched.borrow_mut().retain(|(watch, handle)| {
            if handle.is_finished() {
                return false;
            }
            watch.look();
            let overdue = watch.overdue(patience);
            if let Some(limit) = overdue {
                let slow = limit == SLOW_READER;
                watch.given_up.store(slow, Relaxed);
                handle.abort();
                ended(limit);
            }
            overdue.is_none()
        });
    }
}

#[cfg(test)]
mod tests;
