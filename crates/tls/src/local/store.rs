//! The state directory: files that are whole or not there, and one writer at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use zeroize::Zeroizing;

use crate::error::{At, Error};
use crate::pem;

const LOCK: &str = "tls.lock";

/// Nothing is made or locked where a link leads that somebody has put in the place of a file.
const NEVER_ELSEWHERE: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    Owner,
    Everybody,
}

impl Access {
    const fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Everybody => 0o644,
        }
    }
}

/// A directory that holds what must last.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
}

/// Held by the one process that may write; let go when dropped, also by a process that dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Store {
    /// Makes the directory when it is missing, for its owner alone.
    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(At::state(directory).io("made a directory"))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn at(&self, name: &str) -> At {
        At::state(&self.path(name))
    }

    /// Waits for the lock; who holds it needs milliseconds.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        let at = self.at(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(Access::Owner.mode())
            .custom_flags(NEVER_ELSEWHERE)
            .open(at.path())
            .map_err(at.io("opened"))?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(at.io("locked")(error.into())),
            }
        }
    }

    /// The content of a file, or nothing when there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match pem::read(&self.at(name)) {
            Ok(content) => Ok(Some(content)),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file as a whole: after a crash it is the old one or the new one. Wants the lock.
    pub(super) fn write(
        &self,
        _lock: &Lock,
        name: &str,
        content: &[u8],
        access: Access,
    ) -> Result<(), Error> {
        let path = self.path(name);
        let new = self.path(&format!(".{name}.new"));
        let write = || {
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(access.mode())
                .open(&new)?;
            file.write_all(content)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(At::state(&path).io("written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_lock_is_taken_where_a_link_leads() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        let elsewhere = state.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, store.path(LOCK)).unwrap();
        store.lock().unwrap_err();
        assert!(!elsewhere.exists());
    }
}
