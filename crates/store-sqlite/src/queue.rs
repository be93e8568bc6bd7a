//! What waits to be written, and who waits for it.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use panoply_core::{Clock, CounterKey, StoreError, SystemClock};
use panoply_store_memory::Kept;
use tokio::sync::watch;

use crate::row::{Row, Rows};

/// How long a change may wait that nobody waits for; also how often a disk that failed is tried.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Beyond so many counters that wait, decisions wait before they are made.
const MOST: usize = 64 * 1024;

/// Beyond so many counters that nobody waits for, somebody does.
const MOST_LAZY: usize = 16 * 1024;

/// Changes on their way to the writer.
///
/// They lie in batches, numbered from one. A batch holds the last state of each key, and all of
/// what a decision changed, so that the database never has half of one.
#[derive(Debug)]
pub(crate) struct Journal {
    queue: Mutex<Queue>,
    wake: Condvar,
    progress: watch::Sender<Progress>,
    waiting: AtomicUsize,
    clock: SystemClock,
}

#[derive(Debug, Default)]
struct Queue {
    urgent: Rows,
    lazy: Rows,
    flying: Arc<Rows>,
    /// The number of the batch that is being put together.
    number: u64,
    synced: bool,
    health: Health,
    asked: Asked,
    /// Whether somebody waits who has changed no counter.
    called: bool,
    /// Since when the writer has not come back.
    busy: Option<Duration>,
    /// What is wrong with the disk, while something is.
    trouble: Option<Arc<str>>,
}

/// Whether what changes reaches the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Health {
    #[default]
    Well,
    /// It does not: changes are not kept, memory has them.
    Failing,
    /// All that memory has is being written. Changes are kept, but nobody waits for them.
    Catching,
}

/// What the writer is asked beside its batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    #[default]
    Nothing,
    /// To write everything.
    Whole,
    /// To write everything, and then to end.
    Last,
}

/// How far the writer is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    /// The last batch that was tried.
    pub(crate) done: u64,
    /// The last batch up to which everything is on disk.
    pub(crate) written: u64,
    /// Whether there is no writer any more.
    pub(crate) ended: bool,
}

/// What there is to write.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Arc<Rows>,
    pub(crate) number: u64,
    pub(crate) synced: bool,
    pub(crate) last: bool,
    pub(crate) well: bool,
}

/// How much a change matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Written within [`PATIENCE`].
    Lazy,
    /// Written before it is answered.
    Urgent,
    /// On the disk itself before it is answered, or the answer is an error.
    Lock,
}

/// What a change has to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticket {
    /// Nothing.
    None,
    /// This batch; `must` says that it is an error when it cannot be written.
    Batch { number: u64, must: bool },
    /// It cannot be written at present, though it must.
    Lost,
}

impl Journal {
    pub(crate) fn new() -> Self {
        let queue = Queue {
            number: 1,
            ..Queue::default()
        };
        Self {
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            progress: watch::Sender::default(),
            waiting: AtomicUsize::new(0),
            clock: SystemClock::new(),
        }
    }

