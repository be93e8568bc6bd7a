//! Why a database cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A database that cannot be opened, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory in which the file would lie is not there.
    #[error(
        "`{}`: the directory `{}` does not exist; make it, or name a file in one that does",
        path.display(), directory.display()
    )]
    #[non_exhaustive]
    NoDirectory {
        /// The file.
        path: PathBuf,
        /// The directory.
        directory: PathBuf,
    },
    /// A directory stands where the file would be.
    #[error("`{}` is a directory; name a file in it, such as `{}`", .0.display(), .0.join("panoply.db").display())]
    IsDirectory(PathBuf),
    /// The operating system refuses.
    #[error(
        "`{}` cannot be {doing}; its user needs to read and write the file and its directory",
        path.display()
    )]
    #[non_exhaustive]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file can be read, but not written.
    #[error(
        "`{}` can only be read; its user needs to write the file and its directory, \
         and the file system must not be mounted read-only",
        .0.display()
    )]
    ReadOnly(PathBuf),
    /// There is no room for what is written beside it.
    #[error(
        "there is no room left on the disk of `{}` (`df -h`, `df -i`): make some; what is locked \
         cannot be read without",
        .0.display()
    )]
    Full(PathBuf),
    /// Another process has it open, or this one has opened it before: a store is to be cloned.
    #[error(
        "`{}` is in use by another process, or opened a second time in this one; two gateways on one \
         file would each let through what the limit allows: end the other, give this one a file of \
         its own, or let nodes share Redis or PostgreSQL. In one process clone the store",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file is not an SQLite database.
    #[error("`{}` is not an SQLite database; name another file, or one that is not there yet", .0.display())]
    NotADatabase(PathBuf),
    /// The database belongs to something else.
    #[error(
        "`{}` is a database of something else; name a file of its own, which is made when it is not there",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A newer release has written it.
    #[error(
        "`{}` was written by a newer release (format {found}, known up to {known}); \
         run that release, or name another file",
        path.display()
    )]
    #[non_exhaustive]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this release knows.
        known: i64,
    },
    /// The database is damaged.
    #[error(
        "`{}` is damaged; move it away together with `-wal`: a new one is made, and the counters \
         and locks in it are lost",
        .0.display()
    )]
    Damaged(PathBuf, #[source] rusqlite::Error),
    /// Anything else that SQLite says.
    #[error("`{}` cannot be used", .0.display())]
    Database(PathBuf, #[source] rusqlite::Error),
    /// There is no thread to be had.
    #[error("no thread could be started to write `{}`", .0.display())]
    Thread(PathBuf, #[source] io::Error),
}

/// What SQLite says where a write finds no room (`SQLITE_IOERR_WRITE`, `SQLITE_IOERR_SHMSIZE`).
const IOERR_WRITE: i32 = 0x030a;
const IOERR_SHMSIZE: i32 = 0x130a;

impl Error {
    /// What an error while opening means to whoever named the file.
    pub(crate) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let extended = error.sqlite_error().map(|error| error.extended_code);
        // The file that processes share lies beside the database, and has to be made first.
        if extended.is_some_and(|code| [IOERR_WRITE, IOERR_SHMSIZE].contains(&code)) {
            return Self::Full(path);
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path),
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(path, error),
            _ => Self::Database(path, error),
        }
    }
}
