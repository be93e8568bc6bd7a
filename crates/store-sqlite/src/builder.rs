//! Opening a store.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Clock, SystemClock};
use panoply_store_memory::{MemoryStore, MemoryStoreBuilder};

use crate::queue::Journal;
use crate::sessions::{Bounds, Clerk, Reader, Sessions};
use crate::sweep::Sweep;
use crate::table::{Clocks, Table};
use crate::threads::Threads;
use crate::writer::{Writer, wall};
use crate::{Error, SqliteStore};

/// Settings of a [`SqliteStore`].
#[derive(Debug, Clone)]
pub struct SqliteStoreBuilder {
    path: PathBuf,
    memory: MemoryStoreBuilder,
    max_keys: usize,
    wait: Duration,
    clock: Arc<dyn Clock>,
    session_cache_bytes: usize,
    max_sessions: Bounds,
    sync_sessions: bool,
    #[cfg(test)]
    pub(crate) disk: Arc<crate::tests::Disk>,
}

impl SqliteStoreBuilder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            memory: MemoryStore::builder(),
            max_keys: 256 * 1024,
            wait: Duration::from_secs(2),
            clock: Arc::new(SystemClock::new()),
            session_cache_bytes: 64 * 1024 * 1024,
            max_sessions: Bounds {
                held: 1_000_000,
                bytes: 2 * 1024 * 1024 * 1024,
            },
            sync_sessions: false,
            #[cfg(test)]
            disk: Arc::default(),
        }
    }

    /// How many counters are kept exactly in memory; 262,144 by default, 1,024 at least. The
    /// database has twice as many rows at most.
    #[must_use]
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self.memory = self.memory.max_keys(keys);
        self
    }

    /// The bytes of one sketch, see
    /// [`MemoryStoreBuilder::sketch_bytes`]; 16 MiB by default.
    #[must_use]
    pub fn sketch_bytes(mut self, bytes: usize) -> Self {
        self.memory = self.memory.sketch_bytes(bytes);
        self
    }

    /// How long a database that is in use is waited for, so that a process that ends can give it
    /// to the next; two seconds by default.
    #[must_use]
    pub const fn wait(mut self, time: Duration) -> Self {
        self.wait = time;
        self
    }

    /// How many bytes of sessions are kept in memory, so that a load needs no look into the
    /// database; 64 MiB by default. Zero keeps none. One that takes more than a 64th of it is not kept.
    #[must_use]
    pub const fn session_cache_bytes(mut self, bytes: usize) -> Self {
        self.session_cache_bytes = bytes;
        self
    }

    /// How many sessions the database holds at most, a million by default and 256 at least; each
    /// key of one that was destroyed counts as one, too, until its tombstone ends.
    ///
    /// Beyond it room is made: first tombstones go, then sessions of nobody, then those of users,
    /// of each kind about those that nobody came to for longest. So nobody is logged out by a flood
    /// of sessions for which nobody needs to log in.
    #[must_use]
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions.held = sessions.max(256);
        self
    }

    /// How many bytes the values of all sessions have at most, 2 GiB by default and 4 MiB at
    /// least. Beyond it room is made as it is for [`max_sessions`](Self::max_sessions).
    #[must_use]
    pub fn max_session_bytes(mut self, bytes: u64) -> Self {
        self.max_sessions.bytes = bytes.max(4 * 1024 * 1024);
        self
    }

    /// Whether every commit to a session is on the disk itself before it is answered; off by
    /// default.
    ///
    /// Without it, a power cut (not the end of the process, however violent) may take back the
    /// last moments: values that were set, sessions that were just made, touches and renewed keys.
    /// What takes something from somebody is on the disk itself in any case: sessions that were
    /// destroyed, changes of the user, replaced keys.
    #[must_use]
    pub const fn sync_sessions(mut self, sync: bool) -> Self {
        self.sync_sessions = sync;
        self
    }

    /// Where time comes from; the system's clock by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the database, makes it if it is not there, and takes up what was counted before.
    ///
    /// The file can be read and written by its owner alone. Nobody else can open it as long as the
    /// store is there.
    ///
    /// # Errors
    ///
    /// When the file cannot be used, see [`Error`].
    pub fn open(self) -> Result<SqliteStore, Error> {
        make(&self.path)?;
        // As a whole, or SQLite would take some names for something else, such as `:memory:`.
        let file = |source| Error::File {
            path: self.path.clone(),
            doing: "found",
            source,
        };
        let path = std::path::absolute(&self.path).map_err(file)?;
        let says = |error| Error::of(&path, error);
        let mut table = Table::open(&path, self.wait)?;
        let wall = wall(&*self.clock);
        // The store's time goes on where it was, by as much as the system's clock says. Had that
        // been set back meanwhile, it stands still: no lock gets shorter by it.
        let store = match table.clocks().map_err(says)? {
            Some(kept) => kept.store.after(wall.since(kept.wall)),
            None => wall,
        };
        let memory = self.memory.clock(Arc::clone(&self.clock));
        let memory = memory.starting_at(store).build();
        table.restore(&memory).map_err(says)?;
        let clocks = Clocks { store, wall };
        table
            .write(true, |table| table.put_clocks(clocks))
            .map_err(says)?;

        let sessions = Arc::new(Sessions::new(self.session_cache_bytes, memory.clone()));
        let (synced, bounds) = (self.sync_sessions, self.max_sessions);
        let clerk = Clerk::new(Arc::clone(&sessions), &table, synced, bounds);
        let clerk = clerk.map_err(says)?;
        let reader = Reader::open(&path, Arc::clone(&sessions)).map_err(says)?;
        let writer = Writer {
            table,
            memory: memory.clone(),
            journal: Arc::new(Journal::new()),
            sweep: Sweep::new(self.max_keys.max(1024) * 2),
            clerk,
            clock: self.clock,
            kept: clocks,
            changed: false,
            #[cfg(test)]
            disk: self.disk,
        };
        let threads = Threads::start(reader, writer, sessions);
        let threads = threads.map_err(|error| Error::Thread(self.path, error))?;
        Ok(SqliteStore::new(memory, threads))
    }
}

/// Makes an empty file, or sees to it that nobody else can read the one that is there.
///
/// An existing file is not opened for it: closing it again would give up the locks that another
/// store of this process holds.
fn make(path: &Path) -> Result<(), Error> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !directory.is_dir() {
        return Err(Error::NoDirectory {
            path: path.to_owned(),
            directory: directory.to_owned(),
        });
    }
    if path.is_dir() {
        return Err(Error::IsDirectory(path.to_owned()));
    }
    let file = |doing, source| Error::File {
        path: path.to_owned(),
        doing,
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(file("made", error)),
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let found = fs::metadata(path).map_err(|error| file("looked at", error))?;
        if found.permissions().mode() & 0o077 != 0 {
            let mode = fs::Permissions::from_mode(0o600);
            fs::set_permissions(path, mode).map_err(|error| file("kept from others", error))?;
        }
    }
    Ok(())
}
