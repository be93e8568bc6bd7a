//! Whether an instance of the app answers, and where.

use std::fmt;
use std::sync::Arc;

use crate::proxy::AppAddress;

/// Whether an instance can be reached, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppState {
    /// It has been started and does not accept connections yet, for the first time or again.
    Starting,
    /// It accepts connections here, and answers as it should.
    Up(AppAddress),
    /// It is to be here, and does not answer. It is asked all the same: nobody knows sooner that it is back.
    ///
    /// Without a reason it has not been looked at yet.
    Down(AppAddress, Option<Arc<str>>),
    /// It is a service of this process.
    Own,
    /// There is none at the moment: the name has fewer addresses than instances may be.
    Vacant,
}

impl AppState {
    /// Where requests go.
    pub(crate) const fn address(&self) -> Option<&AppAddress> {
        match self {
            Self::Starting | Self::Own | Self::Vacant => None,
            Self::Up(address) | Self::Down(address, _) => Some(address),
        }
    }

    /// Whether it is known how it stands.
    pub(crate) const fn is_known(&self) -> bool {
        !matches!(self, Self::Starting | Self::Down(_, None))
    }

    pub(crate) const fn is_up(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Own)
    }

    /// In one word, for programs.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up(_) | Self::Own => "up",
            Self::Down(..) => "down",
            Self::Vacant => "vacant",
        }
    }
}

impl fmt::Display for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting, or starting again"),
            Self::Up(address) => write!(f, "up at {address}"),
            Self::Own => f.write_str("up in this process"),
            Self::Vacant => f.write_str("vacant: the name has no other address"),
            Self::Down(address, why) => {
                let why = why.as_deref().unwrap_or("it has not been looked at yet");
                write!(f, "down at {address}: {why}")
            }
        }
    }
}

/// What is to be said for sending a request to an instance, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Rank {
    /// It answers as it should.
    Up,
    /// Nobody knows yet.
    Unknown,
    /// It does not answer as it should.
    Down,
    /// Nobody accepts connections there.
    Away,
}
