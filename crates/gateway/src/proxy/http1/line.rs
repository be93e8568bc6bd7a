//! One connection to the app.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt as _;
use tokio::task::AbortHandle;

use super::Error;
use super::head::MOST_BYTES;
use super::upload::{Stopped, Upload};
use crate::proxy::Busy;
use crate::proxy::deadlines::{Deadline, Deadlines};
use crate::proxy::stream::{AppStream, ReadHalf, WriteHalf};

/// How much is read at once at first; as much as is announced, up to [`LARGE`]; twice as much whenever that was
/// filled, up to [`LARGEST`].
const SMALLEST: usize = 8 << 10;
const LARGE: usize = 64 << 10;
const LARGEST: usize = 128 << 10;

/// What is read into, which all connections of a worker share: one that waits, for an answer or for the next
/// request, holds none.
#[derive(Debug, Clone, Default)]
pub(in crate::proxy) struct Room(Rc<RefCell<BytesMut>>);

/// A connection that carries one request at a time.
#[derive(Debug)]
pub(crate) struct Line {
    /// How often the app had moved when it was made.
    pub(in crate::proxy) move_number: u64,
    pub(super) from: ReadHalf,
    /// Elsewhere while a request is still on its way whose answer has begun.
    pub(super) to: Option<WriteHalf>,
    /// What has come and was not taken.
    pub(super) bytes: BytesMut,
    reads: usize,
    room: Room,
    /// Room for the next request's head.
    pub(super) text: Vec<u8>,
    /// That the app is at the request on it, as long as there is one.
    busy: Option<Busy>,
}

impl Line {
    pub(in crate::proxy) fn new(stream: AppStream, move_number: u64, room: Room) -> Self {
        let (from, to) = stream.into_split();
        Self {
            move_number,
            from,
            to: Some(to),
            bytes: BytesMut::new(),
            reads: SMALLEST,
            room,
            text: Vec::new(),
            busy: None,
        }
    }

    /// With what says that the app is at a request on it, or at none.
    pub(in crate::proxy) fn held_by(mut self, busy: Option<Busy>) -> Self {
        self.busy = busy;
        self
    }

