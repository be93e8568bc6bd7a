//! Advisories as npm writes them: what `npm audit --json` saved, and what a registry answers.

use nodejs_semver::{Range, Version};
use serde_json::Value;

use super::{Advisory, Affected, Kind, by_vector, by_word, text};
use crate::deps::graph::Ecosystem;

/// What npm said of one lock file.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) advisories: Vec<Advisory>,
    /// How many packages it looked at.
    pub(crate) total: Option<u64>,
    /// What it could not say.
    pub(crate) unread: Vec<String>,
}

/// Whether it is what `npm audit --json` writes.
pub(super) fn is_saved(value: &Value) -> bool {
    value.get("auditReportVersion").is_some()
        || (value.get("advisories").is_some_and(Value::is_object)
            && value.get("metadata").is_some())
}

/// Reads what npm 6 or a later one saved.
pub(super) fn saved(value: &Value) -> Saved {
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let total = metadata.get("dependencies").and_then(|of| of.get("total"));
    let total = total.or_else(|| metadata.get("totalDependencies"));
    let mut saved = Saved {
        advisories: Vec::new(),
        total: total.and_then(Value::as_u64),
        unread: Vec::new(),
    };
    let old = value.get("advisories").and_then(Value::as_object);
    for one in old.into_iter().flatten().map(|(_, one)| one) {
        saved.take(text(one, "module_name"), one, "vulnerable_versions");
    }
    let new = value.get("vulnerabilities").and_then(Value::as_object);
    for one in new.into_iter().flatten().map(|(_, one)| one) {
        let via = one.get("via").and_then(Value::as_array);
        // A name instead of an advisory says which dependency it comes from, which is listed itself.
        for via in via.into_iter().flatten().filter(|via| via.is_object()) {
            saved.take(text(via, "name"), via, "range");
        }
    }
    saved
}

/// Reads what a registry answers to the bulk form.
pub(crate) fn bulk(value: &Value) -> Option<Saved> {
    let mut saved = Saved {
        advisories: Vec::new(),
        total: None,
        unread: Vec::new(),
    };
    for (name, list) in value.as_object()? {
        for one in list.as_array()? {
            saved.take(Some(name), one, "vulnerable_versions");
        }
    }
    Some(saved)
}

impl Saved {
    fn take(&mut self, name: Option<&str>, one: &Value, range: &str) {
        let id = id(one);
        let text_of_range = text(one, range).unwrap_or_default();
        let (Some(name), Ok(range)) = (name, Range::parse(text_of_range)) else {
            self.unread
                .push(format!("the versions of {id} are not understood"));
            return;
        };
        let vector = one.get("cvss").and_then(|cvss| text(cvss, "vectorString"));
        let word = text(one, "severity").and_then(by_word);
        let title = text(one, "title").unwrap_or_default();
        let is_malware = title.starts_with("Malware") || title.starts_with("Malicious");
        self.advisories.push(Advisory {
            id,
            title: title.to_owned(),
            package: name.to_owned(),
            ecosystem: Ecosystem::Npm,
            affected: Affected::Npm(range, text_of_range.to_owned()),
            severity: word.or_else(|| vector.and_then(by_vector)),
            kind: if is_malware {
                Kind::Malware
            } else {
                Kind::Hole
            },
        });
    }
}

/// GitHub's name for it where it is said, since npm's own number is known nowhere else.
fn id(one: &Value) -> String {
    if let Some(id) = text(one, "github_advisory_id") {
        return id.to_owned();
    }
    let last = text(one, "url").and_then(|url| url.rsplit('/').next());
    if let Some(id) = last.filter(|last| last.starts_with("GHSA-")) {
        return id.to_owned();
    }
    let number = one.get("id").or_else(|| one.get("source"));
    number.map_or_else(
        || "an advisory".to_owned(),
        |number| format!("npm advisory {number}"),
    )
}

/// The version behind the part of a range that this one lies in: `4.17.12` for `<4.17.12`.
pub(super) fn fixed(range: &str, version: &str) -> Option<String> {
    let version = Version::parse(version).ok()?;
    let mut parts = range.split("||");
    let part = parts.find(|part| {
        Range::parse(part).is_ok_and(|part| part.satisfies_with_prerelease(&version, true))
    })?;
    let (_, end) = part.rsplit_once('<')?;
    let end = end.split_whitespace().next()?;
    Version::parse(end).ok().map(|version| version.to_string())
}
