//! Known holes in what the lock files name.

use std::collections::BTreeMap;

use nodejs_semver::Version;

use super::advisory::disk::Found;
use super::advisory::npm::Saved;
use super::advisory::{Advisories, Advisory};
use super::graph::Ecosystem;
use super::inventory::Inventory;
use super::lock::{Kind, Lock};
use super::registry::npmrc::{Registry, Surroundings};
use super::registry::{self, NoAnswer, Question};
use super::{manifest, told};
use crate::options::Options;
use crate::project::Project;
use crate::report::Report;
use crate::rules::deps::{EXPRESS_VULNERABLE, VULNERABLE};

const TAKE: &str = "give advisories with `--advisories FILE|DIR`";

pub(super) fn check(
    project: &Project,
    inventory: &Inventory,
    options: &Options,
    around: &Surroundings<'_>,
    report: &mut Report,
) {
    let check = Check { inventory };
    for (path, kind, reason) in &inventory.unread {
        check.not_checked(kind.ecosystem(), format!("`{path}` {reason}"), report);
    }
    let unlocked = inventory.manifests.iter().find(|manifest| {
        manifest.is_app()
            && manifest.production().next().is_some()
            && inventory.lock_dir(manifest.dir()).is_none()
    });
    if let Some(manifest) = unlocked {
        let path = manifest.source.path();
        let reason = format!(
            "no lock file says which versions `{path}` brings in; run `npm install` and commit it"
        );
        check.not_checked(Ecosystem::Npm, reason, report);
    }
    let mut programs = inventory.programs.iter();
    if let Some(dir) = programs.find(|dir| inventory.nearest(Ecosystem::Cargo, dir).is_none()) {
        let path = manifest::join(dir, "Cargo.toml");
        let reason = format!(
            "no Cargo.lock here says which versions `{path}` brings in; audit the workspace's folder"
        );
        check.not_checked(Ecosystem::Cargo, reason, report);
    }
    if inventory
        .locks
        .iter()
        .all(|lock| lock.graph.packages.is_empty())
    {
        return;
    }
    if let Some(path) = &options.advisories {
        check.by_files(&Found::read(path), report);
    } else {
        check.by_registry(project, options, around, report);
        if inventory.locks.iter().any(|lock| lock.kind == Kind::Cargo) {
            let reason = format!(
                "no advisories for Cargo.lock: {TAKE}, such as a clone of RustSec's advisory-db"
            );
            check.not_checked(Ecosystem::Cargo, reason, report);
        }
    }
}

struct Check<'a> {
    inventory: &'a Inventory,
}

