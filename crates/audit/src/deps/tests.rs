use std::fs;
use std::path::Path;

use panoply_core::ManualClock;
use serde_json::json;

use super::*;
use crate::finding::{Confidence, Finding, Place};
use crate::rule::Severity;

const PACKAGE: &str = include_str!("fixtures/package.json");
const NPM_3: &str = include_str!("fixtures/npm-3.json");

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Looks at an app of these files, with this registry in its `.npmrc`.
fn look(files: &[(&str, &str)], options: &Options) -> Report {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    look_at(dir.path(), options)
}

fn look_at(dir: &Path, options: &Options) -> Report {
    let project = Project::open(dir).unwrap();
    let mut report = Report::new("app");
    let variable = &|_: &str| None;
    let around = Surroundings {
        variable,
        files: Vec::new(),
    };
    check_with(&project, options, &ManualClock::new(), &around, &mut report);
    report.sort();
    report
}

fn told(report: &Report) -> Vec<String> {
    let place = |finding: &Finding| match &finding.place {
        Place::Code(place) => place.to_string(),
        _ => String::new(),
    };
    let tell = |finding: &Finding| {
        let Finding {
            rule,
            severity,
            confidence,
            message,
            ..
        } = finding;
        format!(
            "{} {} {severity} {}: {message}",
            place(finding),
            rule.id,
            confidence.as_str()
        )
    };
    report.findings.iter().map(tell).collect()
}

fn not_checked(report: &Report) -> Vec<String> {
    let entries = report.not_checked.iter();
    entries
        .map(|entry| format!("{}: {}", entry.rule.id, entry.reason))
        .collect()
}

/// Advisories in a file of their own, outside of the app.
fn advisories(text: &str) -> (tempfile::TempDir, Options) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("a.json", text)]);
    let options = Options::new().advisories(dir.path());
    (dir, options)
}

fn osv(id: &str, package: &str, fixed: &str, word: &str) -> serde_json::Value {
    json!({
        "id": id, "summary": format!("hole in {package}"),
        "affected": [{
            "package": {"ecosystem": "npm", "name": package},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        }],
        "database_specific": {"severity": word}
    })
}

#[test]
fn holes_are_told_with_who_brings_them_in() {
    let all = json!([
        osv("GHSA-1", "lodash", "4.17.12", "HIGH"),
        osv("GHSA-2", "lodash", "4.17.21", "MODERATE"),
        osv("GHSA-3", "qs", "6.7.3", "HIGH"),
        osv("GHSA-4", "express", "4.19.2", "MODERATE"),
        osv("GHSA-5", "minimist", "0.2.4", "CRITICAL"),
        osv("GHSA-6", "accepts", "1.0.0", "HIGH"),
        osv("MAL-1", "mkdirp", "0.5.2", ""),
    ]);
    let (_dir, options) = advisories(&all.to_string());
    let report = look(
        &[("package.json", PACKAGE), ("package-lock.json", NPM_3)],
        &options,
    );
    assert_eq!(
        told(&report),
        [
            "package-lock.json:254:5 deps/vulnerable high certain: `lodash` 4.17.11: GHSA-1 hole in lodash (fixed in 4.17.12); GHSA-2 hole in lodash (fixed in 4.17.21)",
            "package-lock.json:316:5 deps/vulnerable high certain: `mkdirp` 0.5.1 (for development alone): MAL-1 hole in mkdirp (fixed in 0.5.2)",
            "package-lock.json:381:5 deps/vulnerable high certain: `qs` 6.7.0 (express > qs): GHSA-3 hole in qs (fixed in 6.7.3)",
            "package-lock.json:142:5 deps/express-vulnerable medium certain: `express` 4.17.1: GHSA-4 hole in express (fixed in 4.19.2)",
            "package-lock.json:310:5 deps/vulnerable info certain: `minimist` 0.0.8 (mkdirp > minimist, for development alone): GHSA-5 hole in minimist (fixed in 0.2.4)",
        ]
    );
    assert_eq!(not_checked(&report), [""; 0]);
    let help = |name: &str| {
        let finding = report
            .findings
            .iter()
            .find(|finding| finding.message.starts_with(name));
        finding.unwrap().help.clone()
    };
    assert_eq!(help("`lodash`"), "`npm install lodash@4.17.21`");
    assert!(help("`qs`").contains("take `qs` to 6.7.3 or later"));
    assert!(help("`mkdirp`").starts_with("Take `mkdirp` out now"));
    let related = &report.findings[0].related[0];
    assert_eq!(related.place.to_string(), "package.json:8:5");
}

