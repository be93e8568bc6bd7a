//! Why a store could not be connected.

use std::time::Duration;

/// What connects nothing. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not one.
    #[error("store.url: {0}")]
    Url(String),
    /// The prefix would break the keys.
    #[error(
        "store prefix: `{0}` will not do, write up to 64 letters, digits, `-`, `_`, `.` or `:`, such \
         as `shop`"
    )]
    Prefix(String),
    /// Nobody answers there.
    #[error(
        "redis at {address} cannot be reached ({source}): start it there, or correct `store.url`"
    )]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It takes too long.
    #[error(
        "redis at {address} did not answer within {timeout:?}: is this its address, and does a \
         firewall let it through?"
    )]
    Silent {
        /// Where it was looked for.
        address: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// TLS does not come about.
    #[error(
        "no TLS with redis at {address} ({source}): `redis://` is without TLS, and a certificate of \
         your own authority needs its root, in the file that SSL_CERT_FILE names"
    )]
    Tls {
        /// Where it was looked for.
        address: String,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The roots that were given are none.
    #[error("the root certificates cannot be read ({source}): write them as PEM")]
    Roots {
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The password is wrong, or there should be one.
    #[error(
        "redis at {address} refuses the user name or password ({source}): write \
         `redis://user:password@host`, or `redis://:password@host` where only a password is asked \
         for, with `%40` for `@`, `%2F` for `/`, `%3A` for `:` and `%23` for `#`"
    )]
    Password {
        /// Where it runs.
        address: String,
        /// What the server said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server is older than what the script needs.
    #[error("redis at {address} is {version}: version 6.2 or newer is needed, or Valkey")]
    TooOld {
        /// Where it runs.
        address: String,
        /// What it says it is.
        version: String,
    },
    /// It takes no writes.
    #[error(
        "redis at {address} is a replica and takes no writes: give the address of the primary in \
         `store.url`"
    )]
    Replica {
        /// Where it runs.
        address: String,
    },
    /// The user may not do what a decision does.
    #[error(
        "redis at {address} does not permit what a decision needs ({source}): give the user \
         `~{prefix}* +@read +@write +@scripting +@connection +time +info`"
    )]
    Permission {
        /// Where it runs.
        address: String,
        /// What all keys begin with.
        prefix: String,
        /// What the server said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It says something else.
    #[error("redis at {address} will not do: {source}")]
    Refused {
        /// Where it runs.
        address: String,
        /// What the server said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
