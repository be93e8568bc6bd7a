//! Building the suit.

use std::sync::Arc;

use panoply_client::{ClientConfig, ClientLayer};
use panoply_core::{Clock, SystemClock};
use panoply_headers::HeadersConfig;

use crate::Suit;
use crate::trace::{Events, Observer, TraceLayer};

/// What the suit is to be, before it is checked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Panoply {
    client: ClientConfig,
    headers: HeadersConfig,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
}

impl Panoply {
    /// Everything at its default: Helmet's headers, no proxy trusted, exchanges told of as events
    /// at level `debug`.
    pub fn recommended() -> Self {
        Self {
            client: ClientConfig::new(),
            headers: HeadersConfig::default(),
            observer: Arc::new(Events),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Whose word on the client's address is taken.
    #[must_use]
    pub fn client(mut self, client: ClientConfig) -> Self {
        self.client = client;
        self
    }

    /// The headers of every answer.
    #[must_use]
    pub fn headers(mut self, headers: HeadersConfig) -> Self {
        self.headers = headers;
        self
    }

    /// Who is told of every exchange.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Where time comes from; the system's clocks by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks everything and renders what can be rendered once.
    ///
    /// # Errors
    ///
    /// When a setting is refused, with the key and what to write instead.
    pub fn build(self) -> Result<Suit, Error> {
        Ok(Suit {
            client: ClientLayer::new(self.client.build()?),
            trace: TraceLayer::new(self.observer, self.clock),
            headers: self.headers.build()?,
        })
    }
}

/// A setting that is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Of `[client]`.
    #[error(transparent)]
    Client(#[from] panoply_client::Error),
    /// Of `[headers]`.
    #[error(transparent)]
    Headers(#[from] panoply_headers::Error),
}

impl Error {
    /// The dotted path of the setting, as in `panoply.toml`.
    pub fn key(&self) -> String {
        let join = |table: &str, key: &str| match key {
            "" => table.to_owned(),
            key => format!("{table}.{key}"),
        };
        match self {
            Self::Client(error) => join("client", error.key()),
            Self::Headers(error) => join("headers", error.key()),
        }
    }

    /// What to write instead, where the message does not say it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Client(_) => None,
            Self::Headers(error) => error.help(),
        }
    }
}
