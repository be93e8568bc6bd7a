//! Apps without a lock file, and lock files that do not go with their app.

use nodejs_semver::{Range, Version};

use super::graph::Ecosystem;
use super::inventory::Inventory;
use super::lock::{Kind, NAMES};
use super::manager;
use super::manifest::{self, Manifest};
use crate::finding::{Confidence, Finding, Place};
use crate::project::Project;
use crate::report::Report;
use crate::rule::Severity;
use crate::rules::deps::NO_LOCKFILE;
use crate::source::Location;

/// A repository is nested no deeper above a part of it that is looked at alone.
const MAX_ABOVE: usize = 12;
/// What disagrees besides the first is shown up to here.
const MAX_SHOWN: usize = 20;

pub(super) fn check(project: &Project, inventory: &Inventory, report: &mut Report) {
    for manifest in &inventory.manifests {
        let Some((.., span)) = manifest.production().next() else {
            continue;
        };
        let place = Place::Code(Location::new(&manifest.source, span));
        match inventory.lock_dir(manifest.dir()) {
            Some(dir) if dir == manifest.dir() => {
                ignored(project, dir, place, report);
                disagreeing(inventory, manifest, report);
            }
            Some(dir) if has_workspaces(project, inventory, dir) => {}
            Some(_) if !manifest.is_app() => {}
            Some(dir) => {
                let above = if dir.is_empty() { "." } else { dir };
                let path = manifest.source.path();
                let message = format!(
                    "`{path}` has no lock file, and that in `{above}` is of an app without workspaces"
                );
                report.push(
                    Finding::new(&NO_LOCKFILE, place, message).confidence(Confidence::Possible),
                );
            }
            None if !manifest.is_app() || is_locked_above(project, Ecosystem::Npm) => {}
            None => report.push(missing(project, manifest, place)),
        }
    }
    for dir in &inventory.programs {
        if inventory.nearest(Ecosystem::Cargo, dir).is_some()
            || is_locked_above(project, Ecosystem::Cargo)
        {
            continue;
        }
        let path = manifest::join(dir, "Cargo.toml");
        let Some(source) = project.read(&path) else {
            continue;
        };
        let message = format!("`{path}` is of a program, and there is no Cargo.lock");
        let finding = Finding::new(
            &NO_LOCKFILE,
            Place::Code(Location::new(&source, 0..0)),
            message,
        );
        report.push(
            finding.help(
                "Commit the Cargo.lock that `cargo build` writes, and build with `--locked`.",
            ),
        );
    }
}

