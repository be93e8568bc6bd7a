//! The threads of a store, from its opening to its end.

use std::io;
use std::sync::Arc;
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
        let mut threads = Self {
            journal: Arc::clone(&writer.journal),
            sessions,
            reader: None,
            writer: None,
            watch: None,
        };
        let thread = |name: &str| Builder::new().name(name.to_owned());
        threads.reader = Some(thread("panoply-reader").spawn(|| reader.run())?);
        threads.writer = Some(thread("panoply-journal").spawn(|| writer.run())?);
        let journal = Arc::clone(&threads.journal);
        let sessions = Arc::clone(&threads.sessions);
        threads.watch = Some(thread("panoply-watch").spawn(move || watch(&journal, &sessions))?);
        Ok(threads)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // The writer is the last that has the database open, since who closes it last tidies up.
        self.sessions.close_reader();
        join(self.reader.take());
        self.journal.close();
        join(self.writer.take());
        join(self.watch.take());
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        thread.thread().unpark();
        // None panics; had one, there would be nothing left to do.
        drop(thread.join());
    }
}
