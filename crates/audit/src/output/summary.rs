//! The last lines of a report: how many, what was not looked at, and what to do next.

use std::fmt::Write as _;

use super::{Look, visible};
use crate::report::{Report, SuppressedBy};
use crate::rule::Severity;

/// The severities, the worst first.
pub(super) const WORST_FIRST: [Severity; 4] = [
    Severity::High,
    Severity::Medium,
    Severity::Low,
    Severity::Info,
];

/// How many findings there are, in a line.
pub fn summary(reports: &[Report], look: &Look) -> String {
    let mut line = counts(reports);
    let files: usize = reports.iter().map(|report| report.files).sum();
    let targets = reports.iter().map(|report| visible(&report.target));
    let targets = targets.collect::<Vec<_>>().join(" and ");
    // Writing to a string does not fail.
    let _ = match files {
        0 => write!(line, " in {targets}"),
        1 => write!(line, " in 1 file of {targets}"),
        _ => write!(line, " in {files} files of {targets}"),
    };
    if let Some(elapsed) = look.elapsed {
        let _ = write!(line, ", {:.1} s", elapsed.as_secs_f64());
    }
    line
}

/// `2 high, 1 low`, or that there is nothing.
pub(super) fn counts(reports: &[Report]) -> String {
    let count = |severity| reports.iter().map(|report| report.count(severity)).sum();
    let counts: Vec<String> = WORST_FIRST
        .into_iter()
        .map(|severity| (severity, count(severity)))
        .filter(|(_, count): &(Severity, usize)| *count > 0)
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    if counts.is_empty() {
        "nothing found".to_owned()
    } else {
        counts.join(", ")
    }
}

/// What could not be checked, a reason at a time, with the rules that it is the reason for.
pub(super) fn not_checked(reports: &[Report]) -> Vec<(Vec<&'static str>, String)> {
    let mut reasons: Vec<(Vec<&'static str>, String)> = Vec::new();
    for entry in reports.iter().flat_map(|report| &report.not_checked) {
        let known = reasons
            .iter_mut()
            .find(|(_, reason)| *reason == entry.reason);
        match known {
            Some((rules, _)) if rules.contains(&entry.rule.id) => {}
            Some((rules, _)) => rules.push(entry.rule.id),
            None => reasons.push((vec![entry.rule.id], entry.reason.clone())),
        }
    }
    reasons
}

/// What targets of this kind cannot show, and what to give for that.
pub(super) fn unseen(reports: &[Report]) -> Option<String> {
    let site = reports.iter().any(Report::is_site);
    let source = reports.iter().any(|report| !report.is_site());
    let targets = reports.iter().map(|report| visible(&report.target));
    let targets = targets.collect::<Vec<_>>().join(" ");
    match (site, source) {
        (false, true) => Some(format!(
            "what the running site answers was not looked at; give its address too: \
             `panoply audit {targets} https://…`"
        )),
        (true, false) => Some(format!(
            "what stands in the code was not looked at; give its folder too: \
             `panoply audit ./app {targets}`"
        )),
        _ => None,
    }
}

/// How many findings were taken away, and by what.
pub(super) fn suppressed(reports: &[Report]) -> Option<String> {
    let all = || reports.iter().flat_map(|report| &report.suppressed);
    let baseline = all()
        .filter(|entry| entry.by == SuppressedBy::Baseline)
        .count();
    let comments = all().count() - baseline;
    let by = |count: usize, what: &str| (count > 0).then(|| format!("{count} by {what}"));
    let by: Vec<String> = [
        by(comments, "comments in the code"),
        by(baseline, "the baseline"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!by.is_empty()).then(|| by.join(", "))
}

/// How many findings `--fix` can put right.
pub(super) fn fixable(reports: &[Report]) -> usize {
    let findings = reports.iter().flat_map(|report| &report.findings);
    findings.filter(|finding| finding.fix.is_some()).count()
}
