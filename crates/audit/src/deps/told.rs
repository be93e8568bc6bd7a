//! What is said of a version with known holes, and what to do about it.

use nodejs_semver::Version;

use super::advisory::{Advisory, Kind as About};
use super::inventory::Inventory;
use super::lock::{Kind, Lock};
use crate::finding::{Finding, Place};
use crate::rule::Severity;
use crate::rules::deps::{EXPRESS_VULNERABLE, VULNERABLE};
use crate::source::Location;

/// How many advisories of one version are told with their titles.
const TOLD: usize = 6;

/// What is told of one version, with all that is known of it.
pub(super) fn finding(
    inventory: &Inventory,
    lock: &Lock,
    at: usize,
    hits: &[&Advisory],
) -> Finding {
    let package = lock.graph.packages.get(at);
    let (name, version) = package.map_or(("", ""), |package| (&*package.name, &*package.version));
    let is_dev = package.is_some_and(|package| package.dev);
    let is_direct = package.is_some_and(|package| package.direct);
    let mut hits = hits.to_vec();
    hits.sort_by_key(|advisory| (std::cmp::Reverse(severity(advisory)), advisory.id.clone()));
    let told = hits.iter().take(TOLD).map(|advisory| {
        let fixed = advisory
            .fixed(version)
            .map(|fixed| format!(" (fixed in {fixed})"));
        let title = &advisory.title;
        let title = if title.is_empty() {
            String::new()
        } else {
            format!(" {title}")
        };
        format!("{}{title}{}", advisory.id, fixed.unwrap_or_default())
    });
    let mut list = told.collect::<Vec<_>>().join("; ");
    if let Some(more) = hits.len().checked_sub(TOLD).filter(|more| *more > 0) {
        let ids = hits.iter().skip(TOLD).map(|advisory| advisory.id.as_str());
        list = format!(
            "{list}; and {more} more: {}",
            ids.collect::<Vec<_>>().join(", ")
        );
    }
    let chain = lock.graph.chain(at);
    let way = match (is_direct || chain == name, is_dev) {
        (true, false) => String::new(),
        (true, true) => " (for development alone)".to_owned(),
        (false, false) => format!(" ({chain})"),
        (false, true) => format!(" ({chain}, for development alone)"),
    };
    let worst = hits
        .iter()
        .map(|advisory| severity(advisory))
        .max()
        .unwrap_or(Severity::Medium);
    let is_malware = hits.iter().any(|advisory| advisory.kind == About::Malware);
    // What is for development alone meets no request, but malware runs where it is installed.
    let worst = if is_dev && !is_malware {
        worst.min(Severity::Info)
    } else {
        worst
    };
    let rule = if name == "express" && lock.kind != Kind::Cargo {
        &EXPRESS_VULNERABLE
    } else {
        &VULNERABLE
    };
    let place = package.map_or(0..0, |package| package.span.clone());
    let place = Place::Code(Location::new(&lock.source, place));
    let mut finding = Finding::new(rule, place, format!("`{name}` {version}{way}: {list}"))
        .severity(worst)
        .help(help(lock, name, version, is_direct, &chain, &hits));
    let asked = inventory.manifests.iter().find_map(|manifest| {
        let is_of = inventory
            .lock_of(manifest.dir())
            .is_some_and(|of| of.source.path() == lock.source.path());
        is_of
            .then(|| manifest.place(chain.split(" > ").next().unwrap_or_default()))
            .flatten()
    });
    if let Some(asked) = asked {
        finding = finding.related(asked, "asked for here");
    }
    finding
}

/// How bad; what nobody rated is taken for the middle.
fn severity(advisory: &Advisory) -> Severity {
    match advisory.kind {
        About::Notice => Severity::Info,
        About::Malware => Severity::High,
        About::Hole => advisory.severity.unwrap_or(Severity::Medium),
    }
}

fn help(
    lock: &Lock,
    name: &str,
    version: &str,
    is_direct: bool,
    chain: &str,
    hits: &[&Advisory],
) -> String {
    if hits.iter().any(|advisory| advisory.kind == About::Malware) {
        return format!(
            "Take `{name}` out now, and change every secret of the machines it was installed on."
        );
    }
    let fixed: Option<Vec<String>> = hits
        .iter()
        .map(|advisory| advisory.fixed(version))
        .collect();
    let fixed = fixed.and_then(|all| {
        let key = |version: &String| Version::parse(version).ok();
        all.into_iter().max_by_key(key)
    });
    let Some(fixed) = fixed else {
        let who = chain.split(" > ").next().unwrap_or(name);
        return format!(
            "Not all of it is fixed in a version that is known here: do without `{name}`, or look whether a newer `{who}` does."
        );
    };
    let install = lock.kind.install(name, &fixed);
    if is_direct || lock.kind == Kind::Cargo {
        let more = if lock.kind == Kind::Cargo {
            "; raise it in Cargo.toml if that forbids it"
        } else {
            ""
        };
        return format!("`{install}`{more}");
    }
    let who = chain.split(" > ").next().unwrap_or(name);
    let update = match lock.kind {
        Kind::Npm => "npm audit fix".to_owned(),
        Kind::Yarn => format!("yarn up -R {name}"),
        Kind::Pnpm => format!("pnpm update {name} --depth Infinity"),
        _ => format!("bun update {name}"),
    };
    format!(
        "`{update}`, which has to take `{name}` to {fixed} or later; if `{who}` does not allow it, update `{who}`"
    )
}
