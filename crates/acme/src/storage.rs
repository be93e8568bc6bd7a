//! What lasts: files that are whole or not there, and one process that orders.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

/// The directory `acme` in the state directory, for its owner alone.
#[derive(Debug)]
pub(crate) struct Storage(PathBuf);

/// Held by the one process that orders a certificate; let go when dropped, also by a process that dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Storage {
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        let directory = state.join("acme");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        Ok(Self(directory))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        match fs::read(self.path(name)) {
            Ok(content) => Ok(Some(Zeroizing::new(content))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file as a whole: after a crash it is the old one or the new one.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = self.path(&format!(".{name}.new"));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, self.path(name))?;
        File::open(&self.0)?.sync_all()
    }

    /// The right to do something, such as to order one certificate; none while another process has it.
    pub(crate) fn try_lock(&self, what: &str) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
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
        contained && device(&self.0) == device(Path::new("/"))
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
    use super::*;

    #[test]
    fn one_orders_at_a_time() {
        let state = tempfile::tempdir().unwrap();
        let storage = Storage::open(state.path()).unwrap();
        let held = storage.try_lock("a").unwrap();
        assert!(held.is_some());
        assert!(storage.try_lock("a").unwrap().is_none());
        assert!(storage.try_lock("b").unwrap().is_some());
        drop(held);
        assert!(storage.try_lock("a").unwrap().is_some());
    }

    #[test]
    fn what_is_written_is_its_owners_alone() {
        let state = tempfile::tempdir().unwrap();
        let storage = Storage::open(state.path()).unwrap();
        storage.write("a", b"one").unwrap();
        storage.write("a", b"two").unwrap();
        assert_eq!(&**storage.read("a").unwrap().unwrap(), b"two");
        assert!(storage.read("b").unwrap().is_none());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&storage.path("a")), 0o600);
        assert_eq!(mode(&storage.path("")), 0o700);
    }
}
