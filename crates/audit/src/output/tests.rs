use std::time::Duration;

use super::fixture::{at, code, site};
use super::*;
use crate::finding::{Finding, Place};
use crate::report::Report;
use crate::rules;
use crate::source::{Location, Source};

fn look() -> Look {
    Look {
        elapsed: Some(Duration::from_millis(340)),
        ..Look::default()
    }
}

/// Every form of some reports, by name.
fn forms(reports: &[Report]) -> [(&'static str, String); 5] {
    let look = look();
    [
        ("text", text(reports, &look)),
        ("json", json(reports, &look)),
        ("sarif", sarif(reports, &look)),
        ("github", github(reports, &look)),
        ("html", html(reports, &look)),
    ]
}

#[test]
fn text_is_what_a_compiler_would_say() {
    insta::assert_snapshot!(text(&[code()], &look()));
}

#[test]
fn text_of_a_folder_and_a_site() {
    let mut folder = code();
    folder.findings.truncate(1);
    insta::assert_snapshot!(text(&[folder, site()], &look()));
}

#[test]
fn text_of_nothing_says_what_was_not_looked_at() {
    let mut report = Report::new("shop");
    report.files = 1;
    report.not_checked(&rules::deps::VULNERABLE, "no advisories");
    insta::assert_snapshot!(text(&[report], &look()));
}

#[test]
fn colours_come_only_when_asked_for() {
    for (name, form) in forms(&[code(), site()]) {
        assert!(!form.contains('\u{1b}'), "{name}");
    }
    let look = Look {
        colour: true,
        ..look()
    };
    let coloured = text(&[code()], &look);
    assert!(coloured.contains("\u{1b}["));
    assert!(coloured.contains("\u{1b}]8;;https://expressjs.com/"));
}

#[test]
fn no_form_tells_a_secret() {
    let mut report = code();
    report.push(Finding::new(
        &rules::session::DEFAULT_NAME,
        {
            let finding = report
                .findings
                .iter()
                .find(|f| f.rule.id == "cookie/no-samesite");
            let Some(Place::Code(place)) = finding.map(|finding| finding.place.clone()) else {
                panic!("no place");
            };
            Place::Code(at(place.source(), "session({\n  secret: 'keyboard cat',"))
        },
        "the cookie is called 'keyboard cat'",
    ));
    for (name, form) in forms(&[report.clone()]) {
        assert!(!form.contains("keyboard cat"), "{name}: {form}");
        assert!(!form.contains("hunter2"), "{name}: {form}");
        assert!(form.contains("*****"), "{name}");
    }
    // Nor when the rule that found it is not wanted.
    let selection = crate::Selection {
        skip: vec!["secrets".parse().unwrap()],
        ..crate::Selection::new()
    };
    selection.apply(&mut report);
    for (name, form) in forms(&[report]) {
        assert!(!form.contains("keyboard cat"), "{name}: {form}");
    }
}

#[test]
fn hostile_sources_stay_text() {
    let hostile =
        "x(\"\u{1b}]0;owned\u{7}\u{202e}</pre><script>alert(1)</script>\n::error::x\"); %0A::set";
    let source = Source::new("a\u{1b}[2J,b:c\n.js", hostile);
    let mut report = Report::new("shop");
    let place = Location::new(&source, 0..60);
    let message = format!("it says `{hostile}`");
    report.push(
        Finding::new(&rules::redirect::OPEN, Place::Code(place.clone()), &message)
            .related(place, &message),
    );
    report.push(Finding::new(
        &rules::tls::CERT,
        Place::Url(hostile.into()),
        hostile,
    ));
    report.not_checked(&rules::tls::CERT, hostile);
    for (name, form) in forms(&[report]) {
        assert!(
            !form.contains('\u{1b}') && !form.contains('\u{7}'),
            "{name}: {form:?}"
        );
        assert!(
            name == "json" || name == "sarif" || !form.contains('\u{202e}'),
            "{name}"
        );
        if name == "html" {
            assert!(!form.contains("<script"), "{form}");
            assert_eq!(form.matches("</pre>").count(), form.matches("<pre").count());
        }
        if name == "github" {
            let commands = ["::warning ", "::error ", "::notice ", "1 high"];
            for line in form.lines() {
                assert!(
                    commands.iter().any(|start| line.starts_with(start)),
                    "{line}"
                );
            }
            assert!(form.contains("%250A"), "{form}");
            assert!(
                form.contains("file=shop/a\\u{1b}[2J%2Cb%3Ac\\n.js,"),
                "{form}"
            );
        }
    }
}

#[test]
fn long_lines_keep_their_columns() {
    let line = format!("{}session(){}", "a;".repeat(5000), ";b".repeat(5000));
    let source = Source::new("min.js", format!("\n{line}"));
    let mut report = Report::new("shop");
    let place = Place::Code(at(&source, "session()"));
    report.push(Finding::new(&rules::session::MEMORY_STORE, place, "x"));
    let text = text(&[report], &look());
    assert!(text.contains("min.js:2:10001\n"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() < 160),
        "{text}"
    );
}

#[test]
fn a_report_of_many_findings_is_made_in_time() {
    let source = Source::new("app.js", format!("{}\n", "x".repeat(400)).repeat(5000));
    let mut report = Report::new("shop");
    for number in 0..2000 {
        let place = Place::Code(Location::new(&source, number * 401..number * 401 + 9));
        report.push(Finding::new(&rules::redirect::OPEN, place, "x"));
    }
    for (name, form) in forms(&[report]) {
        assert!(form.len() > 100_000, "{name}");
    }
}

#[test]
fn github_annotations() {
    let look = Look {
        base: Some("/repo".into()),
        ..look()
    };
    let mut report = code();
    report.target = "/repo/shop".into();
    insta::assert_snapshot!(github(&[report, site()], &look));
}

#[test]
fn json_has_the_form_that_others_rely_on() {
    let json: serde_json::Value = serde_json::from_str(&json(&[code(), site()], &look())).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["target"], "./shop https://shop.example");
    let findings = json["findings"].as_array().unwrap();
    let secret = findings
        .iter()
        .find(|f| f["rule"] == "secrets/hardcoded")
        .unwrap();
    assert_eq!(secret["severity"], "high");
    assert_eq!(secret["confidence"], "certain");
    assert_eq!(
        (&secret["file"], &secret["line"]),
        (&"src/app.js".into(), &3.into())
    );
    assert_eq!(secret["url"], serde_json::Value::Null);
    let live = findings.iter().find(|f| !f["url"].is_null()).unwrap();
    assert!(live["file"].is_null() && live["line"].is_null() && live["column"].is_null());
    assert_eq!(json["not_checked"][0]["rule"], "deps/vulnerable");
    assert_eq!(json["grade"]["letter"], "C+");
    assert_eq!(json["suppressed"][0]["suppressed_by"], "comment");
}

#[test]
fn the_page_allows_its_style_and_nothing_else() {
    let page = html(&[code(), site()], &look());
    let style = page
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    let hash = {
        use base64::Engine as _;
        use sha2::Digest as _;
        base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(style))
    };
    assert!(page.contains(&format!(
        "content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\""
    )));
    for foreign in [
        "src=", "url(", "@import", "style=\"", "<script", "<link", " onclick",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

/// The form of the JSON report is published; what is written keeps to it, whole.
#[test]
fn json_keeps_to_its_schema() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/audit-report.schema.json"
    );
    let schema = std::fs::read_to_string(path).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut nothing = Report::new(".");
    nothing.not_checked(&rules::deps::VULNERABLE, "no advisories");
    for reports in [vec![code(), site()], vec![nothing]] {
        let mut report: serde_json::Value = serde_json::from_str(&json(&reports, &look())).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&report)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        report["not_checked"][0]["surprise"] = true.into();
        assert!(!validator.is_valid(&report));
    }
}
