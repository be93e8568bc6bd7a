//! `Strict-Transport-Security`: that browsers come over HTTPS only.
//!
//! RFC 6797 §6.1. Sent over HTTPS only (§7.2). Of the application's and ours the longer `max-age`
//! holds, and `includeSubDomains` and `preload` when either says so.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;

use crate::Error;

const DAY: Duration = Duration::from_hours(24);

/// What is said of HSTS; what is left out stays as it would be: the preset's, or for a path the
/// site's.
///
/// ```
/// use panoply_headers::HstsConfig;
///
/// let hsts = HstsConfig::new().preload(true).build()?;
/// assert_eq!(hsts.value(), "max-age=31536000; includeSubDomains; preload");
/// # Ok::<(), panoply_headers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HstsConfig {
    #[serde(deserialize_with = "crate::text::duration")]
    max_age: Option<Duration>,
    include_subdomains: Option<bool>,
    preload: Option<bool>,
    local: Option<bool>,
    #[serde(skip)]
    lenient: bool,
}

impl HstsConfig {
    /// Helmet's: a year, with subdomains.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long browsers remember, in whole seconds; 365 days by default. Zero makes them forget.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether it holds for all subdomains too. On by default.
    #[must_use]
    pub fn include_subdomains(mut self, on: bool) -> Self {
        self.include_subdomains = Some(on);
        self
    }

    /// Whether the domain may be put on browsers' preload lists. Off by default; it takes months to
    /// be taken off again.
    #[must_use]
    pub fn preload(mut self, on: bool) -> Self {
        self.preload = Some(on);
        self
    }

    /// Whether it is sent under a certificate of the local authority too. Off by default: browsers
    /// would insist on HTTPS for every port of `localhost`.
    #[must_use]
    pub fn local(mut self, on: bool) -> Self {
        self.local = Some(on);
        self
    }

    /// Checks it.
    ///
    /// # Errors
    ///
    /// [`Error::Preload`] when `preload` stands without what the preload list asks for.
    pub fn build(&self) -> Result<Hsts, Error> {
        self.resolve(None)
    }

    /// Takes `preload` with whatever stands beside it, as Helmet does.
    pub(crate) fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// What it makes of `base`.
    pub(crate) fn resolve(&self, base: Option<&Hsts>) -> Result<Hsts, Error> {
        let base = base.cloned().unwrap_or_default();
        let hsts = Hsts {
            max_age: self.max_age.map_or(base.max_age, |age| age.as_secs()),
            include_subdomains: self.include_subdomains.unwrap_or(base.include_subdomains),
            preload: self.preload.unwrap_or(base.preload),
            local: self.local.unwrap_or(base.local),
        };
        if hsts.preload && !self.lenient && !hsts.is_preloadable() {
            return Err(Error::Preload { key: String::new() });
        }
        Ok(hsts)
    }
}

/// A checked HSTS policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hsts {
    max_age: u64,
    include_subdomains: bool,
    preload: bool,
    local: bool,
}

impl Hsts {
    /// The value as it is sent.
    pub fn value(&self) -> HeaderValue {
        HeaderValue::try_from(self.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("max-age=31536000; includeSubDomains"))
    }

    /// How long browsers remember.
    pub const fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age)
    }

    /// Whether it is sent under a certificate of the local authority too.
    pub(crate) const fn is_local(&self) -> bool {
        self.local
    }

    pub(crate) const fn includes_subdomains(&self) -> bool {
        self.include_subdomains
    }

    pub(crate) const fn is_preload(&self) -> bool {
        self.preload
    }

    /// What <https://hstspreload.org> asks for.
    pub(crate) fn is_preloadable(&self) -> bool {
        self.max_age() >= DAY * 365 && self.include_subdomains
    }

    /// The stricter of both in each part.
    pub(crate) fn joined(&self, other: &Self) -> Self {
        Self {
            max_age: self.max_age.max(other.max_age),
            include_subdomains: self.include_subdomains || other.include_subdomains,
            preload: self.preload || other.preload,
            local: self.local,
        }
    }

    /// Reads an application's value (RFC 6797 §6.1); nothing when a browser would ignore it.
    pub(crate) fn read(value: &HeaderValue) -> Option<Self> {
        let mut max_age = None;
        let mut hsts = Self {
            max_age: 0,
            include_subdomains: false,
            preload: false,
            local: false,
        };
        for directive in value.to_str().ok()?.split(';') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" if max_age.is_none() => {
                    let digits = value.trim().trim_matches('"');
                    max_age = Some(digits.parse().ok()?);
                }
                "max-age" => return None,
                "includesubdomains" => hsts.include_subdomains = true,
                "preload" => hsts.preload = true,
                _ => {}
            }
        }
        hsts.max_age = max_age?;
        Some(hsts)
    }
}

impl Default for Hsts {
    fn default() -> Self {
        Self {
            max_age: 365 * DAY.as_secs(),
            include_subdomains: true,
            preload: false,
            local: false,
        }
    }
}

impl fmt::Display for Hsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max-age={}", self.max_age)?;
        if self.include_subdomains {
            f.write_str("; includeSubDomains")?;
        }
        if self.preload {
            f.write_str("; preload")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preload_needs_a_year_and_subdomains() {
        let short = HstsConfig::new().preload(true).max_age(DAY * 364);
        assert_eq!(short.build(), Err(Error::Preload { key: String::new() }));
        let alone = HstsConfig::new().preload(true).include_subdomains(false);
        assert!(alone.build().is_err());
        assert!(alone.lenient().build().is_ok());
    }

    #[test]
    fn the_stricter_of_each_part_holds() {
        let read = |text| Hsts::read(&HeaderValue::from_static(text));
        let app = read("max-age=63072000").unwrap();
        let both = app.joined(&Hsts::default());
        assert_eq!(both.value(), "max-age=63072000; includeSubDomains");
        assert_eq!(
            read("MAX-AGE=\"5\" ; PreLoad").unwrap().value(),
            "max-age=5; preload"
        );
        assert_eq!(read("includeSubDomains"), None);
        assert_eq!(read("max-age=1; max-age=2"), None);
        assert_eq!(read("max-age=soon"), None);
    }
}
