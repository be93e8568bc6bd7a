//! Where the database was when it was opened.

use std::path::{Path, PathBuf};

use rusqlite::ffi;

/// A path, and the file that was there.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    file: Option<Identity>,
}

/// What tells one file from another.
type Identity = (u64, u64);

impl Place {
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: identity(path).ok().flatten(),
        }
    }

    /// An error where another file is at the path by now, or none: SQLite goes on in the one that it has
    /// open, which ends with the process. It sees that itself only without a write-ahead log.
    pub(crate) fn stays(&self) -> rusqlite::Result<()> {
        let moved = match (self.file, identity(&self.path)) {
            (Some(then), Ok(Some(now))) => then != now,
            (Some(_), Err(error)) => error.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        };
        if !moved {
            return Ok(());
        }
        let problem = format!(
            "{} was removed or replaced while it was in use: put it back where it was, or restart what uses it",
            self.path.display()
        );
        let code = ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED);
        Err(rusqlite::Error::SqliteFailure(code, Some(problem)))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> std::io::Result<Option<Identity>> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(path)?;
    Ok(Some((found.dev(), found.ino())))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> std::io::Result<Option<Identity>> {
    Ok(None)
}