    /// Puts the changes of one decision in line, which `each` tells.
    pub(crate) fn enter(
        &self,
        weight: Weight,
        each: impl FnOnce(&mut dyn FnMut(Kept<'_>)),
    ) -> Ticket {
        let mut queue = self.lock();
        let must = weight == Weight::Lock;
        let alone = if must { Ticket::Lost } else { Ticket::None };
        if queue.health == Health::Catching && self.is_full() {
            // They cannot wait any longer, so that it has to begin anew.
            queue.clear();
            queue.health = Health::Failing;
        }
        if queue.health == Health::Failing {
            return alone;
        }
        let urgent = weight >= Weight::Urgent || queue.lazy.len() >= MOST_LAZY;
        let was_empty = queue.urgent.is_empty();
        let mut any = false;
        each(&mut |kept| {
            any = true;
            queue.put(&kept, urgent);
        });
        self.waiting
            .store(queue.urgent.len() + queue.lazy.len(), Ordering::Release);
        if !any || !urgent {
            return Ticket::None;
        }
        queue.synced |= must;
        let (number, health) = (queue.number, queue.health);
        drop(queue);
        if was_empty {
            self.wake.notify_one();
        }
        if health == Health::Catching {
            return alone;
        }
        Ticket::Batch { number, must }
    }

    /// What there is to wait for until none of `keys` is on its way any more.
    pub(crate) fn pending(&self, mut keys: impl Iterator<Item = CounterKey>) -> Ticket {
        let queue = self.lock();
        if queue.health != Health::Well {
            return Ticket::None;
        }
        let mut flies = false;
        let waits = keys.any(|key| {
            let key = key.to_bits();
            flies |= queue.flying.contains_key(&key);
            queue.urgent.contains_key(&key)
        });
        let number = match (waits, flies) {
            (true, _) => queue.number,
            (false, true) => queue.number - 1,
            (false, false) => return Ticket::None,
        };
        Ticket::Batch {
            number,
            must: false,
        }
    }

    /// Asks for everything to be written.
    pub(crate) fn flush(&self) -> Ticket {
        let mut queue = self.lock();
        queue.asked = queue.asked.max(Asked::Whole);
        queue.synced = true;
        let number = queue.number;
        drop(queue);
        self.wake.notify_one();
        Ticket::Batch { number, must: true }
    }

    /// Asks for everything to be written, and for no more after it.
    pub(crate) fn close(&self) {
        self.lock().asked = Asked::Last;
        self.wake.notify_one();
    }

    /// Wakes the writer for something else than counters.
    pub(crate) fn call(&self) {
        let mut queue = self.lock();
        if !mem::replace(&mut queue.called, true) {
            drop(queue);
            self.wake.notify_one();
        }
    }

    /// Whether more should wait than is good for memory.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) >= MOST
    }

    pub(crate) async fn room(&self) -> Result<(), StoreError> {
        let mut progress = self.progress.subscribe();
        let room = |progress: &Progress| !self.is_full() || progress.ended;
        let ended = progress.wait_for(room).await.is_ok_and(|now| now.ended);
        if ended { Err(no_writer()) } else { Ok(()) }
    }

    /// Waits until everything is on the disk that was there when it was asked for.
    pub(crate) async fn flushed(&self, ticket: Ticket) -> Result<(), StoreError> {
        let written = self.written(ticket).await;
        written.map_err(|error| match self.trouble() {
            Some(why) => StoreError::permanent(
                "what is counted cannot be written down, and would end with the process",
            )
            .because(std::io::Error::other(why)),
            None => error,
        })
    }

    pub(crate) async fn written(&self, ticket: Ticket) -> Result<(), StoreError> {
        let (number, must) = match ticket {
            Ticket::None => return Ok(()),
            Ticket::Lost => return Err(lost()),
            Ticket::Batch { number, must } => (number, must),
        };
        let mut progress = self.progress.subscribe();
        let over = |progress: &Progress| progress.done >= number || progress.ended;
        match progress.wait_for(over).await.map(|progress| *progress) {
            Ok(Progress { done, written, .. }) if done >= number => {
                if must && written < number {
                    return Err(lost());
                }
                Ok(())
            }
            _ => Err(no_writer()),
        }
    }

    /// For the writer: the next batch, after [`PATIENCE`] at the latest; whether it holds what
    /// nobody waits for is for `due` to say.
    pub(crate) fn next(&self, due: impl FnOnce() -> bool) -> Batch {
        let idle = |queue: &mut Queue| {
            queue.urgent.is_empty() && queue.asked == Asked::Nothing && !queue.called
        };
        self.lock().busy = None;
        let waited = self.wake.wait_timeout_while(self.lock(), PATIENCE, idle);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.called = false;
        let mut rows = mem::take(&mut queue.urgent);
        let asked = queue.asked;
        if asked > Asked::Nothing || due() {
            rows.extend(mem::take(&mut queue.lazy));
        }
        self.waiting.store(queue.lazy.len(), Ordering::Release);
        let rows = Arc::new(rows);
        queue.flying = Arc::clone(&rows);
        queue.asked = if asked == Asked::Last {
            asked
        } else {
            Asked::Nothing
        };
        queue.number += 1;
        queue.busy = Some(self.clock.monotonic());
        Batch {
            rows,
            number: queue.number - 1,
            synced: mem::take(&mut queue.synced),
            last: asked == Asked::Last,
            well: queue.health == Health::Well,
        }
    }

    /// For the writer: a batch is on disk.
    pub(crate) fn landed(&self, number: u64) {
        self.lock().flying = Arc::default();
        self.progress.send_modify(|progress| {
            progress.done = progress.done.max(number);
            progress.written = number;
        });
    }

    /// Nothing can be written, and `why`; whether that is news. Memory has it all, and is written as a whole
    /// when it can be, so nothing is kept here, and nobody waits.
    pub(crate) fn fail(&self, why: &str) -> bool {
        let mut queue = self.lock();
        queue.trouble = Some(why.into());
        let news = queue.health == Health::Well;
        queue.clear();
        queue.health = Health::Failing;
        queue.number += 1;
        let number = queue.number - 1;
        self.waiting.store(0, Ordering::Release);
        drop(queue);
        self.progress
            .send_modify(|progress| progress.done = progress.done.max(number));
        news
    }

    /// Why nothing is written, while that is so.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.lock().trouble.as_deref().map(str::to_owned)
    }

    /// For the writer: changes are to be kept from now on, since all that memory has is written.
    pub(crate) fn catch_up(&self) {
        self.lock().health = Health::Catching;
    }

    /// For the writer: all that memory had is written; whether nothing was missed meanwhile.
    pub(crate) fn caught_up(&self) -> bool {
        let mut queue = self.lock();
        let well = queue.health == Health::Catching;
        if well {
            queue.health = Health::Well;
            queue.trouble = None;
        }
        well
    }

    /// For the writer: there will be none any more.
    pub(crate) fn end(&self) {
        self.progress.send_modify(|progress| progress.ended = true);
    }

    /// Whether there is no writer any more.
    pub(crate) fn is_over(&self) -> bool {
        self.progress.borrow().ended
    }

    /// Whether the writer has been at it for longer than anybody should wait.
    pub(crate) fn stalls(&self) -> bool {
        let queue = self.lock();
        let since = queue.busy.filter(|_| queue.health == Health::Well);
        since.is_some_and(|since| self.clock.monotonic().saturating_sub(since) >= PATIENCE)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn clear(&mut self) {
        self.urgent = Rows::default();
        self.lazy = Rows::default();
        self.flying = Arc::default();
        self.synced = false;
    }

    fn put(&mut self, kept: &Kept<'_>, urgent: bool) {
        let key = kept.key.to_bits();
        if urgent {
            self.lazy.remove(&key);
            self.urgent.insert(key, Row::of(kept));
        } else if let Some(row) = self.urgent.get_mut(&key) {
            *row = Row::of(kept);
        } else {
            self.lazy.insert(key, Row::of(kept));
        }
    }
}

fn lost() -> StoreError {
    StoreError::permanent(
        "it is done, but could not be written down: it is forgotten when the process ends; \
         the log says what is wrong with the disk",
    )
}

fn no_writer() -> StoreError {
    StoreError::permanent("the thread that writes the counters down has ended")
}
