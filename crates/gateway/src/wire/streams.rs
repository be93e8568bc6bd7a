//! HTTP/2 streams whose answers are not taken.
//!
//! A stream's window is the client's to open: the connection may be busy and well while one answer
//! on it waits for ever, and holds a connection to the app. Below hyper nothing of that can be
//! seen, so it is seen above: hyper asks a body for more once the piece before has found room.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::rt::Executor;
use pin_project_lite::pin_project;
use slab::Slab;

use super::leftover::{Leftover, Rest, Upload};
use super::watch::{InFlight, TICK, ticks};

/// All streams of one worker.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    now: Cell<u32>,
    slots: RefCell<Slab<Slot>>,
    /// The stream that is being polled.
    current: Cell<Option<usize>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// Since when the client has a piece of its answer to take.
    since: Option<u32>,
    /// For how many ticks the client may leave it there, where a path says so.
    stall: Option<u32>,
    over: bool,
    waker: Option<Waker>,
    leftover: Option<Rc<Leftover>>,
}

impl Streams {
    /// What notes the waits of the stream whose request is being answered.
    pub(super) fn taking(self: &Rc<Self>) -> Option<Taking> {
        let key = self.current.get()?;
        Some(Taking {
            of: Rc::clone(self),
            key,
        })
    }

    /// The body of the request that is being answered, of which a little is taken also when nobody wants it.
    pub(super) fn upload(&self, body: Incoming, in_flight: InFlight) -> Upload {
        let leftover = Rc::<Leftover>::default();
        let upload = Upload::new(body, in_flight, &leftover);
        if let Some(key) = self.current.get()
            && let Some(slot) = self.slots.borrow_mut().get_mut(key)
        {
            slot.leftover = Some(leftover);
        }
        upload
    }

    /// How long the client may leave the answer to the request that is being answered.
    pub(super) fn set_stall(&self, stall: Duration) {
        if let Some(key) = self.current.get()
            && let Some(slot) = self.slots.borrow_mut().get_mut(key)
        {
            slot.stall = Some(ticks(stall));
        }
    }

    /// What is left of the body that the stream's request had.
    fn rest(&self, key: usize) -> Option<Rest> {
        let leftover = self.slots.borrow().get(key)?.leftover.clone();
        leftover?.rest()
    }

    /// One tick has passed: ends the streams that have waited longer than `patience`.
    pub(super) fn tick(&self, patience: Duration, mut ended: impl FnMut()) {
        self.now.set(self.now.get().wrapping_add(1));
        for (_, slot) in self.slots.borrow_mut().iter_mut() {
            let waited = |since: u32| TICK * self.now.get().wrapping_sub(since);
            let most = slot.stall.map_or(patience, |ticks| TICK * ticks);
            if slot.over || slot.since.is_none_or(|since| waited(since) <= most) {
                continue;
            }
            slot.over = true;
            ended();
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }

    fn set(&self, key: usize, since: Option<u32>) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(key) {
            slot.since = since;
        }
    }
}

/// Runs hyper's task of each stream where it can be ended alone.
#[derive(Debug, Clone)]
pub(super) struct OneByOne(pub(super) Rc<Streams>);

impl<F: Future + 'static> Executor<F> for OneByOne {
    fn execute(&self, task: F) {
        let key = self.0.slots.borrow_mut().insert(Slot::default());
        let place = Place {
            of: Rc::clone(&self.0),
            key,
        };
        let (task, rest) = (Some(task), None);
        tokio::task::spawn_local(Stream { task, rest, place });
    }
}

pin_project! {
    /// A stream's task; dropped before its end, hyper resets the stream.
    struct Stream<F> {
        #[pin]
        task: Option<F>,
        // What still comes of the request after its answer.
        rest: Option<Rest>,
        place: Place,
    }
}

impl<F: Future> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Place { of, key } = this.place;
        if let Some(slot) = of.slots.borrow_mut().get_mut(*key) {
            if slot.over {
                return Poll::Ready(());
            }
            if slot.waker.is_none() {
                slot.waker = Some(cx.waker().clone());
            }
        }
        if let Some(task) = this.task.as_mut().as_pin_mut() {
            of.current.set(Some(*key));
            let polled = task.poll(cx);
            of.current.set(None);
            if polled.is_pending() {
                return Poll::Pending;
            }
            this.task.set(None);
            *this.rest = of.rest(*key);
        }
        match this.rest {
            Some(rest) => rest.poll(cx),
            None => Poll::Ready(()),
        }
    }
}