    /// Whether the app has neither closed it nor said anything that nobody has asked for.
    pub(in crate::proxy) fn stands(&self) -> bool {
        // Asks the kernel only if something has come.
        let nothing = self.from.try_read(&mut [0]);
        nothing.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Reads more into `bytes`, of which so much at least is `announced`; false at the end.
    pub(super) fn read(
        &mut self,
        cx: &mut Context<'_>,
        announced: u64,
    ) -> Poll<Result<bool, Error>> {
        let announced = usize::try_from(announced).unwrap_or(LARGE);
        self.reads = self.reads.max(announced.min(LARGE));
        if self.bytes.capacity() == 0 {
            self.bytes = self.room.0.take();
        }
        if self.bytes.capacity() - self.bytes.len() < self.reads / 2 {
            self.bytes.reserve(self.reads);
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let mut reading = std::pin::pin!(self.from.read_buf(&mut self.bytes));
        let Poll::Ready(read) = reading.as_mut().poll(cx) else {
            self.give_room_back();
            return Poll::Pending;
        };
        let read = read.map_err(Error::Io)?;
        if read == room {
            self.reads = (self.reads * 2).min(LARGEST);
        }
        Poll::Ready(Ok(read > 0))
    }

    /// Whether no head may be longer than what has come.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() > MOST_BYTES
    }

    /// Room for a head, to be given back with the request.
    pub(in crate::proxy) fn take_text(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    /// Makes it ready for the next request.
    pub(super) fn rest(&mut self) {
        if self.reads > SMALLEST {
            // What a large answer needed is not kept for the next.
            self.bytes = BytesMut::new();
            self.reads = SMALLEST;
        }
        self.give_room_back();
    }

    fn give_room_back(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > 0 && self.reads == SMALLEST {
            self.room.0.replace(std::mem::take(&mut self.bytes));
        }
    }

    /// Its two ends as one, what has come already, and that the app is at it.
    pub(super) fn into_stream(self) -> Option<(AppStream, Bytes, Option<Busy>)> {
        let stream = self.from.reunite(self.to?)?;
        Some((stream, self.bytes.freeze(), self.busy))
    }
}

/// The end of a request that goes on while its answer is read already.
///
/// It has a task of its own: a client that sends before it reads must not wait for itself.
#[derive(Debug)]
pub(super) struct Sending {
    task: Ends,
    shared: Rc<Shared>,
}

/// What the task and who reads the answer know of each other.
#[derive(Debug, Default)]
struct Shared {
    /// The way out, once the request is through.
    back: RefCell<Option<WriteHalf>>,
    /// Whether the client's body broke off.
    broken: Cell<bool>,
    /// Whether the answer has been read to its end.
    answered: Cell<bool>,
    task: RefCell<Option<Waker>>,
}

/// Ends a task with itself, whatever that waits for.
#[derive(Debug)]
struct Ends(Option<AbortHandle>);

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Sending {
    /// Goes on with `upload`; once there is nobody who reads the answer, for as long as it moves once in
    /// `patience`.
    pub(super) fn start(mut upload: Upload, mut to: WriteHalf, patience: Patience) -> Self {
        let shared = Rc::<Shared>::default();
        let out = Rc::clone(&shared);
        let task = tokio::task::spawn_local(async move {
            let mut waited = None;
            let sent = poll_fn(|cx| {
                if let Poll::Ready(sent) = upload.poll(cx, &mut to) {
                    return Poll::Ready(Some(sent));
                }
                if out.answered.get() {
                    return patience
                        .poll(cx, &mut waited, upload.moved())
                        .map(|()| None);
                }
                *out.task.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            });
            match sent.await {
                Some(Ok(())) => *out.back.borrow_mut() = Some(to),
                // An answer to half of a request must not pass for one to all of it.
                Some(Err(Stopped::Body)) => {
                    out.broken.set(true);
                    to.close();
                }
                // The app wants no more, and may have said so.
                Some(Err(Stopped::Io(error))) => tracing::trace!(%error, "the app takes no more"),
                None => tracing::trace!("the rest of an answered request does not move"),
            }
            drop(patience.going_on);
        });
        Self {
            task: Ends(Some(task.abort_handle())),
            shared,
        }
    }

    /// Whether the client's body broke off, and the answer with it.
    pub(super) fn is_broken(&self) -> bool {
        self.shared.broken.get()
    }

    /// The way out, if the request is through; otherwise it goes on by itself.
    pub(super) fn finish(mut self) -> Option<WriteHalf> {
        let to = self.shared.back.borrow_mut().take();
        self.task.0.take();
        self.shared.answered.set(true);
        let task = self.shared.task.borrow_mut().take();
        if let Some(task) = task {
            task.wake();
        }
        to
    }
}

/// How long something may not move.
#[derive(Debug, Clone)]
pub(in crate::proxy) struct Patience {
    pub(in crate::proxy) deadlines: Rc<Deadlines>,
    /// Held for as long as something goes on.
    pub(in crate::proxy) going_on: Rc<()>,
    pub(in crate::proxy) limit: Duration,
}

impl Patience {
    /// Ready when the number `moved` has been the same for the limit; what is `waited` for is kept by who
    /// asks.
    pub(in crate::proxy) fn poll(
        &self,
        cx: &Context<'_>,
        waited: &mut Option<(Deadline, u64)>,
        moved: u64,
    ) -> Poll<()> {
        let (deadline, before) =
            waited.get_or_insert_with(|| (self.deadlines.wait(self.limit), moved));
        if deadline.has_passed(cx.waker()) {
            if std::mem::replace(before, moved) == moved {
                return Poll::Ready(());
            }
            deadline.renew(self.limit);
            deadline.has_passed(cx.waker());
        }
        Poll::Pending
    }
}
