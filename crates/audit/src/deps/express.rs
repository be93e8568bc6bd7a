//! Lines of Express that get no fixes any more.

use jiff::civil::{Date, date};
use nodejs_semver::{Range, Version};
use panoply_core::Clock;

use super::inventory::Inventory;
use super::{is_past, manager, manifest};
use crate::finding::{Finding, Place};
use crate::project::Project;
use crate::report::Report;
use crate::rules::deps::EXPRESS_EOL;
use crate::source::Location;

/// The newest line that has ended, and its last day; older ones ended before it.
const LAST_ENDED: (u64, Date) = (3, date(2015, 7, 31));

pub(super) fn check(
    project: &Project,
    inventory: &Inventory,
    clock: &dyn Clock,
    report: &mut Report,
) {
    let (line, end) = LAST_ENDED;
    if !is_past(end, clock) {
        return;
    }
    for lock in &inventory.locks {
        for (at, package) in lock.graph.packages.iter().enumerate() {
            let major = Version::parse(&package.version).map(|version| version.major());
            if package.name != "express" || package.dev || !major.is_ok_and(|major| major <= line) {
                continue;
            }
            let version = &package.version;
            let chain = lock.graph.chain(at);
            let message = if package.direct {
                format!(
                    "`express` {version} is of a line that ended in {}",
                    ended(version)
                )
            } else {
                format!(
                    "`express` {version} ({chain}) is of a line that ended in {}",
                    ended(version)
                )
            };
            let place = Location::new(&lock.source, package.span.clone());
            report.push(finding(project, place, message));
        }
    }
    let supported = Range::parse(format!(">={}.0.0-0", line + 1));
    for manifest in &inventory.manifests {
        if inventory.lock_of(manifest.dir()).is_some() {
            continue;
        }
        let express = manifest.production().find(|(name, ..)| *name == "express");
        let Some((_, wanted, span)) = express else {
            continue;
        };
        let (Ok(range), Ok(supported)) = (Range::parse(wanted), &supported) else {
            continue;
        };
        if range.allows_any(supported) {
            continue;
        }
        let message = format!(
            "`express` {wanted} allows only lines that ended in {} or before",
            ended("3")
        );
        let place = Location::new(&manifest.source, span);
        report.push(finding(project, place, message));
    }
}

fn finding(project: &Project, place: Location, message: String) -> Finding {
    let kind = manager::of(project, manifest::parent(place.source().path()));
    let install = kind.install("express", "5");
    let finding = Finding::new(&EXPRESS_EOL, Place::Code(place), message);
    finding.help(format!(
        "Move to Express 5, or at least to the newest 4: `{install}`."
    ))
}

/// When the line of a version ended.
fn ended(version: &str) -> String {
    let (_, end) = LAST_ENDED;
    let month = end.strftime("%B %Y");
    if version.starts_with('3') {
        month.to_string()
    } else {
        format!("{month} at the latest")
    }
}