fn missing(project: &Project, manifest: &Manifest, place: Place) -> Finding {
    let path = manifest.source.path();
    let npmrc = project.read(&manifest::join(manifest.dir(), ".npmrc"));
    let off = npmrc.is_some_and(|npmrc| {
        let mut lines = npmrc.text().lines().map(|line| line.replace(' ', ""));
        lines.any(|line| line == "package-lock=false")
    });
    if off {
        let message =
            format!("`{path}` has no lock file: `package-lock=false` in .npmrc forbids it");
        let finding = Finding::new(&NO_LOCKFILE, place, message);
        return finding.help("Take `package-lock=false` out of .npmrc, run `npm install`, and commit package-lock.json.");
    }
    // A package that npm unpacked never has one, however it was made.
    let is_private = manifest.doc().at("private").is_true();
    let sure = if is_private {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    let message = format!("`{path}` has dependencies, and there is no lock file for them");
    let finding = Finding::new(&NO_LOCKFILE, place, message).confidence(sure);
    match manager::of(project, manifest.dir()) {
        Kind::Npm => finding,
        other => finding.help(format!(
            "Commit the lock file that `{}` writes.",
            other.install_all()
        )),
    }
}

/// A lock file that lies there but is kept out of the repository.
fn ignored(project: &Project, dir: &str, place: Place, report: &mut Report) {
    let there = NAMES.iter().filter(|(_, kind)| *kind != Kind::Cargo);
    let mut there = there
        .map(|(name, _)| manifest::join(dir, name))
        .filter(|path| project.has(path));
    let Some(path) = there.next() else { return };
    let is_listed = |path: &String| project.paths().any(|listed| listed == path);
    if is_listed(&path) || there.any(|path| is_listed(&path)) {
        return;
    }
    let message = format!("`{path}` is there, but git ignores it: nobody else gets it");
    let finding = Finding::new(&NO_LOCKFILE, place, message);
    report.push(finding.help(format!(
        "Take `{}` out of .gitignore, and commit it.",
        manifest::name(&path)
    )));
}

/// Direct dependencies whose locked version is not the one that is asked for; one finding for all of them.
fn disagreeing(inventory: &Inventory, manifest: &Manifest, report: &mut Report) {
    let Some(lock) = inventory.lock_of(manifest.dir()) else {
        return;
    };
    let mut all = Vec::new();
    for (name, wanted, span) in manifest.production() {
        let Ok(range) = Range::parse(wanted) else {
            continue;
        };
        let locked: Vec<&str> = lock
            .graph
            .packages
            .iter()
            .filter(|package| package.name == name)
            .map(|package| package.version.as_str())
            .collect();
        let fits = |version: &&str| {
            Version::parse(version).map_or(true, |version| range.satisfies(&version))
        };
        let message = match locked[..] {
            // An optional one that does not go with this system, or an alias.
            [] if manifest
                .doc()
                .at("optionalDependencies")
                .at(name)
                .text()
                .is_some() =>
            {
                continue;
            }
            [] => format!(
                "`{name}` {wanted} is asked for, but is not in `{}`",
                lock.source.path()
            ),
            _ if locked.iter().any(fits) => continue,
            [version, ..] => {
                format!(
                    "`{name}` {wanted} is asked for, but `{}` has {version}",
                    lock.source.path()
                )
            }
        };
        all.push((name, wanted, Location::new(&manifest.source, span), message));
    }
    let count = all.len();
    let mut all = all.into_iter();
    let Some((name, wanted, place, message)) = all.next() else {
        return;
    };
    let place = Place::Code(place);
    let (message, how) = match count - 1 {
        0 => (message, lock.kind.install(name, wanted)),
        1 => (
            format!("{message}, and 1 more is wrong"),
            lock.kind.install_all(),
        ),
        more => (
            format!("{message}, and {more} more are wrong"),
            lock.kind.install_all(),
        ),
    };
    let mut finding = Finding::new(&NO_LOCKFILE, place, message).severity(Severity::Info);
    for (.., place, message) in all.take(MAX_SHOWN) {
        finding = finding.related(place, message);
    }
    let help = format!("Bring them together: `{how}`.");
    report.push(finding.confidence(Confidence::Likely).help(help));
}

/// Whether what lies below a folder is installed together with it.
fn has_workspaces(project: &Project, inventory: &Inventory, dir: &str) -> bool {
    let mut manifests = inventory.manifests.iter();
    let of_dir = manifests.find(|manifest| manifest.dir() == dir);
    of_dir.is_some_and(Manifest::has_workspaces)
        || ["pnpm-workspace.yaml", "lerna.json"]
            .iter()
            .any(|name| project.has(&manifest::join(dir, name)))
}

/// Whether a folder above the target, in the same repository, has a lock file.
fn is_locked_above(project: &Project, ecosystem: Ecosystem) -> bool {
    let Ok(root) = project.root().canonicalize() else {
        return false;
    };
    for dir in root.ancestors().take(MAX_ABOVE) {
        let of = NAMES
            .iter()
            .filter(|(_, kind)| kind.ecosystem() == ecosystem);
        let mut names = of.map(|(name, _)| name);
        if dir != root && names.any(|name| dir.join(name).is_file()) {
            return true;
        }
        if dir.join(".git").exists() {
            return false;
        }
    }
    false
}
