//! Annotations on the lines of a pull request, as GitHub's runners take them from a program's output.

use std::fmt::Write as _;

use super::place::{named, path_in};
use super::summary::summary;
use super::{Look, Masks, visible};
use crate::finding::{Finding, Place};
use crate::report::Report;
use crate::rule::Severity;

/// The findings as commands to the runner, and the summary as a line of the log.
pub fn github(reports: &[Report], look: &Look) -> String {
    let masks = Masks::of(reports);
    let mut text = String::new();
    for report in reports {
        for finding in &report.findings {
            annotation(&mut text, report, finding, &masks, look);
        }
        for entry in &report.not_checked {
            let reason = visible(&masks.text(&entry.reason));
            let title = property(&format!("not checked: {}", entry.rule.id));
            // Writing to a string does not fail.
            let _ = writeln!(text, "::notice title={title}::{}", data(&reason));
        }
    }
    let _ = writeln!(text, "{}", summary(reports, look));
    text
}

fn annotation(text: &mut String, report: &Report, finding: &Finding, masks: &Masks, look: &Look) {
    let command = match finding.severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "notice",
    };
    let mut properties = Vec::new();
    let path = path_in(report, &finding.place, look).filter(|path| !path.is_empty());
    if let Some(path) = &path {
        properties.push(format!("file={}", property(path)));
    }
    if let Place::Code(at) = &finding.place {
        let (line, column) = at.position();
        let (end_line, end_column) = at.source().position(at.span().end);
        properties.push(format!("line={line},endLine={end_line}"));
        // Columns of several lines are refused.
        if line == end_line {
            properties.push(format!("col={column},endColumn={end_column}"));
        }
    }
    let title = format!("{} ({})", finding.rule.id, finding.severity);
    properties.push(format!("title={}", property(&title)));
    let mut message = finding.message.clone();
    if path.is_none() {
        message = format!("{}: {message}", named(&finding.place, &report.target));
    }
    let message = [&*message, finding.rule.why, &finding.help];
    let message = message.map(|part| visible(&masks.text(part))).join("\n");
    let _ = writeln!(
        text,
        "::{command} {}::{}",
        properties.join(","),
        data(&message)
    );
}

/// The text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(&visible(text)).replace(':', "%3A").replace(',', "%2C")
}
