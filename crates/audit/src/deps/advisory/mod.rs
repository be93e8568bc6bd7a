//! What is known of versions: advisories, from whatever said them.

pub(crate) mod disk;
pub(crate) mod npm;
pub(crate) mod osv;
pub(crate) mod rustsec;

use std::collections::HashMap;

use nodejs_semver::{Range, Version};
use serde_json::Value;

use super::graph::Ecosystem;
use crate::rule::Severity;

/// What is known of some versions of a package.
#[derive(Debug, Clone)]
pub(crate) struct Advisory {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) package: String,
    pub(crate) ecosystem: Ecosystem,
    pub(crate) affected: Affected,
    /// None when whoever wrote it did not say.
    pub(crate) severity: Option<Severity>,
    pub(crate) kind: Kind,
}

/// What an advisory is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Hole,
    /// The package itself does harm, wherever it is installed.
    Malware,
    /// Nothing is open yet: nobody looks after it any more, or it can be misused.
    Notice,
}

/// Which versions it is about.
#[derive(Debug, Clone)]
pub(crate) enum Affected {
    /// A range as npm writes it, with its text.
    Npm(Range, String),
    /// OSV: from, up to, and versions by name.
    Osv(osv::Spans),
    /// `RustSec`: all but these.
    But(rustsec::Exempt),
}

impl Advisory {
    /// Whether it is about this version; nothing when the version cannot be read.
    pub(crate) fn affects(&self, version: &str) -> Option<bool> {
        match &self.affected {
            // As npm audit does: a prerelease lies where its numbers put it.
            Affected::Npm(range, _) => {
                let version = Version::parse(version).ok()?;
                Some(range.satisfies_with_prerelease(&version, true))
            }
            Affected::Osv(spans) => spans.contain(version),
            Affected::But(exempt) => exempt.affects(version),
        }
    }

    /// The lowest version above this one that is said to be free of it.
    pub(crate) fn fixed(&self, version: &str) -> Option<String> {
        let mut before = version.to_owned();
        // What one range ends with may lie in another.
        for _ in 0..MOST_RANGES {
            let fixed = self.next(&before)?;
            if self.affects(&fixed) == Some(false) {
                return Some(fixed);
            }
            before = fixed;
        }
        None
    }

    /// What the range ends with that this version lies in.
    fn next(&self, version: &str) -> Option<String> {
        match &self.affected {
            Affected::Npm(_, text) => npm::fixed(text, version),
            Affected::Osv(spans) => spans.fixed(version),
            Affected::But(exempt) => exempt.fixed(version),
        }
    }
}

/// Ranges that follow one on the other no longer.
const MOST_RANGES: usize = 64;

/// All advisories, by package.
#[derive(Debug, Default)]
pub(crate) struct Advisories {
    by: HashMap<(Ecosystem, String), Vec<Advisory>>,
}

impl Advisories {
    pub(crate) fn push(&mut self, advisory: Advisory) {
        let key = (advisory.ecosystem, advisory.package.clone());
        let of_package = self.by.entry(key).or_default();
        // The same hole may stand in several files.
        let known = of_package.iter().any(|known| {
            known.id == advisory.id
                && format!("{:?}", known.affected) == format!("{:?}", advisory.affected)
        });
        if !known {
            of_package.push(advisory);
        }
    }

    pub(crate) fn of(&self, ecosystem: Ecosystem, package: &str) -> &[Advisory] {
        let key = (ecosystem, package.to_owned());
        self.by.get(&key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn cover(&self, ecosystem: Ecosystem) -> bool {
        self.by.keys().any(|(of, _)| *of == ecosystem)
    }
}

/// How bad by a word: GitHub's and npm's.
pub(crate) fn by_word(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "critical" | "high" => Some(Severity::High),
        "moderate" | "medium" => Some(Severity::Medium),
        "low" => Some(Severity::Low),
        "info" | "none" => Some(Severity::Info),
        _ => None,
    }
}

/// How bad by a CVSS vector of any version.
pub(crate) fn by_vector(vector: &str) -> Option<Severity> {
    let cvss: cvss::Cvss = vector.parse().ok()?;
    by_word(cvss.severity().as_str())
}

/// The text under a key of JSON.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

#[cfg(test)]
mod tests;
