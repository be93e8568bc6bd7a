//! `errors/*`: what is answered when something goes wrong.

use super::super::client::{Answer, Failure};
use super::super::scene::Scene;
use super::place;
use crate::finding::{Confidence, Finding};
use crate::report::Report;
use crate::rule::{Rule, Severity};
use crate::rules::errors::{DEFAULT_404, DEFAULT_HANDLER, DEV_HANDLER};

pub(super) fn check(scene: &Scene<'_>, report: &mut Report) {
    // Where nothing else tells what runs, words that do are worth knowing, and little more.
    let told = { scene.answers() }.any(|answer| answer.filled("x-powered-by").is_some());
    let least = if told { Severity::Low } else { Severity::Info };
    if let Some(answer) = asked(&scene.unknown, &DEFAULT_404, report) {
        let path = answer.url.path();
        if pre(answer).is_some_and(|text| text.starts_with("Cannot GET ") && text.contains(path)) {
            let message = format!("`Cannot GET {path}` is answered, Express's own words");
            report.push(Finding::new(&DEFAULT_404, place(answer), message).severity(least));
        }
    }
    let probes = [
        ("a path that cannot be decoded", &scene.undecodable),
        ("a body that is no JSON", &scene.unparsable),
    ];
    let mut said = false;
    for (what, probe) in probes {
        let Some(answer) = asked(probe, &DEFAULT_HANDLER, report) else {
            continue;
        };
        if !said && let Some(finding) = judge(what, answer, least) {
            report.push(finding);
            said = true;
        }
    }
}

fn asked<'a>(
    probe: &'a Result<Answer, Failure>,
    rule: &'static Rule,
    report: &mut Report,
) -> Option<&'a Answer> {
    match probe {
        Ok(answer) => Some(answer),
        Err(failure) => {
            report.not_checked(rule, failure.told());
            None
        }
    }
}

/// What is wrong with how an error is answered.
fn judge(what: &str, answer: &Answer, least: Severity) -> Option<Finding> {
    if !(answer.status.is_client_error() || answer.status.is_server_error()) {
        return None;
    }
    let text = answer.text();
    let frame = first_frame(&text);
    match (pre(answer), frame) {
        (Some(_), Some(frame)) => {
            let message =
                format!("{what} is answered with Express's own page and the stack: `{frame}`");
            Some(Finding::new(&DEFAULT_HANDLER, place(answer), message))
        }
        (None, Some(frame)) => {
            let message = format!("{what} is answered with a stack: `{frame}`");
            Some(Finding::new(&DEV_HANDLER, place(answer), message).confidence(Confidence::Likely))
        }
        (Some(page), None) if !page.starts_with("Cannot ") => {
            let message = format!("{what} is answered with Express's own page, `{page}`");
            // It tells what runs; the stack is not on it.
            Some(Finding::new(&DEFAULT_HANDLER, place(answer), message).severity(least))
        }
        _ => None,
    }
}

/// The text of Express's own page for errors; none on any other page.
fn pre(answer: &Answer) -> Option<String> {
    let text = answer.text();
    let (_, rest) = text.split_once("<title>Error</title>")?;
    let (between, rest) = rest.split_once("<pre>")?;
    let bare =
        between.trim_start().starts_with("</head>") && between.trim_end().ends_with("<body>");
    let (pre, _) = rest.split_once("</pre>")?;
    let pre: String = pre.chars().take(200).collect();
    bare.then(|| pre.replace("&#39;", "'").replace("&quot;", "\""))
}

/// The first line of a stack of Node's: `at f (/srv/app/index.js:3:7)`.
fn first_frame(text: &str) -> Option<String> {
    let text = text
        .replace("&nbsp;", " ")
        .replace("<br>", "\n")
        .replace("\\n", "\n");
    text.lines().find_map(|line| {
        let (_, frame) = line.split_once("at ")?;
        let before = line.len() - frame.len() - 3;
        let starts = line
            .get(..before)?
            .chars()
            .last()
            .is_none_or(char::is_whitespace);
        let place = frame.rsplit_once('(').map_or(frame, |(_, place)| place);
        let place = place.split([')', '<', '"']).next()?.trim();
        let mut parts = place.rsplitn(3, ':');
        let (column, row, file) = (parts.next()?, parts.next()?, parts.next()?);
        let number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_file = file.starts_with('/')
            || file.starts_with("node:")
            || file.starts_with("file:")
            || file.get(1..3) == Some(":\\");
        (starts && number(column) && number(row) && is_file).then(|| format!("at {place}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_from_prose() {
        for (text, frame) in [
            (
                "Error: x<br> &nbsp; &nbsp;at f (/srv/app/index.js:3:7)<br>",
                Some("at /srv/app/index.js:3:7"),
            ),
            (
                "    at node:internal/main:1:2",
                Some("at node:internal/main:1:2"),
            ),
            (
                r#"{"stack":"Error\n    at C:\\app\\i.js:1:2"}"#,
                Some(r"at C:\\app\\i.js:1:2"),
            ),
            ("look at /about:1:x", None),
            ("we meet at 10:30:00", None),
            ("chat (/a:1:2)", None),
        ] {
            assert_eq!(first_frame(text).as_deref(), frame, "{text}");
        }
    }
}
