//! For people, at a terminal or in the log of a build.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use annotate_snippets::renderer::{AnsiColor, DecorStyle, Effects, Style};
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::line::Line;
use super::place::named;
use super::summary::{self, WORST_FIRST};
use super::{Look, Masks, visible};
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rule::Severity;
use crate::source::Location;

/// The findings as a compiler prints its own, the worst first, and a summary.
pub fn text(reports: &[Report], look: &Look) -> String {
    let masks = Masks::of(reports);
    let renderer = renderer(look);
    let mut text = String::new();
    for severity in WORST_FIRST {
        for (_, findings) in by_rule(reports, severity) {
            // What one rule has to say is said with its first finding.
            let mut said = None;
            for (report, finding) in findings {
                let block = block(report, finding, said, &masks, look);
                said = Some(finding);
                text.push_str(&with_columns(renderer.render(&[block.group]), &block.moved));
                text.push_str("\n\n");
            }
        }
    }
    end(&mut text, reports, look, &masks);
    text
}

/// The findings of a severity by their rules, the rule whose findings are surest first.
pub(super) fn by_rule(
    reports: &[Report],
    severity: Severity,
) -> Vec<(&'static str, Vec<(&Report, &Finding)>)> {
    let mut rules: Vec<(&'static str, Vec<(&Report, &Finding)>)> = Vec::new();
    for report in reports {
        for finding in report
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
        {
            let id = finding.rule.id;
            match rules.iter_mut().find(|(rule, _)| *rule == id) {
                Some((_, findings)) => findings.push((report, finding)),
                None => rules.push((id, vec![(report, finding)])),
            }
        }
    }
    rules
}

/// A finding as it is rendered, and columns that have to be put right afterwards.
struct Block<'a> {
    group: Group<'a>,
    /// A place as the renderer counts it in what it was given, and as it is.
    moved: BTreeMap<String, String>,
}

fn block<'a>(
    report: &Report,
    finding: &Finding,
    said: Option<&Finding>,
    masks: &Masks,
    look: &Look,
) -> Block<'a> {
    let name = finding.severity.as_str();
    let level = match finding.severity {
        Severity::High => Level::ERROR,
        Severity::Medium => Level::WARNING,
        Severity::Low => Level::INFO,
        Severity::Info => Level::NOTE,
    };
    let title = level
        .with_name(name)
        .primary_title(masks.text(&visible(&finding.message)).into_owned())
        .id(finding.rule.id)
        .id_url(finding.rule.article.url());
    let mut moved = BTreeMap::new();
    let mut elements: Vec<Element<'a>> = Vec::new();
    match &finding.place {
        Place::Code(at) => elements.push(snippet(at, None, masks, &mut moved)),
        place => {
            let place = visible(&named(place, &report.target));
            elements.push(Origin::path(place).into());
        }
    }
    for related in &finding.related {
        let label = masks.text(&visible(&related.label)).into_owned();
        elements.push(snippet(&related.place, Some(label), masks, &mut moved));
    }
    let mut note = |name: &'static str, said: &str| {
        let said = wrapped(&masks.text(&visible(said)), name, look.width);
        elements.push(Level::NOTE.with_name(name).message(said).into());
    };
    if said.is_none() {
        note("why", finding.rule.why);
    }
    if said.is_none_or(|said| said.help != finding.help) {
        note("help", &finding.help);
    }
    if let Some(fix) = &finding.fix {
        note("fix", &format!("`panoply audit --fix` can {}", fix.title));
    }
    if let Some(doubt) = doubt(finding.confidence) {
        note("confidence", doubt);
    }
    if said.is_none() {
        note("article", finding.rule.article.heading());
    }
    let group = title.elements(elements);
    Block { group, moved }
}

/// Why a finding may be wrong.
pub(super) fn doubt(confidence: Confidence) -> Option<&'static str> {
    match confidence {
        Confidence::Certain => None,
        Confidence::Likely => Some("likely; it would take something unusual to make it right"),
        Confidence::Possible => {
            Some("possible; something that could not be followed may make it right")
        }
    }
}

