//! `--fix`: writes what a finding offers, where that cannot break the app.

mod diff;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::finding::{Edit, Fix, Place};
use crate::output::Masks;
use crate::report::Report;
use crate::source::Source;
use crate::write;

/// What is to be written into one file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Patch {
    /// The file.
    pub path: PathBuf,
    source: Arc<Source>,
    fixes: Vec<Fix>,
}

/// A file that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// What was done, in the imperative.
    pub titles: Vec<String>,
    /// The lines that went and came, as `diff` writes them.
    pub diff: String,
}

/// Why a file was left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotFixed {
    /// Somebody has written to it meanwhile.
    #[error("`{}` has changed since it was read; run the audit again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Patch {
    /// What the findings of a report offer, a patch a file.
    ///
    /// Of two fixes that write to the same place the first is taken; the next run has the other.
    pub fn all(report: &Report) -> Vec<Self> {
        let mut patches: BTreeMap<String, Self> = BTreeMap::new();
        for finding in &report.findings {
            let (Some(fix), Place::Code(_)) = (&finding.fix, &finding.place) else {
                continue;
            };
            let Some(source) = single_file(fix) else {
                continue;
            };
            let patch = patches
                .entry(source.path().to_owned())
                .or_insert_with(|| Self {
                    path: Path::new(&report.target).join(source.path()),
                    source: Arc::clone(source),
                    fixes: Vec::new(),
                });
            if !patch.fixes.contains(fix) && patch.takes(fix) {
                patch.fixes.push(fix.clone());
            }
        }
        patches
            .into_values()
            .filter(|patch| !patch.fixes.is_empty())
            .collect()
    }

    /// Whether a fix goes with those that are taken, and with itself.
    fn takes(&self, fix: &Fix) -> bool {
        let taken = self.fixes.iter().flat_map(|fix| &fix.edits);
        let mut edits: Vec<&Edit> = taken.chain(&fix.edits).collect();
        edits.sort_by_key(|edit| (edit.span().start, edit.span().end));
        // Two insertions at one place have no order of their own.
        edits.iter().zip(edits.iter().skip(1)).all(|(a, b)| {
            let (a, b) = (a.span(), b.span());
            a.end < b.start || (a.end == b.start && !(a.is_empty() || b.is_empty()))
        })
    }

    /// Writes it: the whole file or nothing, and only if it is what was audited.
    ///
    /// # Errors
    ///
    /// When the file was changed since it was read, or cannot be read or written.
    pub fn apply(&self, report: &Report) -> Result<Change, NotFixed> {
        let unreadable = |source| Error::Unreadable {
            path: self.path.clone(),
            source,
        };
        let now = fs::read_to_string(&self.path).map_err(unreadable)?;
        let (mark, text) = match now.strip_prefix('\u{feff}') {
            Some(text) => ("\u{feff}", text),
            None => ("", &*now),
        };
        if text != self.source.text() {
            let path = self.path.clone();
            return Err(NotFixed::Changed { path });
        }
        let edits = self.edits(text);
        let mut new = String::from(mark);
        let mut at = 0;
        for (span, put) in &edits {
            new.push_str(text.get(at..span.start).unwrap_or_default());
            new.push_str(put);
            at = span.end;
        }
        new.push_str(text.get(at..).unwrap_or_default());
        write::replace(&self.path, new.as_bytes()).map_err(|source| Error::Unwritable {
            path: self.path.clone(),
            source,
        })?;
        let masks = Masks::of(std::slice::from_ref(report));
        Ok(Change {
            path: self.path.clone(),
            titles: self
                .fixes
                .iter()
                .map(|fix| masks.text(&fix.title).into_owned())
                .collect(),
            diff: diff::diff(&self.source, &edits, &masks),
        })
    }

    /// What is written, in the order of the file and with its line ends.
    fn edits(&self, text: &str) -> Vec<(std::ops::Range<usize>, String)> {
        let crlf = text.contains("\r\n");
        let mut edits: Vec<_> = self
            .fixes
            .iter()
            .flat_map(|fix| &fix.edits)
            .map(|edit| {
                let put = edit.text.replace("\r\n", "\n");
                (
                    edit.span(),
                    if crlf { put.replace('\n', "\r\n") } else { put },
                )
            })
            .collect();
        edits.sort_by_key(|(span, _)| (span.start, span.end));
        edits
    }
}

/// The one file that all edits of a fix are in.
fn single_file(fix: &Fix) -> Option<&Arc<Source>> {
    let mut sources = fix.edits.iter().map(|edit| edit.place.source());
    let first = sources.next()?;
    sources
        .all(|other| other.path() == first.path())
        .then_some(first)
}

#[cfg(test)]
mod tests;
