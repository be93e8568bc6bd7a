//! HTTP/1.1 to the app, in the task of the request itself.
//!
//! hyper's client has a task a connection, a channel to it and a channel for each body. For an app on
//! the same machine, whose answer is mostly there whole at the first read, that was a fifth of all the
//! gateway did. Here a request is written as it came, without a map of headers in between, and an answer
//! that is there whole gives its connection back before it goes on.

mod answer;
mod exchange;
mod head;
mod interim;
mod line;
mod request;
mod upload;

pub(crate) use answer::Answer;

pub(super) use answer::{Begun, Home, begin};
pub(super) use exchange::{Ended, Exchange};
pub(crate) use head::Head;
pub(super) use interim::Ahead;
pub(crate) use interim::Interims;
pub(super) use line::{Line, Patience, Room};
pub(super) use request::upload;
pub(super) use upload::Upload;

use crate::http1::Malformed;

/// What every answer begins with (RFC 9112 §4).
const START: &[u8] = b"HTTP/1.";

/// Why an exchange over HTTP/1.1 broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The connection failed.
    #[error("the connection to the app failed")]
    Io(#[source] std::io::Error),
    /// Its body, or what should be its head, is no whole message.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The head cannot be read.
    #[error("the head of the app's answer is not well-formed")]
    Head(#[source] httparse::Error),
    /// It answered in HTTP/2.
    #[error("the app speaks HTTP/2 alone: below [app] write h2c = true")]
    Http2,
    /// It answered as to a handshake that is none.
    #[error("the app speaks TLS: write `https://` in `app.upstream`, or have it speak HTTP")]
    Tls,
    /// The head is longer than 256 KiB or has more than 100 fields.
    #[error("the head of the app's answer is longer than 256 KiB or has more than 100 headers")]
    LongHead,
    /// Several lengths, or one that is no number.
    #[error("the app's answer has a Content-Length that is no number, or several that differ")]
    Length,
}

impl Error {
    /// Whether the connection came to its end, whatever was said on it.
    pub(in crate::proxy) const fn is_end(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Malformed(Malformed::Incomplete))
    }
}

#[cfg(test)]
mod tests;
