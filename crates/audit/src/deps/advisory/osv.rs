//! Advisories as OSV writes them, <https://ossf.github.io/osv-schema/>.

use nodejs_semver::Version;
use serde_json::Value;

use super::{Advisory, Affected, Kind, by_vector, by_word, text};
use crate::deps::graph::Ecosystem;

/// Versions from one to another, and single ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spans {
    spans: Vec<Span>,
    versions: Vec<String>,
}

/// From a version, which is in it, to another.
#[derive(Debug, Clone)]
struct Span {
    /// None: from the first.
    from: Option<Version>,
    to: End,
}

#[derive(Debug, Clone)]
enum End {
    Open,
    /// It is not in it any more.
    Fixed(Version),
    /// It is the last one in it.
    Last(Version),
}

impl Span {
    fn contains(&self, version: &Version) -> bool {
        let begun = self.from.as_ref().is_none_or(|from| from <= version);
        begun
            && match &self.to {
                End::Open => true,
                End::Fixed(to) => version < to,
                End::Last(to) => version <= to,
            }
    }
}

impl Spans {
    pub(super) fn contain(&self, version: &str) -> Option<bool> {
        if self.versions.iter().any(|known| known == version) {
            return Some(true);
        }
        let version = Version::parse(version).ok()?;
        Some(self.spans.iter().any(|span| span.contains(&version)))
    }

    pub(super) fn fixed(&self, version: &str) -> Option<String> {
        let version = Version::parse(version).ok()?;
        let ends = self.spans.iter().filter_map(|span| match &span.to {
            End::Fixed(to) if span.contains(&version) => Some(to),
            _ => None,
        });
        ends.max().map(ToString::to_string)
    }

    /// The events of one range, in whatever order they stand.
    fn events(&mut self, events: &[Value]) -> Option<()> {
        let mut introduced: Vec<Option<Version>> = Vec::new();
        let mut ends: Vec<End> = Vec::new();
        for event in events {
            if let Some(from) = text(event, "introduced") {
                introduced.push(match from {
                    "0" => None,
                    from => Some(Version::parse(from).ok()?),
                });
            }
            if let Some(to) = text(event, "fixed") {
                ends.push(End::Fixed(Version::parse(to).ok()?));
            }
            if let Some(to) = text(event, "last_affected") {
                ends.push(End::Last(Version::parse(to).ok()?));
            }
        }
        for from in introduced {
            let after = |end: &&End| match (end, &from) {
                (End::Open, _) => false,
                (_, None) => true,
                (End::Fixed(to), Some(from)) => to > from,
                (End::Last(to), Some(from)) => to >= from,
            };
            let key = |end: &&End| match end {
                End::Fixed(to) | End::Last(to) => Some(to.clone()),
                End::Open => None,
            };
            let to = ends.iter().filter(after).min_by_key(key);
            let to = to.cloned().unwrap_or(End::Open);
            self.spans.push(Span { from, to });
        }
        Some(())
    }
}

/// Whether it is the JSON of an advisory of OSV.
pub(super) fn is_osv(value: &Value) -> bool {
    text(value, "id").is_some() && value.get("affected").is_some_and(Value::is_array)
}

/// Adds what a file says of npm and crates.io; says what it could not read.
pub(super) fn read(value: &Value, add: &mut impl FnMut(Advisory)) -> Result<(), String> {
    let id = text(value, "id").unwrap_or_default();
    if value.get("withdrawn").is_some_and(Value::is_string) {
        return Ok(());
    }
    let affected = value.get("affected").and_then(Value::as_array);
    for of_package in affected.into_iter().flatten() {
        let package = of_package.get("package").unwrap_or(&Value::Null);
        let ecosystem = match text(package, "ecosystem") {
            Some("npm") => Ecosystem::Npm,
            Some("crates.io") => Ecosystem::Cargo,
            _ => continue,
        };
        let Some(name) = text(package, "name") else {
            continue;
        };
        let mut spans = Spans::default();
        let versions = of_package.get("versions").and_then(Value::as_array);
        let versions = versions.into_iter().flatten().filter_map(Value::as_str);
        spans.versions = versions.map(str::to_owned).collect();
        let ranges = of_package.get("ranges").and_then(Value::as_array);
        for range in ranges.into_iter().flatten() {
            if !matches!(text(range, "type"), Some("SEMVER" | "ECOSYSTEM")) {
                continue;
            }
            let events = range.get("events").and_then(Value::as_array);
            let events = events.map(Vec::as_slice).unwrap_or_default();
            let understood = spans.events(events);
            understood.ok_or_else(|| format!("the versions of {id} are not understood"))?;
        }
        if spans.spans.is_empty() && spans.versions.is_empty() {
            return Err(format!("{id} names no versions of `{name}`"));
        }
        let own = of_package.get("database_specific").unwrap_or(&Value::Null);
        let whole = value.get("database_specific").unwrap_or(&Value::Null);
        let word = text(whole, "severity").or_else(|| text(own, "severity"));
        let vectors = [value, of_package]
            .into_iter()
            .filter_map(|at| at.get("severity")?.as_array());
        let vectors = vectors
            .flatten()
            .filter_map(|one| by_vector(text(one, "score")?));
        let title = text(value, "summary").or_else(|| text(value, "details")?.lines().next());
        let kind = if id.starts_with("MAL-") {
            Kind::Malware
        } else if text(own, "informational").is_some() {
            Kind::Notice
        } else {
            Kind::Hole
        };
        add(Advisory {
            id: id.to_owned(),
            title: title.unwrap_or_default().trim().to_owned(),
            package: name.to_owned(),
            ecosystem,
            affected: Affected::Osv(spans),
            severity: word.and_then(by_word).or_else(|| vectors.max()),
            kind,
        });
    }
    Ok(())
}
