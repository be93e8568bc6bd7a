//! Which Node.js the app is started with.

pub(super) mod docker;
mod lines;

use std::ops::Range;
use std::sync::Arc;

use nodejs_semver::Range as Versions;
use panoply_core::Clock;

use self::lines::{LINES, Line};
use super::inventory::Inventory;
use super::manifest;
use crate::finding::{Confidence, Finding, Place};
use crate::project::{Project, is_sample};
use crate::report::Report;
use crate::rules::runtime::NODE_EOL;
use crate::source::{Location, Source};

pub(super) fn check(
    project: &Project,
    inventory: &Inventory,
    clock: &dyn Clock,
    report: &mut Report,
) {
    let mut check = Check { clock, report };
    for path in project
        .paths()
        .filter(|path| !is_sample(path) && !is_for_development(path))
    {
        let name = manifest::name(path);
        let is_dockerfile = docker::is_dockerfile(name);
        if !is_dockerfile && !matches!(name, ".nvmrc" | ".node-version" | ".tool-versions") {
            continue;
        }
        let Some(source) = project.read(path) else {
            continue;
        };
        match name {
            _ if is_dockerfile => check.docker(&source),
            ".tool-versions" => check.tool_versions(&source),
            _ => check.version_file(&source),
        }
    }
    for manifest in inventory
        .manifests
        .iter()
        .filter(|manifest| manifest.is_app())
    {
        let entry = |group: &str| {
            let group = manifest.doc().at(group).map();
            group.and_then(|group| group.get("node")).cloned()
        };
        if let Some(entry) = entry("volta")
            && let Some(version) = entry.value.text()
        {
            check.version(&manifest.source, entry.key, version, "Volta starts");
        }
        if let Some(entry) = entry("engines")
            && let Some(range) = entry.value.text()
        {
            check.engines(&manifest.source, entry.key, range);
        }
    }
}

fn is_for_development(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = manifest::name(&lower);
    let words = name.split(['.', '-', '_']);
    lower.starts_with(".devcontainer/")
        || (name.contains("dockerfile")
            && words
                .into_iter()
                .any(|word| matches!(word, "dev" | "development" | "test" | "local" | "ci")))
}

struct Check<'a> {
    clock: &'a dyn Clock,
    report: &'a mut Report,
}

impl Check<'_> {
    fn docker(&mut self, source: &Arc<Source>) {
        let Some(image) = docker::last_image(source.text()) else {
            return;
        };
        let Some((version, is_official)) = docker::node_version(&image.name) else {
            return;
        };
        let Some(line) = lines::line(&version).filter(|line| line.has_ended(self.clock)) else {
            return;
        };
        let message = format!("the image is built on `{}`: {}", image.name, line.ended());
        let newest = lines::recommended(self.clock);
        let help = format!("`FROM node:{newest}-slim`, and try the app with it");
        let sure = if is_official {
            Confidence::Certain
        } else {
            Confidence::Likely
        };
        self.push(source, image.span, message, help, sure);
    }

    fn version_file(&mut self, source: &Arc<Source>) {
        let lines = source
            .text()
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim());
        if let Some(version) = lines.into_iter().find(|line| !line.is_empty()) {
            let version = version.to_owned();
            self.version(source, span_of(source, &version), &version, "it names");
        }
    }

    fn tool_versions(&mut self, source: &Arc<Source>) {
        for line in source.text().lines() {
            let mut words = line.split_whitespace();
            if matches!(words.next(), Some("nodejs" | "node"))
                && let Some(version) = words.next()
            {
                self.version(source, span_of(source, line), version, "it names");
            }
        }
    }

    /// One version, or the name of a line.
    fn version(&mut self, source: &Arc<Source>, span: Range<usize>, version: &str, who: &str) {
        let Some(line) = lines::line(version).filter(|line| line.has_ended(self.clock)) else {
            return;
        };
        let message = format!("{who} Node.js `{version}`: {}", line.ended());
        let newest = lines::recommended(self.clock);
        let help = format!("Write `{newest}` there, and try the app with it.");
        self.push(source, span, message, help, Confidence::Likely);
    }

    /// A range: what it merely allows is not what runs, unless it allows nothing else.
    fn engines(&mut self, source: &Arc<Source>, span: Range<usize>, range: &str) {
        let Ok(versions) = Versions::parse(range) else {
            return;
        };
        let later = LINES.last().map_or(0, |line| line.major + 1);
        let later = Versions::parse(format!(">={later}.0.0"));
        if later.is_ok_and(|later| versions.allows_any(&later)) {
            return;
        }
        let allowed = LINES
            .iter()
            .filter(|line| line.versions().is_some_and(|of| versions.allows_any(&of)));
        let Some(newest) = allowed.max_by_key(|line| line.end) else {
            return;
        };
        if newest.has_ended(self.clock) {
            let message = format!(
                "`engines` allows Node.js `{range}` alone: {}",
                newest.ended()
            );
            let help = format!(
                "`\"node\": \">={}\"`, and try the app with it",
                lines::recommended(self.clock)
            );
            self.push(source, span, message, help, Confidence::Likely);
        }
    }

    fn push(
        &mut self,
        source: &Arc<Source>,
        span: Range<usize>,
        message: String,
        help: String,
        sure: Confidence,
    ) {
        let place = Place::Code(Location::new(source, span));
        let finding = Finding::new(&NODE_EOL, place, message);
        self.report.push(finding.help(help).confidence(sure));
    }
}

fn span_of(source: &Source, text: &str) -> Range<usize> {
    let start = source.text().find(text).unwrap_or_default();
    start..start + text.len()
}

impl Line {
    fn ended(&self) -> String {
        let Self { major, end, .. } = self;
        format!("Node.js {major} got its last fixes on {end}")
    }
}

#[cfg(test)]
mod tests;
