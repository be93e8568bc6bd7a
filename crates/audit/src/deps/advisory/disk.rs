//! Advisories from a file or a folder that a person names.

use std::fs;
use std::path::Path;

use ignore::WalkBuilder;
use serde_json::Value;

use super::npm::{self, Saved};
use super::{Advisories, Advisory, osv, rustsec};
use crate::deps::graph::Ecosystem;

/// No advisory is longer; what `npm audit` saved may be.
const MAX_BYTES: u64 = 64 << 20;
/// More than all that were ever published.
const MAX_FILES: usize = 2_000_000;
/// How many of the files that are not understood are named.
const NAMED: usize = 3;

/// What a file or a folder says.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) advisories: Advisories,
    /// What `npm audit` saved: it is about one lock file alone.
    pub(crate) saved: Vec<(String, Saved)>,
    /// Ecosystems that a database was given for.
    pub(crate) covers: Vec<Ecosystem>,
    /// What could not be read, and why.
    pub(crate) unread: Vec<String>,
    more_unread: usize,
}

impl Found {
    /// Reads all that is there.
    pub(crate) fn read(path: &Path) -> Self {
        let mut found = Self::default();
        if path.is_file() {
            found.file(path, true);
        } else if path.is_dir() {
            found.folder(path);
        } else {
            found
                .unread
                .push(format!("`{}` cannot be read", path.display()));
        }
        if found.more_unread > 0 {
            let more = format!("and {} more files", found.more_unread);
            found.unread.push(more);
        }
        for ecosystem in [Ecosystem::Npm, Ecosystem::Cargo] {
            if found.advisories.cover(ecosystem) {
                found.covers.push(ecosystem);
            }
        }
        found
    }

    fn folder(&mut self, path: &Path) {
        let walker = WalkBuilder::new(path)
            .standard_filters(false)
            .hidden(true)
            .build();
        for (count, entry) in walker.enumerate() {
            let Ok(entry) = entry else {
                self.unreadable("a folder in it cannot be read".to_owned());
                continue;
            };
            if count > MAX_FILES {
                self.unread
                    .push(format!("`{}` holds too many files", path.display()));
                break;
            }
            let ending = entry.path().extension().and_then(|ending| ending.to_str());
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            if is_file && matches!(ending, Some("json" | "md" | "toml")) {
                self.file(entry.path(), false);
            }
        }
    }

    /// Reads a file; of those in a folder, what is something else is no fault.
    fn file(&mut self, path: &Path, is_named: bool) {
        let name = path.display().to_string();
        let small = fs::metadata(path).is_ok_and(|about| about.len() <= MAX_BYTES);
        let text = small.then(|| fs::read_to_string(path)).and_then(Result::ok);
        let Some(text) = text else {
            self.unreadable(format!("`{name}` is no text, or longer than any advisory"));
            return;
        };
        let advisories = &mut self.advisories;
        let mut add = |advisory: Advisory| advisories.push(advisory);
        if rustsec::is_rustsec(&text) {
            if let Err(error) = rustsec::read(&text, &mut add) {
                self.unreadable(format!("`{name}`: {error}"));
            }
            return;
        }
        // Most files of a whole database are about other languages.
        let concerns = ["npm", "crates.io", "advisories", "vulnerabilities"];
        if !is_named && !concerns.iter().any(|word| text.contains(word)) {
            return;
        }
        let value: Value = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(error) if is_named || path.extension().is_some_and(|ending| ending == "json") => {
                self.unreadable(format!(
                    "`{name}` is neither JSON nor an advisory of RustSec: {error}"
                ));
                return;
            }
            Err(_) => return,
        };
        if npm::is_saved(&value) {
            self.saved.push((name, npm::saved(&value)));
            return;
        }
        let list = value
            .as_array()
            .map_or(std::slice::from_ref(&value), Vec::as_slice);
        let mut errors = Vec::new();
        let mut is_osv = false;
        for one in list.iter().filter(|one| osv::is_osv(one)) {
            is_osv = true;
            errors.extend(osv::read(one, &mut add).err());
        }
        if !is_osv && is_named {
            errors.push(
                "it is neither OSV nor RustSec, nor what `npm audit --json` writes".to_owned(),
            );
        }
        for error in errors {
            self.unreadable(format!("`{name}`: {error}"));
        }
    }

    fn unreadable(&mut self, why: String) {
        if self.unread.len() < NAMED {
            self.unread.push(why);
        } else {
            self.more_unread += 1;
        }
    }
}

/// Reads text as each form that there is.
#[cfg(any(test, fuzzing))]
pub(crate) fn each(text: &str, mut of: impl FnMut(&Advisory)) {
    let mut add = |advisory: Advisory| of(&advisory);
    let _ = rustsec::read(text, &mut add);
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let _ = osv::read(&value, &mut add);
        npm::saved(&value).advisories.into_iter().for_each(&mut add);
        let bulk = npm::bulk(&value).map(|saved| saved.advisories);
        bulk.into_iter().flatten().for_each(&mut add);
    }
}
