//! `Public-Key-Pins`: keys that a site's certificate must have had.
//!
//! RFC 7469. Every browser has taken it out (Chrome 72, Firefox 72): a lost key made a site
//! unreachable for months, and an attacker could pin a key of his own. It is here for those who
//! still send what Helmet 3's `hpkp` sent.

use std::fmt;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::Error;
use crate::error::check_characters;

/// Pins, as Helmet 3's `hpkp` took them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublicKeyPinsConfig {
    #[serde(deserialize_with = "crate::text::duration")]
    max_age: Option<Duration>,
    sha256s: Vec<String>,
    include_subdomains: bool,
    report_uri: Option<String>,
    report_only: bool,
}

impl PublicKeyPinsConfig {
    /// No pins yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long browsers remember; must be said.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Adds the SHA-256 of a public key, in base64. There must be two: one in use, one kept aside.
    #[must_use]
    pub fn sha256(mut self, pin: impl Into<String>) -> Self {
        self.sha256s.push(pin.into());
        self
    }

    /// Whether it holds for all subdomains too. Off by default.
    #[must_use]
    pub fn include_subdomains(mut self, on: bool) -> Self {
        self.include_subdomains = on;
        self
    }

    /// Where violations are reported.
    #[must_use]
    pub fn report_uri(mut self, uri: impl Into<String>) -> Self {
        self.report_uri = Some(uri.into());
        self
    }

    /// Only reports; needs a `report_uri`. Off by default.
    #[must_use]
    pub fn report_only(mut self, on: bool) -> Self {
        self.report_only = on;
        self
    }

    /// Checks it.
    ///
    /// # Errors
    ///
    /// Without an age, with fewer than two pins, or with `report_only` and nowhere to report to.
    pub fn build(&self) -> Result<PublicKeyPins, Error> {
        let missing = |what, instead, key| Err(Error::missing(what, instead).at(key));
        if self.max_age.is_none_or(|age| age.is_zero()) {
            return missing("an age above zero", "write `max_age = \"90d\"`", "max_age");
        }
        if self.sha256s.len() < 2 {
            return missing(
                "a second pin",
                "name the key in use and one kept as a backup",
                "sha256s",
            );
        }
        if self.report_only && self.report_uri.as_deref().unwrap_or("").is_empty() {
            return missing("where to report to", "write `report_uri`", "report_uri");
        }
        for pin in &self.sha256s {
            check_characters(pin, &['"', ';']).map_err(|error| error.at("sha256s"))?;
        }
        if let Some(uri) = &self.report_uri {
            check_characters(uri, &['"', ';']).map_err(|error| error.at("report_uri"))?;
        }
        Ok(PublicKeyPins(self.clone()))
    }
}

/// Checked pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeyPins(PublicKeyPinsConfig);

impl PublicKeyPins {
    /// The header they are sent in.
    pub(crate) fn name(&self) -> HeaderName {
        HeaderName::from_static(if self.0.report_only {
            "public-key-pins-report-only"
        } else {
            "public-key-pins"
        })
    }

    pub(crate) fn value(&self) -> Result<HeaderValue, Error> {
        let value = HeaderValue::try_from(self.to_string());
        value.map_err(|_| Error::form("a header value", "something else"))
    }
}

impl fmt::Display for PublicKeyPins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pin in &self.0.sha256s {
            write!(f, "pin-sha256=\"{pin}\"; ")?;
        }
        let age = self.0.max_age.unwrap_or_default();
        let seconds = age.as_secs() + u64::from(age.subsec_millis() >= 500);
        write!(f, "max-age={seconds}")?;
        if self.0.include_subdomains {
            f.write_str("; includeSubDomains")?;
        }
        match &self.0.report_uri {
            Some(uri) if !uri.is_empty() => write!(f, "; report-uri=\"{uri}\""),
            _ => Ok(()),
        }
    }
}
