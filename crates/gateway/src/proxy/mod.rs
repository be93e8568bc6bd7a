//! From a request that may pass to the app's answer.

mod below;
mod deadlines;
mod forward;
mod framework;
mod headers;
pub(crate) mod http1;
mod multiplexed;
mod pool;
mod pools;
mod reach;
pub(crate) mod scheme;
mod secured;
mod shared;
mod stamping;
mod stream;
pub(crate) mod told;
mod trouble;
mod uploads;
mod wait;
mod work;

use std::io;
use std::time::Duration;

use http::StatusCode;
use panoply_core::Refusal;

use crate::body::Broken;

pub(crate) use below::Below;
pub(crate) use forward::{Forwarding, Upstream, forward, forward_over};
pub(crate) use framework::{may_be as may_be_framework_error, replaced as without_framework_error};
pub(crate) use headers::{end_hops, named, to_service, upgrade};
pub(crate) use http1::Interims;
pub(crate) use multiplexed::Turn;
pub(crate) use pool::Pool;
pub(crate) use pools::{Choice, Client, Pools, mark};
pub(crate) use reach::Reach;
pub(crate) use stamping::{ask_for_all, stamped};
pub(crate) use stream::{AppAddress, AppStream};
pub(crate) use trouble::Troubles;
pub(crate) use wait::Wait;
pub(crate) use work::{Busy, Work};

/// Why the app gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It has been started, and nobody knows yet where it listens.
    #[error("the app is starting")]
    Starting,
    /// Nobody listens at its address.
    #[error("the app does not accept connections")]
    Away(#[source] io::Error),
    /// It took too long to accept a connection.
    #[error("the app did not accept a connection in time")]
    ConnectTimeout,
    /// There was no file descriptor to reach it with.
    #[error("no file descriptor is left for a connection to the app")]
    Descriptors(#[source] io::Error),
    /// It closed the connection, or what it sent is not HTTP.
    #[error("the app broke off, or its answer is not HTTP")]
    Broken(#[source] Broken),
    /// It closed the connection before it had said anything in HTTP/2.
    #[error("the app said nothing in HTTP/2: leave out `app.h2c` if it does not speak that")]
    NotHttp2,
    /// It cannot be spoken to by TLS, or is not known to be the app.
    #[error("there is no TLS with the app: {0}")]
    Tls(String),
    /// It did not begin to answer in time.
    #[error("the app did not begin to answer in time")]
    Timeout,
    /// It switched protocols for a request that did not ask for it.
    #[error("the app answered 101 to a request that asked for no other protocol")]
    Unasked,
    /// Its body is in a transfer coding that nobody asked for.
    #[error("the app's answer has a transfer coding other than chunked")]
    Coded,
    /// A service of this process panicked.
    #[error("the service panicked")]
    Panicked,
    /// A service of this process gave an error in place of an answer.
    #[error("the service gave an error")]
    Own(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There were no random bytes for what goes out in place of the placeholder.
    #[error("the operating system has no random bytes")]
    Random,
    /// It answered with a part of what the placeholder may stand in.
    #[error("the app answered with a part of a page")]
    Part,
    /// The client's own request broke off or was refused on the way.
    #[error("the request's body could not be passed on")]
    Body(crate::body::Fault),
}

impl Failure {
    /// What led to it, the nearest first.
    pub(crate) fn causes(&self) -> String {
        let first = std::error::Error::source(self);
        let causes = std::iter::successors(first, |error| error.source());
        causes
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    }

    /// Whether nobody else knows of it, or why: to the app all was well, or it was never asked.
    pub(crate) fn is_news(&self) -> bool {
        match self {
            Self::Broken(_)
            | Self::NotHttp2
            | Self::Tls(_)
            | Self::Unasked
            | Self::Coded
            | Self::Panicked
            | Self::Own(_)
            | Self::Random => true,
            // The mode of a Unix socket, or a firewall of this machine.
            Self::Away(error) => error.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }

    /// Whether nothing was sent to anybody, and somebody may listen in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NotFound};
        match self {
            Self::Starting => true,
            Self::Away(error) => {
                matches!(error.kind(), ConnectionRefused | HostUnreachable | NotFound)
            }
            _ => false,
        }
    }

    /// Whether nothing was sent to anybody, and another instance may well take it.
    pub(crate) const fn may_go_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Away(_) | Self::ConnectTimeout | Self::Tls(_) | Self::NotHttp2
        )
    }

    /// What the client is told.
    pub(crate) fn refusal(&self) -> Refusal {
        use crate::body::Fault;
        let (status, rule, detail) = match self {
            Self::Starting => (
                StatusCode::SERVICE_UNAVAILABLE,
                "app/starting",
                "The application behind this address is starting. Try again shortly.",
            ),
            Self::Away(_) | Self::ConnectTimeout => (
                StatusCode::BAD_GATEWAY,
                "app/away",
                "The application behind this address is not running at the moment.",
            ),
            Self::Descriptors(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "limits/descriptors",
                "This server has more to do than it can at the moment. Try again shortly.",
            ),
            Self::Broken(_) | Self::NotHttp2 | Self::Unasked | Self::Coded => (
                StatusCode::BAD_GATEWAY,
                "app/broken-answer",
                "The application behind this address broke off its answer.",
            ),
            Self::Panicked | Self::Own(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "app/failed",
                "Something went wrong here. It is not your fault.",
            ),
            Self::Tls(_) => (
                StatusCode::BAD_GATEWAY,
                "app/tls",
                "The application behind this address cannot be reached safely at the moment.",
            ),
            Self::Random => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "headers/nonce",
                "This server cannot answer safely at the moment.",
            ),
            Self::Part => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                "headers/part",
                "This is to be had as a whole only.",
            ),
            Self::Timeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "app/timeout",
                "The application behind this address took too long to answer.",
            ),
            Self::Body(Fault::TooLarge) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "limits/body-bytes",
                "The request's body is larger than this server accepts.",
            ),
            Self::Body(Fault::Stalled) => (
                StatusCode::REQUEST_TIMEOUT,
                "limits/slow-body",
                "The rest of the request did not come in time.",
            ),
            Self::Body(Fault::Broken) => (
                StatusCode::BAD_REQUEST,
                "intake/body",
                "The request's body is not well-formed, or ended early.",
            ),
        };
        let refusal = Refusal::new(status, rule, detail);
        match self {
            Self::Starting | Self::Descriptors(_) => {
                refusal.with_retry_after(Duration::from_secs(1))
            }
            _ => refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_else_knows_is_news() {
        let away = |kind: io::ErrorKind| Failure::Away(kind.into());
        assert!(away(io::ErrorKind::PermissionDenied).is_news() && Failure::Coded.is_news());
        // An app that is not there knows of it.
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound] {
            assert!(!away(kind).is_news(), "{kind}");
        }
        assert!(!Failure::Timeout.is_news());
    }
}
