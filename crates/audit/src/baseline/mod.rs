//! What an app already lacked when it began to be audited: known, and not reported again.

mod fingerprint;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::finding::{Finding, Place};
use crate::report::{Report, Suppressed, SuppressedBy};
use crate::rule::Seen;
use crate::rules;
use crate::source::{Location, Source};
use crate::write;

pub(crate) use fingerprint::fingerprints;

/// Findings that are known, by fingerprints that survive lines that move.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Baseline {
    entries: Vec<Entry>,
    /// The file that it was read from, to point into it.
    source: Option<Arc<Source>>,
}

/// A known finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: String,
    /// The file or the path of an address, for whoever reads it; the fingerprint decides.
    place: String,
    fingerprint: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    findings: Vec<Entry>,
}

/// No baseline that a person keeps is larger.
const MAX_BYTES: u64 = 64 << 20;

impl Baseline {
    /// The findings of reports.
    pub fn of(reports: &[Report]) -> Self {
        let mut entries = Vec::new();
        for report in reports {
            // The audit's own notes are to be put right, not kept.
            let findings = || report.findings.iter().filter(|f| f.rule.group() != "audit");
            for (finding, fingerprint) in findings().zip(fingerprints(findings())) {
                entries.push(Entry {
                    rule: finding.rule.id.to_owned(),
                    place: place(&finding.place),
                    fingerprint,
                });
            }
        }
        entries.sort();
        Self {
            entries,
            source: None,
        }
    }

    /// Reads one that was written.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no baseline.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable {
            path: path.to_owned(),
            source,
        };
        let size = fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_BYTES {
            let source = std::io::Error::other("it is larger than 64 MiB");
            return Err(unreadable(source));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let no_baseline = |source| Error::NoBaseline {
            path: path.to_owned(),
            source,
        };
        let file: File = serde_json::from_str(&text).map_err(no_baseline)?;
        if file.schema != 1 {
            let source = serde::de::Error::custom(format_args!("unknown schema {}", file.schema));
            return Err(no_baseline(source));
        }
        // Absolute, so that it is not looked for in the target.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self {
            entries: file.findings,
            source: Some(Source::new(path.to_string_lossy(), text)),
        })
    }

    /// Writes it, whole or not at all; one finding a line, sorted, so that git can merge it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write::replace(path, self.text().as_bytes()).map_err(|source| Error::Unwritable {
            path: path.to_owned(),
            source,
        })
    }

    /// How many findings it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let lines = self.entries.iter().filter_map(|entry| {
            let line = serde_json::to_string(entry).ok()?;
            Some(format!("    {line}"))
        });
        let lines = lines.collect::<Vec<_>>().join(",\n");
        let lines = if lines.is_empty() {
            lines
        } else {
            format!("\n{lines}\n  ")
        };
        format!("{{\n  \"schema\": 1,\n  \"findings\": [{lines}]\n}}\n")
    }

    /// Takes away what is known, and reports what is known and not there any more.
    pub fn apply(&self, reports: &mut [Report]) {
        // As often as an entry is written it takes a finding away.
        let mut known: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.entries.iter().rev() {
            known.entry(&entry.fingerprint).or_default().push(entry);
        }
        for report in &mut *reports {
            let marks = fingerprints(report.findings.iter());
            let findings = std::mem::take(&mut report.findings);
            for (finding, mark) in findings.into_iter().zip(marks) {
                let entry = known.get_mut(&*mark).and_then(Vec::pop);
                if entry.is_some() {
                    let by = SuppressedBy::Baseline;
                    report.suppressed.push(Suppressed { finding, by });
                } else {
                    report.findings.push(finding);
                }
            }
        }
        let gone: Vec<&Entry> = known.into_values().flatten().collect();
        let stale: Vec<Finding> = gone
            .into_iter()
            .filter(|entry| is_decidable(entry, reports))
            .map(|entry| self.stale(entry))
            .collect();
        if let Some(report) = reports.first_mut() {
            report.findings.extend(stale);
        }
        for report in reports {
            report.sort();
        }
    }

    fn stale(&self, entry: &Entry) -> Finding {
        let at = self.source.as_ref().and_then(|source| {
            let start = source.text().find(&entry.fingerprint)?;
            Some(Location::new(
                source,
                start..start + entry.fingerprint.len(),
            ))
        });
        let message = format!(
            "the baseline has {} in `{}`, which is not there any more",
            entry.rule, entry.place
        );
        let place = at.map_or(Place::Target, Place::Code);
        Finding::new(&rules::audit::STALE_BASELINE, place, message)
    }
}

/// Whether what these reports looked at would have shown a finding again.
fn is_decidable(entry: &Entry, reports: &[Report]) -> bool {
    let live = entry.place.starts_with('/');
    let Some(rule) = crate::rule(&entry.rule) else {
        return true;
    };
    let mut looked = reports.iter().filter(|report| report.is_site() == live);
    let refused = |report: &&Report| report.not_checked.iter().any(|not| not.rule.id == rule.id);
    match rule.seen {
        Seen::Live if !live => reports.iter().any(Report::is_site),
        _ => looked.clone().next().is_some() && !looked.any(|report| refused(&report)),
    }
}

/// Where a finding is, without the lines, which move, and the host, which differs from stage to stage.
fn place(place: &Place) -> String {
    match place {
        Place::Code(at) => at.source().path().to_owned(),
        Place::Url(url) => fingerprint::path(url).to_owned(),
        Place::Target => String::new(),
    }
}

#[cfg(test)]
mod tests;
