//! The parts of the page.

use std::fmt::Write as _;

use crate::finding::{Finding, Place};
use crate::output::line::Line;
use crate::output::place::named;
use crate::output::text::doubt;
use crate::output::{Masks, visible};
use crate::report::{Grade, Report};
use crate::rule::Severity;
use crate::source::Location;

/// Lines around the one that is meant.
const AROUND: usize = 2;

/// The findings of one rule.
pub(super) fn rule(
    page: &mut String,
    severity: Severity,
    findings: &[(&Report, &Finding)],
    masks: &Masks,
) {
    let Some((_, first)) = findings.first() else {
        return;
    };
    let rule = first.rule;
    let places = match findings.len() {
        1 => String::new(),
        many => format!(" <span class=\"places\">{many} places</span>"),
    };
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<article class=\"rule {severity}\">\n<div class=\"title\"><span class=\"pill\">{severity}</span> \
         <code class=\"id\">{}</code>{places}</div>\n<h2>{}</h2>\n<p class=\"why\">{}</p>\n",
        rule.id,
        code(&sentence(rule.title)),
        code(rule.why),
    );
    let same = findings
        .iter()
        .all(|(_, finding)| finding.help == first.help);
    for (report, finding) in findings {
        place(page, report, finding, !same, masks);
    }
    if same {
        help(page, &first.help, masks);
    }
    let _ = write!(
        page,
        "<p class=\"article\">Best practices: <a href=\"{}\" rel=\"noreferrer\">{}</a></p>\n</article>\n",
        escaped(rule.article.url()),
        escaped(rule.article.heading()),
    );
}

fn place(page: &mut String, report: &Report, finding: &Finding, with_help: bool, masks: &Masks) {
    let at = named(&finding.place, &report.target);
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<section class=\"place\">\n<h3>{}</h3>\n<p class=\"at\">{}</p>\n",
        code(&sentence(&masks.text(&finding.message))),
        escaped(&at),
    );
    if let Place::Code(at) = &finding.place {
        snippet(page, at, masks);
    }
    for related in &finding.related {
        let _ = writeln!(
            page,
            "<p class=\"related\">{} <span class=\"at\">{}</span></p>",
            code(&sentence(&masks.text(&related.label))),
            escaped(&related.place.to_string()),
        );
        snippet(page, &related.place, masks);
    }
    if let Some(doubt) = doubt(finding.confidence) {
        let _ = writeln!(page, "<p class=\"doubt\">{}</p>", escaped(&sentence(doubt)));
    }
    if with_help {
        help(page, &finding.help, masks);
    }
    page.push_str("</section>\n");
}

fn help(page: &mut String, help: &str, masks: &Masks) {
    // Writing to a string does not fail.
    let _ = writeln!(
        page,
        "<p class=\"help\"><strong>What to do</strong> {}</p>",
        code(&masks.text(help))
    );
}

fn snippet(page: &mut String, at: &Location, masks: &Masks) {
    let (number, _) = at.position();
    let span = at.span();
    page.push_str("<pre tabindex=\"0\">");
    let mut shown = Vec::new();
    for other in number.saturating_sub(AROUND).max(1)..=number + AROUND {
        let mark = (other == number).then_some(&span);
        shown.extend(Line::new(at.source(), other, mark, masks));
    }
    // Empty lines at the edges say nothing.
    while shown
        .first()
        .is_some_and(|line| line.number != number && line.text().trim().is_empty())
    {
        shown.remove(0);
    }
    while shown
        .last()
        .is_some_and(|line| line.number != number && line.text().trim().is_empty())
    {
        shown.pop();
    }
    for line in shown {
        let class = if line.number == number {
            " class=\"here\""
        } else {
            ""
        };
        let mark = if line.marked.is_empty() {
            String::new()
        } else {
            format!("<mark>{}</mark>", escaped(&line.marked))
        };
        // Writing to a string does not fail.
        let _ = write!(
            page,
            "<span{class}><i>{}</i>{}{mark}{}\n</span>",
            line.number,
            escaped(&line.before),
            escaped(&line.after),
        );
    }
    page.push_str("</pre>\n");
}

/// How a site stands, with what gave and took points.
pub(super) fn grade(page: &mut String, target: &str, grade: &Grade) {
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<section class=\"grade\">\n<p class=\"letter\">{}</p>\n<div>\n<h2>{} points of 100</h2>\n\
         <p>{} by the rules of MDN Observatory.</p>\n",
        escaped(&grade.letter),
        grade.score,
        escaped(target),
    );
    let counted = || grade.tests.iter().filter(|(_, _, points)| *points != 0);
    if counted().next().is_some() {
        page.push_str("<table>\n");
        for (name, found, points) in counted() {
            let class = if *points < 0 { "minus" } else { "plus" };
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"{class}\">{points:+}</td></tr>",
                escaped(name),
                escaped(found),
            );
        }
        page.push_str("</table>\n");
    }
    page.push_str("</div>\n</section>\n");
}

/// A text with its first letter large.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// A text whose parts in backticks are code.
pub(super) fn code(text: &str) -> String {
    let text = escaped(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        // One of them does not close.
        return text;
    }
    let mut html = String::new();
    for (number, part) in parts.into_iter().enumerate() {
        if number % 2 == 0 {
            html.push_str(part);
        } else {
            html.push_str("<code>");
            html.push_str(part);
            html.push_str("</code>");
        }
    }
    html
}

/// Any text as text of a page, also between quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}
