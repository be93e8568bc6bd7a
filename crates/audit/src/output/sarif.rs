//! SARIF 2.1.0, for code scanning and editors.

use serde_json::{Value, json};

use super::place::path_in;
use super::{Look, Masks};
use crate::baseline::fingerprints;
use crate::finding::{Confidence, Finding, Place};
use crate::report::{Report, SuppressedBy};
use crate::rule::{Rule, Severity};
use crate::rules::RULES;
use crate::source::Location;

/// The findings as one SARIF log.
pub fn sarif(reports: &[Report], look: &Look) -> String {
    let masks = Masks::of(reports);
    let mut results = Vec::new();
    let mut notifications = Vec::new();
    for report in reports {
        let known = fingerprints(report.findings.iter());
        for (finding, fingerprint) in report.findings.iter().zip(known) {
            results.push(result(report, finding, &fingerprint, &masks, look));
        }
        let known = fingerprints(report.suppressed.iter().map(|entry| &entry.finding));
        for (taken, fingerprint) in report.suppressed.iter().zip(known) {
            let mut result = result(report, &taken.finding, &fingerprint, &masks, look);
            let (kind, reason) = match &taken.by {
                SuppressedBy::Comment(reason) => ("inSource", reason.as_deref()),
                SuppressedBy::Baseline => ("external", Some("in the baseline")),
            };
            let reason = reason.unwrap_or("no reason given");
            if let Some(result) = result.as_object_mut() {
                let why = json!([{ "kind": kind, "justification": reason }]);
                result.insert("suppressions".into(), why);
            }
            results.push(result);
        }
        for entry in &report.not_checked {
            let reason = masks.text(&entry.reason);
            notifications.push(json!({
                "level": "warning",
                "message": { "text": format!("{} was not checked: {reason}", entry.rule.id) },
                "associatedRule": { "id": entry.rule.id, "index": index(entry.rule) },
            }));
        }
    }
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "panoply",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": RULES.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn index(rule: &Rule) -> usize {
    let same = |known: &&Rule| known.id == rule.id;
    RULES.iter().position(same).unwrap_or_default()
}

fn descriptor(rule: &Rule) -> Value {
    let article = format!("{}: {}", rule.article.heading(), rule.article.url());
    json!({
        "id": rule.id,
        "name": name(rule.id),
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.why },
        "help": {
            "text": format!("{}\n\n{}\n\n{article}", rule.why, rule.help),
            "markdown": format!(
                "{}\n\n**What to do:** {}\n\n[{}]({})",
                rule.why, rule.help, rule.article.heading(), rule.article.url()
            ),
        },
        "helpUri": rule.article.url(),
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": {
            "tags": ["security", rule.group()],
            "security-severity": score(rule.severity),
            "problem.severity": problem(rule.severity),
        },
    })
}

/// `session/memory-store` as `SessionMemoryStore`.
fn name(id: &str) -> String {
    id.split(['/', '-'])
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// What GitHub sorts alerts by, in the bands of CVSS.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "0.5",
    }
}

fn problem(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "recommendation",
    }
}

fn result(
    report: &Report,
    finding: &Finding,
    fingerprint: &str,
    masks: &Masks,
    look: &Look,
) -> Value {
    let message = masks.text(&finding.message);
    let help = masks.text(&finding.help);
    let mut result = json!({
        "ruleId": finding.rule.id,
        "ruleIndex": index(finding.rule),
        "level": level(finding.severity),
        "rank": rank(finding.confidence),
        "message": { "text": format!("{message}. {help}") },
        "locations": [location(report, &finding.place, look)],
        "partialFingerprints": { "panoply/v1": fingerprint },
        "properties": {
            "severity": finding.severity,
            "confidence": finding.confidence,
            "target": report.target,
        },
    });
    let related: Vec<Value> = finding
        .related
        .iter()
        .zip(1..)
        .map(|(related, id)| {
            let mut location = location(report, &Place::Code(related.place.clone()), look);
            if let Some(location) = location.as_object_mut() {
                location.insert("id".into(), id.into());
                location.insert(
                    "message".into(),
                    json!({ "text": masks.text(&related.label) }),
                );
            }
            location
        })
        .collect();
    if let (Some(result), false) = (result.as_object_mut(), related.is_empty()) {
        result.insert("relatedLocations".into(), related.into());
    }
    result
}

/// How sure, in the hundred steps that SARIF has for it.
fn rank(confidence: Confidence) -> f64 {
    match confidence {
        Confidence::Possible => 40.0,
        Confidence::Likely => 75.0,
        Confidence::Certain => 100.0,
    }
}

fn location(report: &Report, place: &Place, look: &Look) -> Value {
    let uri = match place {
        Place::Url(url) => url.clone(),
        _ => path_in(report, place, look).map_or_else(|| report.target.clone(), |path| uri(&path)),
    };
    let region = match place {
        Place::Code(at) => region(at),
        // GitHub takes no place without one.
        _ => json!({ "startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1 }),
    };
    json!({ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": region } })
}

fn region(at: &Location) -> Value {
    let (line, column) = at.position();
    let (end_line, end_column) = at.source().position(at.span().end);
    json!({
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
    })
}

/// A path as a relative reference (RFC 3986 §4.2), without an empty one.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'/'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'@'
            | b'+'
            | b'('
            | b')' => uri.push(char::from(byte)),
            _ => {
                let digits = [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16));
                uri.push('%');
                uri.extend(digits.into_iter().flatten().map(|c| c.to_ascii_uppercase()));
            }
        }
    }
    if uri.is_empty() { ".".to_owned() } else { uri }
}
