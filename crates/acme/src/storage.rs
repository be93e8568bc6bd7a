//! What lasts: files that are whole or not there, and one process that orders.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use panoply_core::Clock;
use rustix::fs::{FlockOperation, OFlags, flock};
use zeroize::Zeroizing;

use crate::unwritten::{Held, Unwritten};

/// The directory `acme` in the state directory, for its owner alone.
#[derive(Debug)]
pub(crate) struct Storage {
    directory: PathBuf,
    unwritten: Unwritten,
    clock: Arc<dyn Clock>,
}

/// As much as a key, a chain and a record take at most.
static ROOM: [u8; 64 * 1024] = [0; 64 * 1024];

/// Nothing is made or locked where a link leads that somebody has put in the place of a file.
const NEVER_ELSEWHERE: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Held by the one process that orders a certificate; let go when dropped, also by a process that dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Storage {
    /// What is in `unwritten` is taken for written.
    pub(crate) fn open(
        state: &Path,
        unwritten: Unwritten,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let directory = state.join("acme");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        Ok(Self {
            directory,
            unwritten,
            clock,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.path(name);
        match self.unwritten.content(&path) {
            Some(content) => Ok(Some(content)),
            None => Self::on_disk(&path),
        }
    }

    fn on_disk(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        match fs::read(path) {
            Ok(content) => Ok(Some(Zeroizing::new(content))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file as a whole: after a crash it is the old one or the new one.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        self.put(&path, content)?;
        self.unwritten.forget(&path);
        Ok(())
    }

    fn put(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let new = self.beside(path, content)?;
        fs::rename(&new, path)?;
        File::open(&self.directory)?.sync_all()
    }

    /// The same beside it, on the disk.
    fn beside(&self, path: &Path, content: &[u8]) -> io::Result<PathBuf> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let new = self.path(&format!(".{name}.new"));
        remove(&new)?;
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&new)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        if written.is_err() {
            // Half of it would take the room that others need.
            remove(&new)?;
        }
        written.map(|()| new)
    }

    /// As [`write`](Self::write); what the disk does not take is held in memory, and written later, and so
    /// is what has to come `after` something that is held.
    ///
    /// # Errors
    ///
    /// Why the disk did not take it. It is there for whoever reads it all the same.
    pub(crate) fn keep(&self, name: &str, content: &[u8], after: Option<&str>) -> io::Result<()> {
        let after = after.map(|name| self.path(name));
        let held = |after: &PathBuf| self.unwritten.all().contains_key(after);
        let (written, problem) = if after.as_ref().is_some_and(held) {
            (Ok(()), String::new())
        } else {
            let Err(error) = self.write(name, content) else {
                return Ok(());
            };
            let problem = error.to_string();
            (Err(error), problem)
        };
        let path = self.path(name);
        let now = self.clock.monotonic();
        let mut all = self.unwritten.all();
        let before = match all.remove(&path) {
            Some(held) => held.before,
            None => hash_of(&path),
        };
        all.insert(path, Held::new(content, before, after, problem, now));
        written
    }

    /// Writes what is held in memory and due.
    pub(crate) fn write_due(&self) {
        let now = self.clock.monotonic();
        // Whoever is not written yet is told of where it is tried.
        let _ = self.write_held(|_, held| held.next <= now);
    }

    /// Writes these at once, if they are held in memory.
    ///
    /// # Errors
    ///
    /// Why the disk has not taken one of them.
    pub(crate) fn write_now(&self, names: &[String]) -> io::Result<()> {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        self.write_held(|path, _| paths.iter().any(|one| one == path))
    }

    /// Writes all that is held in memory, at once.
    ///
    /// # Errors
    ///
    /// Why the disk has not taken one of them.
    pub(crate) fn write_all(&self) -> io::Result<()> {
        self.write_held(|_, _| true)
    }

    fn write_held(&self, is_meant: impl Fn(&Path, &Held) -> bool) -> io::Result<()> {
        let mut all = self.unwritten.all();
        let now = self.clock.monotonic();
        let mut refused = Ok(());
        // First those that others come after.
        for round in [false, true] {
            let paths: Vec<PathBuf> = all
                .iter()
                .filter(|(path, held)| {
                    path.starts_with(&self.directory) && held.after.is_some() == round
                })
                .filter(|(path, held)| is_meant(path, held))
                .map(|(path, _)| path.clone())
                .collect();
            for path in paths {
                let Some(held) = all.get(&path) else { continue };
                if { held.after.as_ref() }.is_some_and(|after| all.contains_key(after)) {
                    continue;
                }
                // What cannot be read, for want of a descriptor say, is not known to be another.
                let written = match (hash_of(&path), &held.before) {
                    (Ok(found), Ok(before)) if found != *before => {
                        tracing::info!(path = %path.display(), "another process has written a newer one");
                        all.remove(&path);
                        continue;
                    }
                    (found, _) => found.and_then(|_| self.put(&path, &held.content)),
                };
                match written {
                    Ok(()) => {
                        all.remove(&path);
                        tracing::info!(path = %path.display(), "what was held in memory is written down");
                    }
                    Err(error) => {
                        tracing::warn!(path = %path.display(), %error, "held in memory, and lost with this process");
                        if let Some(held) = all.get_mut(&path) {
                            held.failed(&error, now);
                        }
                        refused = Err(error);
                    }
                }
            }
        }
        refused
    }

    /// Whether one of these is held in memory: why, and how long until it is written again.
    pub(crate) fn unwritten(&self, names: &[String]) -> Option<(String, Duration)> {
        let all = self.unwritten.all();
        let held = names.iter().find_map(|name| all.get(&self.path(name)))?;
        let now = self.clock.monotonic();
        Some((held.problem.clone(), held.next.saturating_sub(now)))
    }

    /// Whether it is held in memory.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.unwritten.all().contains_key(&self.path(name))
    }

    /// Holds it in memory no longer.
    pub(crate) fn let_go(&self, name: &str) {
        self.unwritten.forget(&self.path(name));
    }

    /// Makes sure that there is room for a certificate: what cannot be kept is not to be ordered.
    pub(crate) fn ensure_room(&self) -> io::Result<()> {
        remove(&self.beside(&self.path("room"), &ROOM)?)
    }

    /// The right to do something, such as to order one certificate; none while another process has it.
    pub(crate) fn try_lock(&self, what: &str) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(NEVER_ELSEWHERE)
            .open(self.path(&format!("{what}.lock")))?;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Lock { _file: file })),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether what is written here ends with the container that this process runs in: no volume is
    /// mounted above it.
    pub(crate) fn is_temporary(&self) -> bool {
        let marks = ["/.dockerenv", "/run/.containerenv"];
        let contained = marks.iter().any(|mark| Path::new(mark).exists())
            || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
        contained && device(&self.directory) == device(Path::new("/"))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The hash of a file, if there is one.
fn hash_of(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match Storage::on_disk(path) {
        Ok(content) => Ok(content.map(|content| digest(&SHA256, &content).as_ref().to_vec())),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(error),
    }
}

/// A short name for a text, for files.
pub(crate) fn tag(text: &[u8]) -> String {
    let hash = digest(&SHA256, text);
    let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use panoply_core::ManualClock;
    use tempfile::TempDir;

    use super::*;

    fn open(state: &TempDir, clock: &ManualClock) -> Storage {
        let clock = Arc::new(clock.clone());
        Storage::open(state.path(), Unwritten::default(), clock).unwrap()
    }

    #[test]
    fn one_orders_at_a_time() {
        let state = tempfile::tempdir().unwrap();
        let storage = open(&state, &ManualClock::new());
        let held = storage.try_lock("a").unwrap();
        assert!(held.is_some());
        assert!(storage.try_lock("a").unwrap().is_none());
        assert!(storage.try_lock("b").unwrap().is_some());
        drop(held);
        assert!(storage.try_lock("a").unwrap().is_some());
    }

    #[test]
    fn no_lock_is_taken_where_a_link_leads() {
        let state = tempfile::tempdir().unwrap();
        let storage = open(&state, &ManualClock::new());
        let elsewhere = state.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, storage.path("a.lock")).unwrap();
        storage.try_lock("a").unwrap_err();
        assert!(!elsewhere.exists());
    }

    #[test]
    fn what_is_written_is_its_owners_alone() {
        let state = tempfile::tempdir().unwrap();
        let storage = open(&state, &ManualClock::new());
        storage.write("a", b"one").unwrap();
        storage.write("a", b"two").unwrap();
        assert_eq!(&**storage.read("a").unwrap().unwrap(), b"two");
        assert!(storage.read("b").unwrap().is_none());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&storage.path("a")), 0o600);
        assert_eq!(mode(&storage.path("")), 0o700);
    }

    /// Holds `new` where `old` is on disk, whose file cannot be read meanwhile if `unread`; writing fails until
    /// [`unblock`].
    fn hold(storage: &Storage, unread: bool) {
        let path = storage.path("a");
        storage.write("a", b"old").unwrap();
        fs::create_dir(storage.path(".a.new")).unwrap();
        if unread {
            block(&path);
        }
        assert!(storage.keep("a", b"new", None).is_err());
        if !unread {
            block(&path);
        }
    }

    /// In place of a file, what cannot be read.
    fn block(path: &Path) {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(path, path).unwrap();
    }

    fn unblock(path: &Path, content: &[u8]) {
        fs::remove_file(path).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_no_newer_one() {
        for unread in [false, true] {
            let state = tempfile::tempdir().unwrap();
            let storage = open(&state, &ManualClock::new());
            let path = storage.path("a");
            hold(&storage, unread);
            for _ in 0..3 {
                assert!(storage.write_all().is_err());
                assert!(storage.holds("a"), "{unread}");
            }
            unblock(&path, b"old");
            fs::remove_dir(storage.path(".a.new")).unwrap();
            storage.write_all().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new", "{unread}");
        }
    }

    #[test]
    fn what_another_process_has_written_is_a_newer_one() {
        let state = tempfile::tempdir().unwrap();
        let storage = open(&state, &ManualClock::new());
        let path = storage.path("a");
        hold(&storage, false);
        unblock(&path, b"theirs");
        storage.write_all().unwrap();
        assert!(!storage.holds("a"));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }
}