impl Check<'_> {
    fn locks(&self, ecosystem: Ecosystem) -> impl Iterator<Item = &Lock> {
        let locks = self.inventory.locks.iter();
        locks.filter(move |lock| {
            lock.kind.ecosystem() == ecosystem && !lock.graph.packages.is_empty()
        })
    }

    fn not_checked(&self, ecosystem: Ecosystem, reason: String, report: &mut Report) {
        let uses = |name: &str| {
            let mut packages = self
                .inventory
                .locks
                .iter()
                .flat_map(|lock| &lock.graph.packages);
            let mut manifests = self.inventory.manifests.iter();
            packages.any(|package| package.name == name)
                || manifests.any(|manifest| manifest.production().any(|(asked, ..)| asked == name))
        };
        if ecosystem == Ecosystem::Npm && uses("express") {
            report.not_checked(&EXPRESS_VULNERABLE, reason.clone());
        }
        report.not_checked(&VULNERABLE, reason);
    }

    fn by_files(&self, found: &Found, report: &mut Report) {
        for reason in &found.unread {
            for ecosystem in [Ecosystem::Npm, Ecosystem::Cargo] {
                if self.locks(ecosystem).next().is_some() {
                    self.not_checked(
                        ecosystem,
                        format!("of the advisories given, {reason}"),
                        report,
                    );
                }
            }
        }
        for ecosystem in [Ecosystem::Npm, Ecosystem::Cargo] {
            for lock in self.locks(ecosystem) {
                let covered = found.covers.contains(&ecosystem);
                if covered {
                    self.compare(lock, &found.advisories, report);
                }
                let of_lock = ecosystem == Ecosystem::Npm && !found.saved.is_empty();
                if of_lock {
                    self.by_saved(lock, &found.saved, covered, report);
                } else if !covered {
                    let path = lock.source.path();
                    let reason = format!(
                        "the advisories given are not about {}, where what `{path}` names comes from",
                        ecosystem.osv()
                    );
                    self.not_checked(ecosystem, reason, report);
                }
            }
        }
    }

    /// What `npm audit` saved says something of the lock file it was made for alone.
    fn by_saved(&self, lock: &Lock, saved: &[(String, Saved)], covered: bool, report: &mut Report) {
        let path = lock.source.path();
        let mut whole = covered;
        let mut reasons = Vec::new();
        for (file, saved) in saved {
            let mut advisories = Advisories::default();
            saved
                .advisories
                .iter()
                .cloned()
                .for_each(|advisory| advisories.push(advisory));
            self.compare(lock, &advisories, report);
            for reason in &saved.unread {
                self.not_checked(Ecosystem::Npm, format!("of `{file}`, {reason}"), report);
            }
            let packages = &lock.graph.packages;
            let here = |advisory: &Advisory| {
                let mut of_name = packages
                    .iter()
                    .filter(|package| package.name == advisory.package);
                of_name.any(|package| advisory.affects(&package.version) == Some(true))
            };
            let total = packages.len() as u64;
            // npm counts the app itself or not, by its version.
            let other = saved.total.is_some_and(|of| of.abs_diff(total) > 1);
            if let Some(stranger) = saved.advisories.iter().find(|advisory| !here(advisory)) {
                let name = &stranger.package;
                reasons.push(format!("`{file}` was made for another lock file than `{path}`: it names a `{name}` that is not in it"));
            } else if other {
                let of = saved.total.unwrap_or_default();
                reasons.push(format!("`{file}` was made for another lock file than `{path}`: it is about {of} packages, not {total}"));
            } else if saved.advisories.is_empty() {
                reasons.push(format!(
                    "`{file}` names no advisory, as what `npm audit` writes without a connection: {TAKE} in OSV's form"
                ));
            } else {
                whole = true;
            }
        }
        if !whole {
            for reason in reasons {
                self.not_checked(Ecosystem::Npm, reason, report);
            }
        }
    }

    fn by_registry(
        &self,
        project: &Project,
        options: &Options,
        around: &Surroundings<'_>,
        report: &mut Report,
    ) {
        let mut question = Question::new();
        for package in self
            .locks(Ecosystem::Npm)
            .flat_map(|lock| &lock.graph.packages)
        {
            if Version::parse(&package.version).is_ok() {
                let versions = question.entry(package.name.clone()).or_default();
                versions.insert(package.version.clone());
            } else if package.version.contains("://") || package.version.starts_with("git") {
                let reason = format!(
                    "`{}` does not come from a registry, and no advisory names such versions",
                    package.name
                );
                report.not_checked(&VULNERABLE, reason);
            }
        }
        if question.is_empty() {
            return;
        }
        if options.offline {
            let reason = format!("no registry may be asked (`--offline`): {TAKE}");
            self.not_checked(Ecosystem::Npm, reason, report);
            return;
        }
        let registry = Registry::find(project.root(), around);
        match registry::ask(&registry, &question) {
            Ok(saved) => {
                let mut advisories = Advisories::default();
                saved
                    .advisories
                    .into_iter()
                    .for_each(|advisory| advisories.push(advisory));
                for lock in self.locks(Ecosystem::Npm) {
                    self.compare(lock, &advisories, report);
                }
                for reason in saved.unread {
                    self.not_checked(Ecosystem::Npm, reason, report);
                }
            }
            Err(error) => {
                let reason = format!(
                    "the registry `{}` says nothing: {}; {TAKE}",
                    registry.url,
                    causes(&error)
                );
                self.not_checked(Ecosystem::Npm, reason, report);
            }
        }
    }

    fn compare(&self, lock: &Lock, advisories: &Advisories, report: &mut Report) {
        let ecosystem = lock.kind.ecosystem();
        let mut worst: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (at, package) in lock.graph.packages.iter().enumerate() {
            // Of several copies the one that is nearest to production speaks.
            let rank = |at: usize| {
                let package = lock.graph.packages.get(at);
                package.map(|package| (package.dev, !package.direct))
            };
            let first = worst.entry((&package.name, &package.version)).or_insert(at);
            if rank(at) < rank(*first) {
                *first = at;
            }
        }
        for ((name, version), at) in worst {
            let mut hits = Vec::new();
            for advisory in advisories.of(ecosystem, name) {
                match advisory.affects(version) {
                    Some(true) => hits.push(advisory),
                    Some(false) => {}
                    None if version.is_empty() => {}
                    None => {
                        let reason = format!(
                            "`{name}` has the version `{version}`, which cannot be compared with {}",
                            advisory.id
                        );
                        self.not_checked(ecosystem, reason, report);
                    }
                }
            }
            if !hits.is_empty() {
                report.push(told::finding(self.inventory, lock, at, &hits));
            }
        }
    }
}

/// An error with what caused it.
fn causes(error: &NoAnswer) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    // Chains of clients are a handful long.
    for _ in 0..8 {
        let Some(cause) = source else { break };
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
