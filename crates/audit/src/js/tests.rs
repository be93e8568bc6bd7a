//! Whole apps, a few files each.

use std::fs;

use crate::finding::{Confidence, Place};
use crate::options::Options;
use crate::project::Project;
use crate::report::Report;

mod express;
mod headers;
mod language;
mod lost;
mod redirects;
mod robust;
mod rules;
mod settings;
mod untold;

/// A report on a project of these files.
fn report(files: &[(&str, &str)]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let project = Project::open(dir.path()).unwrap();
    let mut report = Report::new("test");
    super::check(
        &project,
        &Options::new().limiters(["slowDown".to_owned()]),
        &mut report,
    );
    report.sort();
    report
}

/// What is found: `file:line rule`, with a `?` behind what is not certain.
fn audit(files: &[(&str, &str)]) -> Vec<String> {
    let report = report(files);
    let shown = report.findings.iter().map(|finding| {
        let Place::Code(at) = &finding.place else {
            return finding.rule.id.to_owned();
        };
        let sure = if finding.confidence == Confidence::Certain {
            ""
        } else {
            "?"
        };
        format!(
            "{}:{} {}{sure}",
            at.source().path(),
            at.position().0,
            finding.rule.id
        )
    });
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown
}

/// What one group of rules finds.
fn of(group: &str, files: &[(&str, &str)]) -> Vec<String> {
    let mut all = audit(files);
    all.retain(|shown| shown.contains(&format!(" {group}")));
    all
}

/// What one group of rules finds in a single file.
fn one(group: &str, text: &str) -> Vec<String> {
    of(group, &[("app.js", text)])
}
