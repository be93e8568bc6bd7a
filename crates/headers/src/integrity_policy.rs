//! `Integrity-Policy`: that scripts and style sheets carry `integrity`.
//!
//! Subresource Integrity (W3C) §3.8. The application's own stays.

use std::fmt;

use http::HeaderValue;
use serde::Deserialize;

use crate::Error;
use crate::keyword::keywords;

keywords! {
    /// What must carry `integrity`.
    pub enum IntegrityDestination, "a destination" {
        /// Scripts.
        Script = "script",
        /// Style sheets.
        Style = "style",
    }
}

/// What is blocked that carries no `integrity`. No preset sends it: it blocks any page that does not
/// name the hash of each of its scripts. Default when switched on: scripts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntegrityPolicy {
    blocked_destinations: Vec<IntegrityDestination>,
    endpoints: Vec<String>,
}

impl IntegrityPolicy {
    /// Blocks scripts without `integrity`.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is blocked, in place of scripts only.
    #[must_use]
    pub fn blocked_destinations(mut self, destinations: Vec<IntegrityDestination>) -> Self {
        self.blocked_destinations = destinations;
        self
    }

    /// Adds the name of an endpoint of `Reporting-Endpoints` to which violations are reported.
    #[must_use]
    pub fn endpoint(mut self, name: impl Into<String>) -> Self {
        self.endpoints.push(name.into());
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.blocked_destinations.is_empty() {
            let error = Error::missing("a destination", "write `[\"script\"]`");
            return Err(error.at("blocked_destinations"));
        }
        let token = |b: u8| b.is_ascii_alphanumeric() || b"_-.*".contains(&b);
        match self
            .endpoints
            .iter()
            .find(|name| name.is_empty() || !name.bytes().all(token))
        {
            None => Ok(()),
            Some(name) => {
                let why = format!(
                    "`{}` cannot name an endpoint",
                    crate::error::printable(name)
                );
                Err(
                    Error::source(why, "write the name of one of `reporting-endpoints`")
                        .at("endpoints"),
                )
            }
        }
    }

    pub(crate) fn value(&self) -> Result<HeaderValue, Error> {
        self.check()?;
        let value = HeaderValue::try_from(self.to_string());
        value.map_err(|_| Error::form("a header value", "something else"))
    }
}

impl Default for IntegrityPolicy {
    fn default() -> Self {
        Self {
            blocked_destinations: vec![IntegrityDestination::Script],
            endpoints: Vec::new(),
        }
    }
}

impl fmt::Display for IntegrityPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self
            .blocked_destinations
            .iter()
            .map(|kind| kind.as_str())
            .collect();
        write!(f, "blocked-destinations=({})", kinds.join(" "))?;
        if !self.endpoints.is_empty() {
            write!(f, ", endpoints=({})", self.endpoints.join(" "))?;
        }
        Ok(())
    }
}
