//! What a person may say of an audit.

use std::path::PathBuf;

use jiff::civil::Date;
use panoply_core::{Clock as _, SystemClock};

/// What is looked at and believed; all of it may be left as it is.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// Functions of the app's own that limit logins, by name.
    pub limiters: Vec<String>,
    /// Advisories on disk: a file or a folder of OSV or `RustSec` files, or the output of `npm audit --json`.
    pub advisories: Option<PathBuf>,
    /// Whether a registry may be asked for advisories.
    pub offline: bool,
    /// The day on which suppressions have come to their end or not; today when `None`.
    pub today: Option<Date>,
}

impl Options {
    /// Nothing said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names functions of the app's own that limit logins.
    #[must_use]
    pub fn limiters(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.limiters = names.into_iter().collect();
        self
    }

    /// Takes advisories from a file or a folder.
    #[must_use]
    pub fn advisories(mut self, path: impl Into<PathBuf>) -> Self {
        self.advisories = Some(path.into());
        self
    }

    /// Asks no registry for advisories.
    #[must_use]
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self
    }

    /// Audits as if it was this day.
    #[must_use]
    pub fn today(mut self, today: Date) -> Self {
        self.today = Some(today);
        self
    }

    /// The day that counts, in UTC.
    pub(crate) fn date(&self) -> Date {
        let now = || jiff::Timestamp::try_from(SystemClock::new().wall()).unwrap_or_default();
        let today = || now().to_zoned(jiff::tz::TimeZone::UTC).date();
        self.today.unwrap_or_else(today)
    }
}
