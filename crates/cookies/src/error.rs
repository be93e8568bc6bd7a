//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// Why a key, a cookie or a seal is not good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key is too short to be one.
    #[error(
        "a key has {0} bytes and needs 32 or more: make one with `openssl rand -hex 32`, or leave the \
         file out to have one made"
    )]
    ShortKey(usize),
    /// A key is a word that many use.
    #[error(
        "a key is one that everybody knows from examples: make one with `openssl rand -hex 32`"
    )]
    KnownKey,
    /// A ring has no key.
    #[error("there is no key: write one a line, the newest first")]
    NoKey,
    /// A file of keys cannot be used.
    #[error("the keys in {} cannot be {doing}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried: read, or written.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system has no random bytes")]
    NoRandom,
    /// A name that no cookie may have.
    #[error("`{0}` cannot name a cookie: use letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// A value that no cookie may have.
    #[error(
        "the value of the cookie `{0}` holds a control character, a space, `\"`, `,`, `;` or `\\`"
    )]
    Value(String),
    /// A cookie that no browser would keep.
    #[error(
        "the cookie `{name}` has {bytes} bytes in name and value, {} more than browsers keep (4096): \
         keep less in it, or the data in a store", bytes - 4096
    )]
    Large {
        /// The cookie.
        name: String,
        /// Name and value together.
        bytes: usize,
    },
    /// A seal that does not open: somebody changed it, or it was made for something else.
    #[error("the seal is broken")]
    Broken,
    /// A seal whose key is not in the ring.
    #[error("the seal was made with a key that is not in the ring")]
    UnknownKey,
    /// A seal whose time is over.
    #[error("the seal has ended")]
    Ended,
}
