//! Small apps, each marked in place with what must be reported there and what must not.
//!
//! Marks stand at the end of a line: `// !! rule …` must be reported there, `// ok rule …` must not
//! although it looks like it, `// ?? rule …` may be, but not as certain: the code does not say.
//! Files that have no such comments, and the app as a whole, are marked in `expected.txt`, a line
//! each: `[ok|??] FILE[:LINE] RULE`, with `-` for the app. What is not marked must not be reported.
//! `audit.json` says with which options the app is audited.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use panoply_audit::output::{Look, text};
use panoply_audit::{Confidence, Options, Place, RULES, Report, Seen};
use serde::Deserialize;

mod marks;

use marks::{Kind, Mark, marks, without_marks};

/// Where something is reported: a file, if not the app as a whole, and a line of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    file: Option<String>,
    line: Option<usize>,
    rule: String,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("-");
        match self.line {
            Some(line) => write!(f, "{file}:{line} {}", self.rule),
            None => write!(f, "{file} {}", self.rule),
        }
    }
}

/// With which options an app is audited.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Audit {
    limiters: Vec<String>,
    /// A folder beside `apps`.
    advisories: Option<String>,
}

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn apps() -> BTreeMap<String, PathBuf> {
    let dirs = fs::read_dir(beside("apps")).unwrap();
    let dirs = dirs.map(|dir| dir.unwrap());
    dirs.map(|dir| (dir.file_name().into_string().unwrap(), dir.path()))
        .collect()
}

fn audit(dir: &Path) -> Report {
    let said = fs::read_to_string(dir.join("audit.json"));
    let said = said.map_or_else(
        |_| Audit::default(),
        |text| serde_json::from_str(&text).unwrap(),
    );
    let options = Options::new().offline(true).limiters(said.limiters);
    let options = match said.advisories {
        Some(folder) => options.advisories(beside(&folder)),
        None => options,
    };
    // Elsewhere, so that it does not look like a part of our own repository.
    let elsewhere = tempfile::tempdir().unwrap();
    copy(dir, elsewhere.path());
    panoply_audit::directory(elsewhere.path(), &options).unwrap()
}

/// Copies an app without its marks, whose words would be evidence of their own.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&to, without_marks(&text)).unwrap();
        }
    }
}

/// What was reported, and how sure it is.
fn reported(report: &Report) -> BTreeMap<Spot, Confidence> {
    let mut spots = BTreeMap::new();
    for finding in &report.findings {
        let (file, line) = match &finding.place {
            Place::Code(at) => (Some(at.source().path().to_owned()), Some(at.position().0)),
            _ => (None, None),
        };
        let rule = finding.rule.id.to_owned();
        let sure = spots
            .entry(Spot { file, line, rule })
            .or_insert(finding.confidence);
        *sure = finding.confidence.max(*sure);
    }
    spots
}

/// What is wrong with a report, a line each.
fn faults(marks: &[Mark], report: &Report) -> Vec<String> {
    let reported = reported(report);
    let mut faults = Vec::new();
    for mark in marks.iter().filter(|mark| mark.kind == Kind::Must) {
        if !reported.keys().any(|spot| mark.covers(spot)) {
            faults.push(format!("missed {}", mark.spot));
        }
    }
    for (spot, sure) in &reported {
        let kinds = marks.iter().filter(|mark| mark.covers(spot));
        let kinds: BTreeSet<Kind> = kinds.map(|mark| mark.kind).collect();
        if kinds.contains(&Kind::MustNot) {
            faults.push(format!("wrong  {spot}, which is right"));
        } else if kinds.contains(&Kind::May) && *sure == Confidence::Certain {
            faults.push(format!("wrong  {spot}, which nobody can be certain of"));
        } else if kinds.is_empty() {
            faults.push(format!("wrong  {spot}, which is not marked"));
        }
    }
    faults
}

#[test]
fn what_is_marked_is_reported_and_nothing_else() {
    let only = std::env::var("APP").ok();
    let mut failed = String::new();
    for (name, dir) in apps() {
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        for fault in faults(&marks(&dir), &audit(&dir)) {
            failed.extend([name.as_str(), ": ", &fault, "\n"]);
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

#[test]
fn every_rule_has_a_faulty_and_a_right_app() {
    let mut seen: BTreeSet<(Kind, String)> = BTreeSet::new();
    for dir in apps().values() {
        seen.extend(
            marks(dir)
                .into_iter()
                .map(|mark| (mark.kind, mark.spot.rule)),
        );
    }
    // What the audit says of itself has tests beside it.
    let rules = RULES.iter().filter(|rule| rule.group() != "audit");
    for rule in rules.filter(|rule| rule.seen != Seen::Live) {
        for kind in [Kind::Must, Kind::MustNot] {
            let mark = (kind, rule.id.to_owned());
            assert!(seen.contains(&mark), "no app has {} as {kind:?}", rule.id);
        }
    }
    for (_, rule) in &seen {
        assert!(panoply_audit::rule(rule).is_some(), "there is no `{rule}`");
    }
}

/// What a person reads of some of them.
#[test]
fn the_text_of_an_audit_reads_well() {
    let apps = apps();
    for name in [
        "article-right",
        "cookie-session-nested",
        "generator",
        "helmet-weakened",
        "limiter-places",
        "lock-pnpm",
        "naive",
        "node-old",
        "redirects",
        "rust-axum-faulty",
        "secrets",
        "session-weakened-later",
        "trust-unset",
    ] {
        let mut report = audit(&apps[name]);
        report.target = name.to_owned();
        insta::assert_snapshot!(name, text(&[report], &Look::default()));
    }
}

#[test]
fn a_mark_that_is_not_kept_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let app = "const x = 1; // !! proxy/trust-all\nconst y = 2; // ok session/default-name\n";
    fs::write(dir.path().join("app.js"), app).unwrap();
    fs::write(
        dir.path().join("expected.txt"),
        "ok app.js:1 a/b\n?? - c/d\n",
    )
    .unwrap();
    let marks = marks(dir.path());
    let kinds: Vec<Kind> = marks.iter().map(|mark| mark.kind).collect();
    assert_eq!(kinds, [Kind::Must, Kind::MustNot, Kind::MustNot, Kind::May]);
    assert_eq!(
        faults(&marks, &Report::new("app")),
        ["missed app.js:1 proxy/trust-all"]
    );
}
