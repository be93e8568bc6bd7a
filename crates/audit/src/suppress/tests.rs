use super::*;
use crate::rules::cookie::{NO_SAME_SITE, NO_SECURE};

const TODAY: Date = jiff::civil::date(2026, 11, 28);

/// A report with a finding of `NO_SECURE` at each `res.cookie`, after its comments are settled.
fn settled(text: &str) -> Report {
    let source = Source::new("app.js", text);
    let mut report = Report::new(".");
    for (at, what) in text.match_indices("res.cookie") {
        let place = Place::Code(Location::new(&source, at..at + what.len()));
        report.push(Finding::new(&NO_SECURE, place, "x"));
    }
    settle(read(&source), &mut report, TODAY);
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
fn a_comment_is_for_its_line_or_the_next() {
    for text in [
        "res.cookie() // panoply-ignore cookie/no-secure -- a reason",
        "// panoply-ignore cookie/no-secure -- a reason\nres.cookie()",
        "// panoply-ignore cookie/no-secure -- a reason\n\n// and more\nres.cookie()",
        "/* panoply-ignore cookie -- a reason */\nres.cookie()",
        "\n\n// panoply-ignore-file cookie/no-secure -- a reason\n\n\nf()\nres.cookie()",
        "res.cookie() // panoply-ignore cookie/no-secure -- a reason until=2026-11-28",
    ] {
        let report = settled(text);
        assert!(report.findings.is_empty(), "{text}: {:?}", report.findings);
        let by = &report.suppressed[0].by;
        assert_eq!(
            *by,
            SuppressedBy::Comment(Some("a reason".into())),
            "{text}"
        );
    }
    // Neither two lines away, nor in a text.
    for text in [
        "// panoply-ignore cookie/no-secure -- a reason\nf()\nres.cookie()",
        "f() // panoply-ignore cookie/no-secure -- a reason\nres.cookie()",
    ] {
        assert_eq!(
            rules(&settled(text)),
            ["cookie/no-secure", "audit/stale-suppression"]
        );
    }
    let text = "f('// panoply-ignore cookie/no-secure -- a reason')\nres.cookie()";
    assert_eq!(rules(&settled(text)), ["cookie/no-secure"]);
}

#[test]
fn one_without_a_reason_holds_and_is_reported() {
    let report = settled("res.cookie() // panoply-ignore cookie/no-secure");
    assert_eq!(rules(&report), ["audit/suppression-without-reason"]);
    assert_eq!(report.suppressed.len(), 1);
}

#[test]
fn one_that_has_ended_holds_no_more() {
    let report = settled("res.cookie() // panoply-ignore cookie -- why until=2026-11-27");
    assert_eq!(
        rules(&report),
        ["cookie/no-secure", "audit/expired-suppression"]
    );
    let report = settled("res.cookie() // panoply-ignore cookie -- why until=soon");
    assert_eq!(
        rules(&report),
        ["cookie/no-secure", "audit/expired-suppression"]
    );
    assert!(
        report.findings[1]
            .message
            .contains("`until=soon` is no date")
    );
}

#[test]
fn one_that_suppresses_nothing_is_reported() {
    let report = settled("f() // panoply-ignore cookie/no-secure -- why");
    assert_eq!(rules(&report), ["audit/stale-suppression"]);
    // Of two rules the one that is there is not.
    let report = settled("res.cookie() // panoply-ignore cookie/no-secure, redirect/open -- why");
    assert_eq!(rules(&report), ["audit/stale-suppression"]);
    assert!(report.findings[0].message.contains("redirect/open"));
    let report = settled("res.cookie() // panoply-ignore cookie/no-secur -- why");
    assert_eq!(
        rules(&report),
        ["cookie/no-secure", "audit/stale-suppression"]
    );
    assert!(
        report.findings[1]
            .message
            .contains("did you mean `cookie/no-secure`")
    );
    let report = settled("f() // panoply-ignore tls/cert -- why");
    assert!(
        report.findings[0]
            .message
            .contains("no comment suppresses it")
    );
    let report = settled("f() // panoply-ignore -- why");
    assert!(report.findings[0].message.contains("names no rule"));
}

#[test]
fn one_of_a_rule_that_could_not_be_checked_is_left_alone() {
    let source = Source::new("app.js", "f() // panoply-ignore cookie/no-samesite -- why");
    let mut report = Report::new(".");
    report.not_checked(&NO_SAME_SITE, "the file could not be read");
    settle(read(&source), &mut report, TODAY);
    assert!(report.findings.is_empty());
}
