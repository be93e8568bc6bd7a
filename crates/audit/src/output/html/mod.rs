//! One page that needs nothing beside it, to be sent to a colleague or kept with a build.
//!
//! It has no script: the filter is CSS. Its own policy allows its style by hash and nothing else, so
//! that whatever stands in somebody's source stays text.

mod parts;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use self::parts::{code, escaped, grade, rule};
use super::summary::{WORST_FIRST, counts, not_checked, suppressed, unseen};
use super::text::by_rule;
use super::{Look, Masks};
use crate::report::Report;

const STYLE: &str = include_str!("style.css");

/// The findings as one self-contained page.
pub fn html(reports: &[Report], look: &Look) -> String {
    let masks = Masks::of(reports);
    let targets: Vec<&str> = reports.iter().map(|report| &*report.target).collect();
    let targets = escaped(&targets.join(" and "));
    let mut page = String::new();
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}: {targets}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        BASE64_STANDARD.encode(Sha256::digest(STYLE.as_bytes())),
        counts(reports),
    );
    head(&mut page, reports, &targets, look);
    page.push_str("<main>\n");
    for report in reports {
        if let Some(of) = &report.grade {
            grade(&mut page, &report.target, of);
        }
    }
    for severity in WORST_FIRST {
        for (_, findings) in by_rule(reports, severity) {
            rule(&mut page, severity, &findings, &masks);
        }
    }
    rest(&mut page, reports, &masks);
    page.push_str("</main>\n");
    let command: Vec<String> = reports
        .iter()
        .map(|report| quoted(&report.target))
        .collect();
    let _ = write!(
        page,
        "<footer><p>Made by <code>panoply audit {}</code>, version {}. What each rule looks for: \
         <code>panoply audit --explain RULE</code>.</p></footer>\n</body>\n</html>\n",
        escaped(&command.join(" ")),
        env!("CARGO_PKG_VERSION"),
    );
    page
}

fn head(page: &mut String, reports: &[Report], targets: &str, look: &Look) {
    let files: usize = reports.iter().map(|report| report.files).sum();
    let mut facts = Vec::new();
    match files {
        0 => {}
        1 => facts.push("1 file".to_owned()),
        _ => facts.push(format!("{files} files")),
    }
    if let Some(elapsed) = look.elapsed {
        facts.push(format!("{:.1} s", elapsed.as_secs_f64()));
    }
    if let Some(by) = suppressed(reports) {
        facts.push(format!("suppressed: {by}"));
    }
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<header>\n<p class=\"mark\">{MARK}Panoply audit</p>\n<h1>{targets}</h1>\n\
         <p class=\"lead\">{}</p>\n",
        escaped(&facts.join(" · "))
    );
    let total: usize = reports.iter().map(|report| report.findings.len()).sum();
    if total == 0 {
        page.push_str(
            "<p class=\"clean\"><strong>Nothing found</strong> by what could be checked.</p>\n",
        );
    } else {
        page.push_str("<fieldset class=\"filter\"><legend>Show findings by severity</legend>\n");
        for severity in WORST_FIRST {
            let count: usize = reports.iter().map(|report| report.count(severity)).sum();
            let off = if count == 0 { " disabled" } else { "" };
            let _ = writeln!(
                page,
                "<label class=\"{severity}\"><input type=\"checkbox\" id=\"show-{severity}\" checked{off}>\
                 <span class=\"n\">{count}</span> <span class=\"word\">{severity}</span></label>"
            );
        }
        page.push_str("</fieldset>\n");
    }
    page.push_str("</header>\n");
}

/// What could not be looked at.
fn rest(page: &mut String, reports: &[Report], masks: &Masks) {
    let reasons = not_checked(reports);
    if reasons.is_empty() && unseen(reports).is_none() {
        return;
    }
    page.push_str("<section class=\"unchecked\">\n<h2>Not checked</h2>\n");
    if !reasons.is_empty() {
        page.push_str("<dl>\n");
    }
    for (rules, reason) in &reasons {
        let rules: Vec<String> = rules
            .iter()
            .map(|rule| format!("<code>{rule}</code>"))
            .collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            page,
            "<dt>{}</dt><dd>{}</dd>",
            rules.join(" "),
            code(&masks.text(reason))
        );
    }
    if !reasons.is_empty() {
        page.push_str("</dl>\n");
    }
    if let Some(unseen) = unseen(reports) {
        let _ = writeln!(page, "<p>{}</p>", code(&parts::sentence(&unseen)));
    }
    page.push_str("</section>\n");
}

/// A word for a shell, as far as it needs quotes.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./:_-@%+=~".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

const MARK: &str = "<svg viewBox=\"0 0 24 24\" width=\"22\" height=\"22\" aria-hidden=\"true\">\
    <path d=\"M12 2 4 5v6c0 5 3.4 9.3 8 11 4.6-1.7 8-6 8-11V5z\" fill=\"none\" \
    stroke=\"currentColor\" stroke-width=\"1.8\" stroke-linejoin=\"round\"/>\
    <path d=\"m8.5 12 2.5 2.5 4.5-5\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.8\" \
    stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>";
