//! Comments in the code that take a finding away: `// panoply-ignore RULE -- reason [until=DATE]`.
//!
//! A comment at the end of a line is for that line; one that stands alone is for the next line that
//! is more than a comment. `panoply-ignore-file` is for the whole file. Each is itself reported when
//! it has no reason, when its time has come, and when there is nothing that it suppresses.

mod comments;
mod directive;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

use std::sync::Arc;
use std::thread;

use jiff::civil::Date;

use self::directive::Directive;
use crate::finding::{Finding, Place};
use crate::project::Project;
use crate::report::{Report, Suppressed, SuppressedBy};
use crate::rule::{Rule, Seen};
use crate::rules;
use crate::select::Pick;
use crate::source::{Location, Source};

/// Source nests, and its parser with it; only what is used is ever touched.
const STACK: usize = 256 << 20;

/// A directive, where it stands, and which line it is for.
struct Suppression {
    directive: Directive,
    place: Location,
    /// `None` for the whole file.
    line: Option<usize>,
    used: Vec<bool>,
}

/// Takes away what comments suppress, and reports the comments that are wrong.
pub(crate) fn apply(project: &Project, report: &mut Report, today: Date) {
    let read_all = || {
        let paths = project.paths().filter(|path| can_hold(path));
        let sources = paths.filter_map(|path| project.read(path));
        sources.flat_map(|source| read(&source)).collect::<Vec<_>>()
    };
    let suppressions = thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK);
        let thread = builder.spawn_scoped(scope, read_all);
        thread.ok().and_then(|thread| thread.join().ok())
    });
    // Without a thread nothing is suppressed: too much is told, not too little.
    let suppressions = suppressions.unwrap_or_default();
    settle(suppressions, report, today);
}

/// Whether a file of this name may have a comment for the audit in it.
fn can_hold(path: &str) -> bool {
    // The largest files of a project, and no comments in them.
    ![".json", ".map", ".svg", ".min.js", ".md"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

fn read(source: &Arc<Source>) -> Vec<Suppression> {
    let mut found = Vec::new();
    for range in comments::of(source, "panoply-ignore") {
        let text = source.text().get(range.clone()).unwrap_or_default();
        let Some(directive) = directive::parse(text) else {
            continue;
        };
        let span = directive.span.clone();
        let place = Location::new(source, range.start + span.start..range.start + span.end);
        let line = (!directive.file).then(|| line(source, range.start, range.end));
        let used = vec![false; directive.picks.len()];
        found.push(Suppression {
            directive,
            place,
            line,
            used,
        });
    }
    found
}

/// The line that a comment at these bytes is for.
fn line(source: &Source, start: usize, end: usize) -> usize {
    let (number, _) = source.position(start);
    let before = source
        .line_start(number)
        .and_then(|from| source.text().get(from..start));
    let before = before.unwrap_or_default().trim();
    if !before.is_empty() && before != "{" {
        return number;
    }
    let (last, _) = source.position(end);
    let next = (last + 1..).take_while(|number| source.line(*number).is_some());
    // Other comments, of this kind or another, may stand between.
    let mut code = next.filter(|number| {
        let line = source.line(*number).unwrap_or_default().trim();
        !(line.is_empty()
            || ["//", "/*", "*", "#", "{/*"]
                .iter()
                .any(|mark| line.starts_with(mark)))
    });
    code.next().unwrap_or(number)
}

fn settle(mut suppressions: Vec<Suppression>, report: &mut Report, today: Date) {
    let findings = std::mem::take(&mut report.findings);
    for finding in findings {
        let by = suppressions
            .iter_mut()
            .filter(|suppression| suppression.is_in_force(today))
            .find_map(|suppression| suppression.take(&finding));
        match by {
            Some(by) => report.suppressed.push(Suppressed { finding, by }),
            None => report.findings.push(finding),
        }
    }
    for suppression in suppressions {
        suppression.complain(report, today);
    }
}

impl Suppression {
    fn is_in_force(&self, today: Date) -> bool {
        match &self.directive.until {
            None => true,
            Some(Ok(until)) => today <= *until,
            Some(Err(_)) => false,
        }
    }

    /// Notes that it has taken a finding away, if it does.
    fn take(&mut self, finding: &Finding) -> Option<SuppressedBy> {
        let Place::Code(at) = &finding.place else {
            return None;
        };
        let same_file = at.source().path() == self.place.source().path();
        let same_line = self.line.is_none_or(|line| at.position().0 == line);
        if !(same_file && same_line) {
            return None;
        }
        let means =
            |pick: &Result<Pick, String>| pick.as_ref().is_ok_and(|pick| pick.is(finding.rule));
        let which = self.directive.picks.iter().position(means)?;
        if let Some(used) = self.used.get_mut(which) {
            *used = true;
        }
        Some(SuppressedBy::Comment(self.directive.reason.clone()))
    }

    fn complain(self, report: &mut Report, today: Date) {
        let place = || Place::Code(self.place.clone());
        if self.directive.reason.is_none() {
            let message = "this comment suppresses a finding and does not say why";
            report.push(Finding::new(&rules::audit::NO_REASON, place(), message));
        }
        match &self.directive.until {
            Some(Err(word)) => {
                let message = format!("`until={word}` is no date, so nothing is suppressed");
                let finding = Finding::new(&rules::audit::EXPIRED_SUPPRESSION, place(), message);
                report.push(finding.help(format!("Write it as `until={today}`.")));
                return;
            }
            Some(Ok(until)) if today > *until => {
                let message = format!("this suppression ended on {until}");
                report.push(Finding::new(
                    &rules::audit::EXPIRED_SUPPRESSION,
                    place(),
                    message,
                ));
                return;
            }
            _ => {}
        }
        if self.directive.picks.is_empty() {
            let message = "this comment names no rule, so nothing is suppressed";
            let finding = Finding::new(&rules::audit::STALE_SUPPRESSION, place(), message);
            report.push(finding.help("Name the rule: `panoply-ignore RULE -- the reason`."));
        }
        for (pick, used) in self.directive.picks.iter().zip(&self.used) {
            let (message, help) = match pick {
                Err(error) => (error.clone(), "Write the rule's name as a report has it."),
                Ok(_) if *used => continue,
                Ok(pick) if !is_decidable(*pick, report) => continue,
                Ok(pick) => (self.idle(*pick), rules::audit::STALE_SUPPRESSION.help),
            };
            let finding = Finding::new(&rules::audit::STALE_SUPPRESSION, place(), message);
            report.push(finding.help(help));
        }
    }

    /// What is said of a suppression that suppresses nothing.
    fn idle(&self, pick: Pick) -> String {
        if pick.rules().all(|rule| rule.seen == Seen::Live) {
            return format!("{pick} is seen on the running site, where no comment suppresses it");
        }
        match self.line {
            Some(line) => format!("this comment suppresses {pick} on line {line}, which has none"),
            None => format!("this comment suppresses {pick} in this file, which has none"),
        }
    }
}

/// Whether a finding of these rules would have been seen if there was one.
fn is_decidable(pick: Pick, report: &Report) -> bool {
    let refused = |rule: &Rule| report.not_checked.iter().any(|not| not.rule.id == rule.id);
    !pick.rules().any(refused)
}

#[cfg(test)]
mod tests;
