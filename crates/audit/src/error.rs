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
    #[error("`{}` has neither a package.json nor a Cargo.toml, nor JavaScript; give the app's own folder. Of an app in another language what its site answers is looked at: give its address with http:// or https://", path.display())]
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
    /// It is no address.
    #[error("`{url}` is no address; write it as https://shop.example")]
    Address {
        /// What was given.
        url: String,
        /// Why not.
        source: url::ParseError,
    },
    /// It is an address of something else.
    #[error("`{url}` is not of a web server; write it with http:// or https://")]
    NotHttp {
        /// What was given.
        url: String,
    },
    /// Nothing answers there.
    #[error("`{url}` does not answer: {reason}")]
    NotThere {
        /// What was given.
        url: String,
        /// What was tried, and what came of it.
        reason: String,
    },
    /// Wrong logins are sent to one's own servers alone.
    #[error(
        "wrong logins are tried on this machine or on your own hosts alone; if `{host}` is yours, add `--i-own {host}`"
    )]
    NotOwned {
        /// The host.
        host: String,
    },
    /// A file of certificates has none.
    #[error("`{}` holds no certificate in PEM", path.display())]
    NotPem {
        /// What was given.
        path: PathBuf,
    },
    /// A file of hosts that are HTTPS alone cannot be read.
    #[error("`{}` is no list of preloaded hosts; it looks like {{\"shop.example\": {{\"mode\": \"force-https\"}}}}", path.display())]
    NotPreload {
        /// What was given.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// The system gives no means to wait for a site.
    #[error("nothing can be waited for")]
    Runtime {
        /// Why not.
        source: io::Error,
    },
}
