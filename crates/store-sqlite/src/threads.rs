//! The threads of a store, from its opening to its end.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::queue::Journal;
use crate::sessions::{Reader, Sessions};
use crate::watch::watch;
use crate::writer::Writer;

/// Threads that end, one after another, when this is dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) journal: Arc<Journal>,
    pub(crate) sessions: Arc<Sessions>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    reader: Option<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
    watch: Option<JoinHandle<()>>,
}

impl Threads {
    pub(crate) fn start(
        reader: Reader,
        writer: Writer,
        sessions: Arc<Sessions>,
    ) -> io::Result<Self> {
        let threads = Self {
            journal: Arc::clone(&writer.journal),
            sessions,
            running: Mutex::default(),
        };
        let thread = |name: &str| Builder::new().name(name.to_owned());
        // Those that were started end with `threads`, should one of the next not start.
        threads.running().reader = Some(thread("panoply-reader").spawn(|| reader.run())?);
        threads.running().writer = Some(thread("panoply-journal").spawn(|| writer.run())?);
        let journal = Arc::clone(&threads.journal);
        let sessions = Arc::clone(&threads.sessions);
        let watch = thread("panoply-watch").spawn(move || watch(&journal, &sessions))?;
        threads.running().watch = Some(watch);
        Ok(threads)
    }

    /// Ends them, after all that is left has been written; a second time there is nothing to do.
    pub(crate) fn end(&self) {
        let mut running = std::mem::take(&mut *self.running());
        // The writer is the last that has the database open, since who closes it last tidies up.
        self.sessions.close_reader();
        join(running.reader.take());
        self.journal.close();
        join(running.writer.take());
        join(running.watch.take());
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.end();
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        thread.thread().unpark();
        // None panics; had one, there would be nothing left to do.
        drop(thread.join());
    }
}
