//! What reports have said, as it is told to people and to `panoply csp`.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::kept;

/// What browsers have reported since a moment.
///
/// Anybody can send reports: this is what was said, not what was so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CspEvidence {
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// Reports in all.
    pub reports: u64,
    /// How many clients have sent some; of IPv6 a /64 is one client.
    pub clients: usize,
    /// Reports of browsers' extensions, which say nothing of the site.
    pub noise: u64,
    /// Reports of what found no place any more.
    pub unkept: u64,
    /// What was blocked, by directive.
    pub sightings: Vec<Sighting>,
}

/// One source that one directive has blocked, or would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sighting {
    /// The directive, such as `script-src-elem`.
    pub directive: String,
    /// An origin, or a word such as `inline`.
    pub source: String,
    /// Paths of pages that it was on, the first few; each behind its name where that has headers of its own.
    pub pages: Vec<String>,
    /// How many clients have reported it on each of these, and how often; less than there are pages where
    /// an earlier version has kept it.
    #[serde(default)]
    pub by_page: Vec<(usize, u64)>,
    /// Whether there were more pages.
    pub more_pages: bool,
    /// How many clients have reported it.
    pub clients: usize,
    /// Whether there may have been more of them.
    pub more_clients: bool,
    /// How often it was reported.
    pub reports: u64,
    /// How often of that it was blocked, and not only reported.
    pub enforced: u64,
    /// When it was reported first, in seconds since 1970.
    pub first: u64,
    /// When it was reported last.
    pub last: u64,
}

impl CspEvidence {
    /// What a gateway that does not run any more has left in its state directory, if any.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(state: &Path) -> io::Result<Option<Self>> {
        Ok(kept::read(state)?.map(|book| book.evidence()))
    }
}