#[test]
fn what_cannot_be_checked_is_never_passed() {
    let files = [("package.json", PACKAGE), ("package-lock.json", NPM_3)];
    let reasons = |options: &Options| {
        let report = look(&files, options);
        assert!(told(&report).is_empty());
        let reasons = not_checked(&report);
        assert_eq!(
            reasons
                .iter()
                .filter(|reason| reason.starts_with("deps/express-vulnerable: "))
                .count(),
            reasons.len() / 2
        );
        reasons.last().cloned().unwrap_or_default()
    };
    assert!(reasons(&Options::new().offline(true)).contains("`--offline`"));
    let nowhere = Options::new().advisories("/nowhere/at/all");
    assert!(look(&files, &nowhere).not_checked.len() >= 2);
    let rust = json!({
        "id": "RUSTSEC-1",
        "affected": [{"package": {"ecosystem": "crates.io", "name": "x"}, "versions": ["1.0.0"]}]
    });
    let (_dir, other) = advisories(&rust.to_string());
    assert!(reasons(&other).contains("are not about npm"));
    let empty = json!({
        "auditReportVersion": 2, "vulnerabilities": {}, "metadata": {"dependencies": {"total": 53}}
    });
    let (_dir, empty) = advisories(&empty.to_string());
    assert!(reasons(&empty).contains("without a connection"));
}

fn saved(name: &str, range: &str, total: u64) -> String {
    let via = json!([{"source": 1, "name": name, "title": "t", "severity": "high", "range": range, "url": ""}]);
    let report = json!({
        "auditReportVersion": 2, "vulnerabilities": {name: {"via": via}},
        "metadata": {"dependencies": {"total": total}}
    });
    report.to_string()
}

#[test]
fn what_npm_saved_is_about_its_own_lock_file() {
    let files = [("package.json", PACKAGE), ("package-lock.json", NPM_3)];
    let (_dir, own) = advisories(&saved("lodash", "<4.17.12", 53));
    let report = look(&files, &own);
    assert_eq!((told(&report).len(), not_checked(&report).len()), (1, 0));
    let (_dir, other) = advisories(&saved("lodash", "<4.17.12", 900));
    let report = look(&files, &other);
    assert_eq!((told(&report).len(), not_checked(&report).len()), (1, 2));
    let (_dir, stranger) = advisories(&saved("left-pad", "<1.0.0", 53));
    let report = look(&files, &stranger);
    assert_eq!((told(&report).len(), not_checked(&report).len()), (0, 2));
}

#[test]
fn rust_is_compared_with_rustsec() {
    let toml = "[package]\nname = \"shop\"\n[dependencies]\nhttp = \"1\"\nsmallvec = \"1\"\n[dev-dependencies]\nfastrand = \"2\"\n";
    let lock = include_str!("fixtures/Cargo.lock.toml");
    let files = [
        ("Cargo.toml", toml),
        ("src/main.rs", ""),
        ("Cargo.lock", lock),
    ];
    let report = look(&files, &Options::new().offline(true));
    assert!(not_checked(&report)[0].contains("RustSec"));
    let dir = tempfile::tempdir().unwrap();
    let of = |package: &str| {
        format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2021-0003\"\npackage = \"{package}\"\n[versions]\npatched = [\">= 9.0.0\"]\n```\n# Overflow\n"
        )
    };
    write(
        dir.path(),
        &[
            ("crates/a.md", &of("smallvec")),
            ("crates/b.md", &of("fastrand")),
        ],
    );
    let report = look(&files, &Options::new().advisories(dir.path()));
    assert_eq!(
        told(&report),
        [
            "Cargo.lock:50:8 deps/vulnerable medium certain: `smallvec` 1.6.0: RUSTSEC-2021-0003 Overflow (fixed in 9.0.0)",
            "Cargo.lock:12:8 deps/vulnerable info certain: `fastrand` 2.0.0 (for development alone): RUSTSEC-2021-0003 Overflow (fixed in 9.0.0)",
        ]
    );
    assert!(not_checked(&report).is_empty());
}

