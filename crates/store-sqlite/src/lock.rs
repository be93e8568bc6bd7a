//! One process a file.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use panoply_core::{Clock, SystemClock};

use crate::Error;

/// The lock of a database, until it is dropped or the process ends in any way.
///
/// It is that of a file of its own: SQLite's would keep the second connection out as well, and is
/// given up whenever any part of the process opens and closes the database.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, and waits for it if another has it.
    pub(crate) fn take(path: &Path, wait: Duration) -> Result<Self, Error> {
        let mut beside = path.as_os_str().to_owned();
        beside.push("-lock");
        let beside = PathBuf::from(beside);
        let says = |doing, source| Error::File {
            path: beside.clone(),
            doing,
            source,
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // Nothing is made or locked where a link leads that somebody has put in the place of a file.
            options
                .mode(0o600)
                .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        }
        let file = options
            .open(&beside)
            .map_err(|error| says("opened", error))?;
        let clock = SystemClock::new();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(says("locked", error)),
                Err(TryLockError::WouldBlock) if clock.monotonic() >= wait => {
                    return Err(Error::InUse(path.to_owned()));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }
}

/// How often a lock is tried that another has.
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn no_lock_is_taken_where_a_link_leads() {
        let state = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (state.path().join("a.db"), state.path().join("elsewhere"));
        std::os::unix::fs::symlink(&elsewhere, state.path().join("a.db-lock")).unwrap();
        Lock::take(&path, Duration::ZERO).unwrap_err();
        assert!(!elsewhere.exists());
    }
}
