//! The audit of our own examples and of the demo: naked they have what one would list by hand, behind the
//! gateway nothing is left.

use super::support;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::{App, DEMO_ON_FREE_PORTS, Gateway, Pki, Process, example, panoply, root, text, urls};

/// What an audit prints, as JSON, and its exit code.
fn audit(arguments: &[&str]) -> (Value, i32) {
    let output = panoply()
        .args(["audit", "--offline", "--format", "json"])
        .args(arguments)
        .env_remove("GITHUB_ACTIONS")
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    (report, output.status.code().unwrap())
}

/// The rules of the findings that are worse than worth knowing.
fn rules(report: &Value) -> BTreeSet<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    let worse = findings.filter(|finding| finding["severity"] != "info");
    worse
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect()
}

/// What one would list of a login app with express-session and nothing else, of what it answers.
const NAKED: [&str; 11] = [
    "cookie/no-samesite",
    "cookie/no-secure",
    "errors/default-404",
    "fingerprint/x-powered-by",
    "headers/content-security-policy",
    "headers/cross-origin-opener-policy",
    "headers/cross-origin-resource-policy",
    "headers/referrer-policy",
    "headers/x-content-type-options",
    "headers/x-frame-options",
    "session/default-name",
];

/// The same of its source.
const SOURCE: [&str; 10] = [
    "auth/no-rate-limit",
    "cookie/no-samesite",
    "cookie/no-secure",
    "errors/default-404",
    "errors/default-handler",
    "fingerprint/x-powered-by",
    "headers/helmet-missing",
    "secrets/hardcoded",
    "session/default-name",
    "session/memory-store",
];

fn example_folder(name: &str) -> String {
    root().join("examples").join(name).display().to_string()
}

#[test]
fn the_source_of_the_examples_has_what_one_would_list() {
    let (report, code) = audit(&[&example_folder("express-login")]);
    assert_eq!(rules(&report), BTreeSet::from(SOURCE));
    assert_eq!(code, 1);
    // Its headers are the suit's, and nobody is handed what was not looked at as passed.
    let (report, code) = audit(&[&example_folder("axum-suit")]);
    assert_eq!(rules(&report), BTreeSet::new());
    assert_eq!(code, 0);
    assert!(
        report["not_checked"]
            .to_string()
            .contains("deps/vulnerable")
    );
}

#[test]
fn a_naive_app_is_found_out_and_nothing_is_left_behind_the_gateway() {
    let naked = App::start(&example("express-login"));
    let (report, code) = audit(&[&naked.origin()]);
    let mut expected = BTreeSet::from(NAKED);
    expected.insert("tls/no-https");
    assert_eq!(rules(&report), expected, "{report:#}");
    assert_eq!((code, report["grade"]["letter"].as_str()), (1, Some("F")));

    // With a certificate as in production HSTS is sent, so that nothing at all is left.
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(folder.path());
    let (certificate, key) = pki.leaf("localhost", "DNS:localhost,IP:127.0.0.1");
    let config = format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    let gateway = Gateway::setup()
        .config(&config)
        .command(&example("express-login"))
        .start();
    let plain = gateway
        .http
        .as_deref()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let ca = pki.ca().display().to_string();
    let site = format!("https://localhost:{}", gateway.port());
    let (report, code) = audit(&["--ca", &ca, "--http-port", &plain, &site]);
    assert_eq!(
        report["findings"].as_array().unwrap().len(),
        0,
        "{report:#}"
    );
    assert_eq!(
        report["not_checked"].as_array().unwrap().len(),
        0,
        "{report:#}"
    );
    assert_eq!((code, report["grade"]["letter"].as_str()), (0, Some("A+")));

    let gateway = Gateway::before_example("express-login", "");
    let ca = gateway.ca().display().to_string();
    let site = format!("https://localhost:{}", gateway.port());
    let (report, code) = audit(&["--ca", &ca, &site]);
    assert_eq!(rules(&report), BTreeSet::new(), "{report:#}");
    assert_eq!(code, 0);
}

#[test]
fn the_demo_is_found_out_naked_and_not_guarded() {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = Process::start(
        Command::new(panoply().get_program())
            .arg("demo")
            .args(DEMO_ON_FREE_PORTS)
            .arg("--state")
            .arg(dir.path()),
    );
    let line = demo.line_with(&["demo ready"], Duration::from_mins(1));
    let urls = urls(&line);
    let (naked, guarded) = (&urls[1], &urls[2]);
    let (report, code) = audit(&[naked]);
    assert!(rules(&report).len() > 10, "{report:#}");
    assert_eq!(code, 1);
    let ca = dir.path().join("ca.pem").display().to_string();
    let guarded = guarded.replace("127.0.0.1", "localhost");
    let (report, code) = audit(&["--ca", &ca, &guarded]);
    assert_eq!(rules(&report), BTreeSet::new(), "{report:#}");
    assert_eq!(code, 0);
}