#[test]
fn an_app_without_a_lock_file_is_told() {
    let offline = Options::new().offline(true);
    let report = look(&[("package.json", PACKAGE)], &offline);
    assert_eq!(
        told(&report),
        [
            "package.json:7:5 deps/no-lockfile medium certain: `package.json` has dependencies, and there is no lock file for them"
        ]
    );
    assert!(
        not_checked(&report)
            .iter()
            .all(|reason| reason.contains("no lock file says"))
    );
    let none = |files: &[(&str, &str)]| {
        let report = look(files, &offline);
        assert_eq!(told(&report), [""; 0]);
    };
    none(&[
        ("package.json", PACKAGE),
        ("yarn.lock", include_str!("fixtures/yarn-1.lock")),
    ]);
    none(&[("package.json", "{\"private\": true}")]);
    let library = "{\"name\": \"x\", \"main\": \"i.js\", \"files\": [\"i.js\"], \"dependencies\": {\"express\": \"5\"}}";
    none(&[("package.json", library)]);
    let mono = [
        ("package.json", include_str!("fixtures/mono/package.json")),
        (
            "packages/web/package.json",
            include_str!("fixtures/mono/web.json"),
        ),
        ("bun.lock", include_str!("fixtures/mono/bun.lock")),
    ];
    none(&mono);
    let program = look(
        &[
            ("Cargo.toml", "[package]\nname = \"x\""),
            ("src/main.rs", ""),
        ],
        &offline,
    );
    assert_eq!(told(&program).len(), 1);
    none(&[
        ("Cargo.toml", "[package]\nname = \"x\""),
        ("src/lib.rs", ""),
    ]);
}

#[test]
fn a_lock_file_that_git_ignores_or_that_is_old_is_told() {
    let offline = Options::new().offline(true);
    let ignored = [
        ("package.json", PACKAGE),
        ("package-lock.json", NPM_3),
        (".gitignore", "package-lock.json"),
    ];
    let report = look(&ignored, &offline);
    assert!(
        report.findings[0].message.contains("git ignores it"),
        "{:?}",
        told(&report)
    );
    let newer = PACKAGE.replace("\"express\": \"4.17.1\"", "\"express\": \"^5.1.0\"");
    let report = look(
        &[("package.json", &newer), ("package-lock.json", NPM_3)],
        &offline,
    );
    assert_eq!(
        told(&report),
        [
            "package.json:7:5 deps/no-lockfile info likely: `express` ^5.1.0 is asked for, but `package-lock.json` has 4.17.1"
        ]
    );
    let binary = [
        ("package.json", PACKAGE),
        ("bun.lockb", "#!/usr/bin/env bun\nbun-lockfile-format-v0\n"),
    ];
    let report = look(&binary, &offline);
    assert!(told(&report).is_empty());
    assert!(not_checked(&report)[0].contains("--save-text-lockfile"));
}

#[test]
fn express_3_ended() {
    let offline = Options::new().offline(true);
    let old = |version: &str| {
        let package = PACKAGE.replace(
            "\"express\": \"4.17.1\"",
            &format!("\"express\": \"{version}\""),
        );
        let report = look(&[("package.json", &package)], &offline);
        let mut told = report
            .findings
            .into_iter()
            .filter(|finding| finding.rule.id == "deps/express-eol");
        told.next()
            .map(|finding| (finding.severity, finding.confidence, finding.message))
    };
    let said = old("3.x").unwrap();
    assert_eq!((said.0, said.1), (Severity::High, Confidence::Certain));
    assert_eq!(
        said.2,
        "`express` 3.x allows only lines that ended in July 2015 or before"
    );
    assert!(old("~2.5.0").is_some() && old("^3.0.0 <4").is_some());
    assert!(old("^4.0.0").is_none() && old(">=3").is_none() && old("latest").is_none());
    let package = PACKAGE.replace("\"express\": \"4.17.1\"", "\"express\": \"*\"");
    let lock = NPM_3.replace("4.17.1\"", "3.21.2\"");
    let report = look(
        &[("package.json", &package), ("package-lock.json", &lock)],
        &offline,
    );
    assert_eq!(
        report.findings[0].message,
        "`express` 3.21.2 is of a line that ended in July 2015"
    );
}

#[test]
fn a_lock_file_that_disagrees_is_one_finding() {
    let newer = PACKAGE.replace(
        "\"express\": \"4.17.1\"",
        "\"express\": \"^5.1.0\", \"koa\": \"^3.0.0\"",
    );
    let report = look(
        &[("package.json", &newer), ("package-lock.json", NPM_3)],
        &Options::new().offline(true),
    );
    assert_eq!(
        told(&report),
        [
            "package.json:7:5 deps/no-lockfile info likely: `express` ^5.1.0 is asked for, but `package-lock.json` has 4.17.1, and 1 more is wrong"
        ]
    );
    assert_eq!(report.findings[0].related.len(), 1);
}