fn snippet<'a>(
    at: &Location,
    label: Option<String>,
    masks: &Masks,
    moved: &mut BTreeMap<String, String>,
) -> Element<'a> {
    let path = visible(at.source().path());
    let (number, column) = at.position();
    let Some(line) = Line::of(at, masks) else {
        return Origin::path(path).line(number).into();
    };
    let shown = line.before.chars().count() + 1;
    if shown != column {
        let place = |column| format!("{path}:{number}:{column}\n");
        moved.insert(place(shown), place(column));
    }
    let start = line.before.len();
    let kind = if label.is_none() {
        AnnotationKind::Primary
    } else {
        AnnotationKind::Context
    };
    let mark = kind.span(start..start + line.marked.len()).label(label);
    Snippet::source(line.text())
        .path(path)
        .line_start(number)
        .annotation(mark)
        .into()
}

/// Puts the columns of lines right that were shown in part.
fn with_columns(rendered: String, moved: &BTreeMap<String, String>) -> String {
    moved
        .iter()
        .fold(rendered, |text, (shown, real)| text.replace(shown, real))
}

fn end(text: &mut String, reports: &[Report], look: &Look, masks: &Masks) {
    let style = |style: Style| if look.colour { style } else { Style::new() };
    let strong = style(Style::new().effects(Effects::BOLD));
    let colour = reports
        .iter()
        .filter_map(|report| report.worst(Confidence::Possible))
        .max();
    let colour = style(match colour {
        Some(Severity::High) => AnsiColor::BrightRed.on_default().effects(Effects::BOLD),
        Some(Severity::Medium) => AnsiColor::Yellow.on_default().effects(Effects::BOLD),
        Some(_) => AnsiColor::BrightBlue.on_default().effects(Effects::BOLD),
        None => AnsiColor::BrightGreen.on_default().effects(Effects::BOLD),
    });
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{colour}{}{colour:#}",
        summary::summary(reports, look)
    );
    for report in reports {
        if let Some(grade) = &report.grade {
            let target = visible(&report.target);
            let _ = writeln!(
                text,
                "{strong}grade{strong:#} {} ({} of 100) for {target}, by MDN Observatory's rules",
                grade.letter, grade.score
            );
            for (name, found, points) in grade.tests.iter().filter(|(_, _, points)| *points != 0) {
                let _ = writeln!(
                    text,
                    "  {points:>+4}  {}: {}",
                    visible(name),
                    visible(found)
                );
            }
        }
    }
    let reasons = summary::not_checked(reports);
    if !reasons.is_empty() {
        let _ = writeln!(text, "\n{strong}not checked{strong:#}");
    }
    for (rules, reason) in reasons {
        let line = format!("{}: {}", rules.join(", "), masks.text(&visible(&reason)));
        let _ = writeln!(
            text,
            "  {}",
            wrapped(&line, "", look.width).replace('\n', "\n    ")
        );
    }
    let suppressed = summary::suppressed(reports).map(|by| format!("suppressed: {by}"));
    let fixable = match summary::fixable(reports) {
        0 => None,
        1 => Some("`panoply audit --fix` can put one of them right".to_owned()),
        count => Some(format!(
            "`panoply audit --fix` can put {count} of them right"
        )),
    };
    let unseen = summary::unseen(reports);
    let notes: Vec<String> = [suppressed, fixable, unseen]
        .into_iter()
        .flatten()
        .collect();
    if !notes.is_empty() {
        text.push('\n');
    }
    for note in notes {
        let _ = writeln!(text, "{}", wrapped(&note, "", look.width));
    }
}

/// A sentence broken between words; what stands in backticks stays on one line, to be copied whole.
fn wrapped(said: &str, name: &str, width: usize) -> String {
    let width = width.saturating_sub(name.len() + 8).max(30);
    let mut text = String::new();
    let mut used = 0;
    let mut quoted = false;
    let words = said.split(|c| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    });
    for word in words {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            text.push('\n');
            used = 0;
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text
}

fn renderer(look: &Look) -> Renderer {
    let renderer = if look.colour {
        Renderer::styled().info(AnsiColor::BrightBlue.on_default().effects(Effects::BOLD))
    } else {
        Renderer::plain()
    };
    renderer.decor_style(DecorStyle::Ascii).term_width(1000)
}
