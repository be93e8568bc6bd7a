//! For programs; the form is described by `docs/audit-report.schema.json`.

use serde_json::{Value, json};

use super::{Look, Masks};
use crate::baseline::fingerprints;
use crate::finding::{Finding, Place};
use crate::report::{Grade, Report, SuppressedBy};
use crate::source::Location;

/// The number of the form; it changes when a program that reads it has to.
const SCHEMA: u32 = 1;

/// The findings as one JSON document.
pub fn json(reports: &[Report], look: &Look) -> String {
    let masks = Masks::of(reports);
    let mut findings = Vec::new();
    let mut suppressed = Vec::new();
    let mut not_checked = Vec::new();
    for report in reports {
        let known = fingerprints(report.findings.iter());
        for (finding, fingerprint) in report.findings.iter().zip(known) {
            findings.push(entry(report, finding, &fingerprint, &masks));
        }
        let known = fingerprints(report.suppressed.iter().map(|entry| &entry.finding));
        for (taken, fingerprint) in report.suppressed.iter().zip(known) {
            let mut entry = entry(report, &taken.finding, &fingerprint, &masks);
            let (by, reason) = match &taken.by {
                SuppressedBy::Comment(reason) => ("comment", reason.as_deref()),
                SuppressedBy::Baseline => ("baseline", None),
            };
            if let Some(entry) = entry.as_object_mut() {
                entry.insert("suppressed_by".into(), by.into());
                entry.insert("reason".into(), reason.into());
            }
            suppressed.push(entry);
        }
        for entry in &report.not_checked {
            not_checked.push(json!({
                "rule": entry.rule.id,
                "target": report.target,
                "reason": masks.text(&entry.reason),
            }));
        }
    }
    let targets: Vec<&str> = reports.iter().map(|report| &*report.target).collect();
    let grade = reports.iter().find_map(|report| report.grade.as_ref());
    let document = json!({
        "schema": SCHEMA,
        "target": targets.join(" "),
        "findings": findings,
        "not_checked": not_checked,
        "grade": grade.map(graded),
        "suppressed": suppressed,
        "targets": reports.iter().map(target).collect::<Vec<_>>(),
        "tool": { "name": "panoply", "version": env!("CARGO_PKG_VERSION") },
        "seconds": look.elapsed.map(|elapsed| elapsed.as_secs_f64()),
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn target(report: &Report) -> Value {
    json!({
        "target": report.target,
        "files": report.files,
        "grade": report.grade.as_ref().map(graded),
    })
}

fn graded(grade: &Grade) -> Value {
    let tests = grade
        .tests
        .iter()
        .map(|(name, result, points)| json!({ "name": name, "result": result, "points": points }));
    json!({
        "letter": grade.letter,
        "score": grade.score,
        "tests": tests.collect::<Vec<_>>(),
    })
}

fn entry(report: &Report, finding: &Finding, fingerprint: &str, masks: &Masks) -> Value {
    let at = match &finding.place {
        Place::Code(at) => Some(at),
        Place::Url(_) | Place::Target => None,
    };
    let position = at.map(Location::position);
    let end = at.map(|at| at.source().position(at.span().end));
    let url = match &finding.place {
        Place::Url(url) => Some(url),
        Place::Code(_) | Place::Target => None,
    };
    let related = finding.related.iter().map(|related| {
        let (line, column) = related.place.position();
        json!({
            "file": related.place.source().path(),
            "line": line,
            "column": column,
            "message": masks.text(&related.label),
        })
    });
    json!({
        "rule": finding.rule.id,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "target": report.target,
        "file": at.map(|at| at.source().path()),
        "line": position.map(|(line, _)| line),
        "column": position.map(|(_, column)| column),
        "end_line": end.map(|(line, _)| line),
        "end_column": end.map(|(_, column)| column),
        "url": url,
        "message": masks.text(&finding.message),
        "why": finding.rule.why,
        "help": masks.text(&finding.help),
        "article": finding.rule.article.heading(),
        "article_url": finding.rule.article.url(),
        "related": related.collect::<Vec<_>>(),
        "fix": finding.fix.as_ref().map(|fix| masks.text(&fix.title)),
        "fingerprint": fingerprint,
    })
}
