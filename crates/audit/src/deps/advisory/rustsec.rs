//! Advisories as `RustSec` writes them: Markdown with TOML in front.

use semver::{Comparator, Op, Version, VersionReq};
use serde::Deserialize;

use super::{Advisory, Affected, Kind, by_vector};
use crate::deps::graph::Ecosystem;

/// Versions that an advisory is not about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exempt {
    patched: Vec<VersionReq>,
    unaffected: Vec<VersionReq>,
}

impl Exempt {
    pub(super) fn affects(&self, version: &str) -> Option<bool> {
        let version = Version::parse(version).ok()?;
        let mut all = self.patched.iter().chain(&self.unaffected);
        Some(!all.any(|requirement| lies_in(&version, requirement)))
    }

    /// The lowest patched version above this one.
    pub(super) fn fixed(&self, version: &str) -> Option<String> {
        let version = Version::parse(version).ok()?;
        let lower = self.patched.iter().filter_map(|requirement| {
            let mut bounds = requirement.comparators.iter().filter_map(bounds);
            bounds.find_map(|(from, _)| from)
        });
        let above = lower.filter(|from| *from > version);
        above.min().map(|version| version.to_string())
    }
}

/// Whether a version lies in a range by its numbers.
///
/// `VersionReq` leaves out prereleases that are not named, which would have a prerelease of a patched
/// line count as one that is not patched.
fn lies_in(version: &Version, requirement: &VersionReq) -> bool {
    requirement.comparators.iter().all(|comparator| {
        bounds(comparator).is_some_and(|(from, to)| {
            let not_below = from.is_none_or(|from| version.cmp_precedence(&from).is_ge());
            not_below && to.is_none_or(|to| version.cmp_precedence(&to).is_lt())
        })
    })
}

type Bounds = (Option<Version>, Option<Version>);

/// From and to, the end not in it; nothing for what is not known here.
fn bounds(comparator: &Comparator) -> Option<Bounds> {
    let Comparator {
        op,
        major,
        minor,
        patch,
        pre,
    } = comparator;
    let (major, full) = (*major, minor.is_some() && patch.is_some());
    let low = Version {
        pre: pre.clone(),
        ..Version::new(major, minor.unwrap_or(0), patch.unwrap_or(0))
    };
    // The first version behind all that begin with what is written.
    let next = match (minor, patch) {
        (None, _) => Version::new(major.saturating_add(1), 0, 0),
        (Some(minor), None) => Version::new(major, minor.saturating_add(1), 0),
        (Some(minor), Some(patch)) if pre.is_empty() => {
            first(Version::new(major, *minor, patch.saturating_add(1)))
        }
        (Some(_), Some(_)) => just_above(&low),
    };
    Some(match op {
        Op::Greater => (Some(next), None),
        Op::GreaterEq => (Some(low), None),
        Op::Less => (None, Some(low)),
        Op::LessEq => (None, Some(next)),
        Op::Tilde if full => (
            Some(low),
            Some(Version::new(major, minor.unwrap_or(0).saturating_add(1), 0)),
        ),
        Op::Exact | Op::Wildcard | Op::Tilde => (Some(low), Some(next)),
        Op::Caret => {
            let end = match (major, minor, patch) {
                (0, None, _) => Version::new(1, 0, 0),
                (0, Some(0), Some(patch)) => Version::new(0, 0, patch.saturating_add(1)),
                (0, Some(minor), _) => Version::new(0, minor.saturating_add(1), 0),
                (major, ..) => Version::new(major.saturating_add(1), 0, 0),
            };
            (Some(low), Some(end))
        }
        _ => return None,
    })
}

/// The lowest prerelease of a version.
fn first(mut version: Version) -> Version {
    version.pre = semver::Prerelease::new("0").unwrap_or_default();
    version
}

/// The lowest version above a prerelease.
fn just_above(version: &Version) -> Version {
    let pre = semver::Prerelease::new(&format!("{}.0", version.pre));
    Version {
        pre: pre.unwrap_or_default(),
        ..version.clone()
    }
}

#[derive(Deserialize)]
struct File {
    advisory: About,
    #[serde(default)]
    versions: Versions,
}

#[derive(Deserialize)]
struct About {
    id: String,
    package: String,
    title: Option<String>,
    collection: Option<String>,
    cvss: Option<String>,
    informational: Option<String>,
    withdrawn: Option<toml::Value>,
}

#[derive(Deserialize, Default)]
struct Versions {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

/// Whether the text is that of an advisory of the database.
pub(super) fn is_rustsec(text: &str) -> bool {
    text.trim_start().starts_with("```toml") && text.contains("[advisory]")
}

/// Adds what a file says; says what it could not read.
pub(super) fn read(text: &str, add: &mut impl FnMut(Advisory)) -> Result<(), String> {
    let front = text.trim_start().strip_prefix("```toml").unwrap_or(text);
    let (front, body) = front.split_once("```").unwrap_or((front, ""));
    let file: File = toml::from_str(front).map_err(|error| error.message().to_owned())?;
    let about = file.advisory;
    let is_other = about.collection.as_deref().is_some_and(|of| of != "crates");
    if about.withdrawn.is_some() || is_other {
        return Ok(());
    }
    let all = |list: &[String]| {
        let read = list.iter().map(|text| VersionReq::parse(text));
        read.collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("the versions of {} are not understood: {error}", about.id))
    };
    let exempt = Exempt {
        patched: all(&file.versions.patched)?,
        unaffected: all(&file.versions.unaffected)?,
    };
    let title = body.lines().find_map(|line| line.strip_prefix("# "));
    let title = title.or(about.title.as_deref()).unwrap_or_default();
    add(Advisory {
        title: title.trim().to_owned(),
        package: about.package,
        ecosystem: Ecosystem::Cargo,
        affected: Affected::But(exempt),
        severity: about.cvss.as_deref().and_then(by_vector),
        kind: if about.informational.is_some() {
            Kind::Notice
        } else {
            Kind::Hole
        },
        id: about.id,
    });
    Ok(())
}
