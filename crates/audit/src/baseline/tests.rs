use super::*;
use crate::rules::cookie::{NO_EXPIRY, NO_SECURE};
use crate::rules::tls::CERT;

/// A report with a finding at each `res.cookie` of a file.
fn report(text: &str) -> Report {
    let source = Source::new("app.js", text);
    let mut report = Report::new("shop");
    for (at, what) in text.match_indices("res.cookie") {
        let place = Place::Code(Location::new(&source, at..at + what.len()));
        report.push(Finding::new(&NO_SECURE, place.clone(), "x"));
        report.push(Finding::new(&NO_EXPIRY, place, "y"));
    }
    report
}

fn rules(report: &Report) -> Vec<&str> {
    report
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect()
}

#[test]
fn what_is_known_is_not_reported_again() {
    let baseline = Baseline::of(&[report("res.cookie('a')\nres.cookie('b')")]);
    assert_eq!(baseline.len(), 4);
    // Moved, indented, in another order, and one that is new.
    let mut now = [report(
        "f()\n  res.cookie('b')\nres.cookie('a')\nres.cookie('c')",
    )];
    baseline.apply(&mut now);
    assert_eq!(rules(&now[0]), ["cookie/no-secure", "cookie/no-expiry"]);
    assert_eq!(now[0].suppressed.len(), 4);
    let Place::Code(at) = &now[0].findings[0].place else {
        panic!("no place");
    };
    assert_eq!(at.position().0, 4);
}

#[test]
fn the_same_line_twice_needs_to_be_known_twice() {
    let baseline = Baseline::of(&[report("res.cookie('a')")]);
    let mut now = [report("res.cookie('a')\nres.cookie('a')")];
    baseline.apply(&mut now);
    assert_eq!(now[0].findings.len(), 2);
}

#[test]
fn what_is_not_there_any_more_is_reported_where_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.json");
    Baseline::of(&[report("res.cookie('a')\nres.cookie('b')")])
        .write(&path)
        .unwrap();
    let baseline = Baseline::read(&path).unwrap();
    let mut now = [report("res.cookie('a')")];
    baseline.apply(&mut now);
    assert_eq!(
        rules(&now[0]),
        ["audit/stale-baseline", "audit/stale-baseline"]
    );
    let Place::Code(at) = &now[0].findings[0].place else {
        panic!("no place");
    };
    assert!(at.source().path().ends_with("baseline.json"));
    assert!(
        baseline
            .entries
            .iter()
            .any(|entry| entry.fingerprint == at.text())
    );
    // What this run did not look at may well be there.
    let mut now = [Report::new("https://shop.example")];
    baseline.apply(&mut now);
    assert!(now[0].findings.is_empty());
    let mut now = [Report::new("shop")];
    now[0].not_checked(&NO_SECURE, "no");
    baseline.apply(&mut now);
    assert_eq!(now[0].findings.len(), 2);
}

#[test]
fn a_site_s_findings_are_kept_too() {
    let mut live = Report::new("https://shop.example");
    live.push(Finding::new(
        &CERT,
        Place::Url("https://shop.example/".into()),
        "x",
    ));
    let baseline = Baseline::of(&[live.clone()]);
    let mut now = [live];
    baseline.apply(&mut now);
    assert!(now[0].findings.is_empty());
    let mut now = [report("")];
    baseline.apply(&mut now);
    assert!(now[0].findings.is_empty());
    let mut now = [Report::new("https://shop.example")];
    baseline.apply(&mut now);
    assert_eq!(rules(&now[0]), ["audit/stale-baseline"]);
}

#[test]
fn the_file_is_sorted_and_has_a_line_a_finding() {
    let baseline = Baseline::of(&[report("res.cookie('b')\nres.cookie('a')")]);
    let again = Baseline::of(&[report("res.cookie('a')\nf()\nres.cookie('b')")]);
    assert_eq!(baseline.text(), again.text());
    insta::assert_snapshot!(baseline.text());
    assert_eq!(
        Baseline::default().text(),
        "{\n  \"schema\": 1,\n  \"findings\": []\n}\n"
    );
}

#[test]
fn what_is_no_baseline_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.json");
    let told = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let error = Baseline::read(&path).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    assert!(told("[]").contains("is no baseline"));
    assert!(told("{\"schema\": 2, \"findings\": []}").contains("unknown schema 2"));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        Baseline::read(&path),
        Err(Error::Unreadable { .. })
    ));
}