#[derive(Debug)]
struct Place {
    of: Rc<Streams>,
    key: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.of.current.get() == Some(self.key) {
            // It panicked, and the key will be another's.
            self.of.current.set(None);
        }
        self.of.slots.borrow_mut().try_remove(self.key);
    }
}

/// Notes whether a client takes its answer, and cuts the answer into pieces that are small enough
/// to tell.
#[derive(Debug)]
pub(super) struct Taking {
    of: Rc<Streams>,
    key: usize,
}

impl Taking {
    /// What was handed over has found room.
    pub(super) fn asked(&self) {
        self.of.set(self.key, None);
    }

    /// There is something for the client to take.
    pub(super) fn handed(&self) {
        self.of.set(self.key, Some(self.of.now.get()));
    }
}

/// The most that is handed over at once. A client that takes less than this in the time for a stall
/// is ended, and this much of an answer waits in hyper at most.
const PIECE: usize = 16 << 10;

/// What hyper may hold of an answer after its task has ended, when nobody looks after it any more.
const UNWATCHED: usize = 1 << 10;

/// Takes the next piece off `data`; `last` when nothing comes after that.
pub(super) fn piece(data: &mut Bytes, last: bool) -> Bytes {
    let length = data.len();
    if length > PIECE {
        data.split_to(PIECE)
    } else if last && length > UNWATCHED {
        // hyper is done with a stream when the first byte of its last piece has found room.
        data.split_to(length - 1)
    } else {
        std::mem::take(data)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    /// Lets `streams` wait for `ticks`, with a turn for every task after each.
    async fn wait(streams: &Streams, ticks: u32) -> u32 {
        let mut ended = 0;
        for _ in 0..ticks {
            streams.tick(PATIENCE, || ended += 1);
            tokio::task::yield_now().await;
        }
        ended
    }

    fn alone<F: Future>(test: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build_local(tokio::runtime::LocalOptions::default())
            .unwrap();
        runtime.block_on(test)
    }

    #[test]
    fn only_who_does_not_take_what_is_there_is_ended() {
        alone(async {
            let streams = Rc::<Streams>::default();
            let begin = |hands: bool| {
                let alive = Rc::new(());
                let (held, of) = (Rc::clone(&alive), Rc::clone(&streams));
                OneByOne(Rc::clone(&streams)).execute(async move {
                    let taking = of.taking().unwrap();
                    if hands {
                        taking.handed();
                    }
                    poll_fn(|_| Poll::<()>::Pending).await;
                    drop(held);
                });
                alive
            };
            let (stuck, silent) = (begin(true), begin(false));
            tokio::task::yield_now().await;
            assert!(streams.taking().is_none(), "nobody is being polled");
            assert_eq!(wait(&streams, 4).await, 0);
            assert_eq!(Rc::strong_count(&stuck), 2, "a second is not over yet");
            assert_eq!(wait(&streams, 2).await, 1);
            assert_eq!(Rc::strong_count(&stuck), 1, "its task is gone");
            assert_eq!(wait(&streams, 1000).await, 0, "the app may be silent");
            assert_eq!(Rc::strong_count(&silent), 2);
            assert_eq!(streams.slots.borrow().len(), 1);
        });
    }

    #[test]
    fn whoever_takes_a_piece_in_time_goes_on() {
        alone(async {
            let streams = Rc::<Streams>::default();
            let (next, pieces) = tokio::sync::mpsc::channel::<()>(1);
            let of = Rc::clone(&streams);
            let task = async move {
                let (taking, mut pieces) = (of.taking().unwrap(), pieces);
                for _ in 0..10 {
                    taking.asked();
                    taking.handed();
                    pieces.recv().await;
                }
            };
            OneByOne(Rc::clone(&streams)).execute(task);
            tokio::task::yield_now().await;
            for _ in 0..10 {
                assert_eq!(wait(&streams, 3).await, 0);
                next.send(()).await.unwrap();
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
            assert!(streams.slots.borrow().is_empty(), "it has ended by itself");
        });
    }

    #[test]
    fn pieces_are_the_whole() {
        for length in [0, 1, UNWATCHED, UNWATCHED + 1, PIECE, PIECE + 1, 100_000] {
            let whole = Bytes::from(vec![7; length]);
            let (mut left, mut sum) = (whole.clone(), Vec::new());
            loop {
                let next = piece(&mut left, true);
                assert!(next.len() <= PIECE);
                sum.extend_from_slice(&next);
                if left.is_empty() {
                    assert!(next.len() <= UNWATCHED, "{length}: {}", next.len());
                    break;
                }
            }
            assert_eq!(sum, whole);
        }
    }
}
