//! Why an audit could not be made at all.

use std::io;
use std::path::PathBuf;

/// Why an audit could not be made at all; what single rules could not look at is in the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The target cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The target is not a folder.
    #[error("`{}` is not a folder; give the app's folder, or its address with http:// or https://", path.display())]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// There is nothing in it that is understood.
    #[error("`{}` has neither a package.json nor a Cargo.toml, nor JavaScript; give the app's own folder", path.display())]
    NothingThere {
        /// What was given.
        path: PathBuf,
    },
    /// A file that should be a baseline is none.
    #[error("`{}` is no baseline; `panoply audit --write-baseline` writes one", path.display())]
    NoBaseline {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
