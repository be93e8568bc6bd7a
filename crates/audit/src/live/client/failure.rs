//! Why a question got no answer.

use std::io;

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("its name cannot be looked up")]
    Name(#[source] io::Error),
    #[error("no connection to port {port}")]
    Connect {
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("no answer in time")]
    Timeout,
    #[error("no TLS connection")]
    Tls(#[source] io::Error),
    #[error("no HTTP answer")]
    Http(#[source] hyper::Error),
    #[error("the address leads to no web server")]
    Address,
}

impl Failure {
    /// The failure with what caused it, in a line.
    pub(crate) fn told(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }

    /// Whether nothing listens there at all, as against something that answers otherwise.
    pub(crate) fn is_nothing_there(&self) -> bool {
        matches!(self, Self::Connect { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused)
    }
}
