//! What an audit found, and what it could not check.

use serde::Serialize;

use crate::finding::{Confidence, Finding, Place};
use crate::rule::{Rule, Severity};
use crate::source::Location;

/// What an audit found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// What was looked at, as the person wrote it.
    pub target: String,
    /// What is missing, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be checked, and why.
    pub not_checked: Vec<NotChecked>,
    /// The grade of the live part, by MDN Observatory's rules.
    pub grade: Option<Grade>,
    /// How many files were read.
    pub files: usize,
    /// What a comment in the code or a baseline took away.
    pub suppressed: Vec<Suppressed>,
    /// Where secrets stand that are not reported, so that no line that is shown tells them.
    pub(crate) secrets: Vec<Location>,
}

impl Report {
    /// An empty report on a target.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            ..Self::default()
        }
    }

    /// Whether the target is a site, not a folder.
    pub fn is_site(&self) -> bool {
        ["http://", "https://"].iter().any(|scheme| {
            let start = self.target.get(..scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Says that a rule could not be checked.
    pub fn not_checked(&mut self, rule: &'static Rule, reason: impl Into<String>) {
        let entry = NotChecked {
            rule,
            reason: reason.into(),
        };
        if !self.not_checked.contains(&entry) {
            self.not_checked.push(entry);
        }
    }

    /// Takes over what another part found.
    pub fn merge(&mut self, other: Self) {
        self.findings.extend(other.findings);
        for entry in other.not_checked {
            self.not_checked(entry.rule, entry.reason);
        }
        self.grade = self.grade.take().or(other.grade);
        self.files += other.files;
        self.suppressed.extend(other.suppressed);
        self.secrets.extend(other.secrets);
    }

    /// Puts the worst first, then by place; the same thing at the same place is said once.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            let key = |finding: &Finding| (finding.severity, finding.confidence);
            let by = key(b).cmp(&key(a));
            by.then_with(|| place(&a.place).cmp(&place(&b.place)))
                .then_with(|| a.rule.id.cmp(b.rule.id))
                .then_with(|| a.message.cmp(&b.message))
        });
        self.findings.dedup_by(|a, b| {
            a.rule.id == b.rule.id && a.place == b.place && a.message == b.message
        });
        self.not_checked
            .sort_by(|a, b| (a.rule.id, &a.reason).cmp(&(b.rule.id, &b.reason)));
    }

    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        let of = |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(of).count()
    }

    /// The worst severity of what is at least as sure as `confidence`.
    pub fn worst(&self, confidence: Confidence) -> Option<Severity> {
        let sure = |finding: &&Finding| finding.confidence >= confidence;
        let sure = self.findings.iter().filter(sure);
        sure.map(|finding| finding.severity).max()
    }
}

fn place(place: &Place) -> (u8, &str, usize) {
    match place {
        Place::Target => (0, "", 0),
        Place::Code(at) => (1, at.source().path(), at.span().start),
        Place::Url(url) => (2, url, 0),
    }
}

/// A rule that could not be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotChecked {
    /// What was to be looked for.
    pub rule: &'static Rule,
    /// Why that could not be done, and what to do about it.
    pub reason: String,
}

/// A finding that somebody has decided about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Suppressed {
    /// What was found.
    pub finding: Finding,
    /// Who decided.
    pub by: SuppressedBy,
}

/// What took a finding away.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuppressedBy {
    /// A comment in the code, with its reason if it has one.
    Comment(Option<String>),
    /// A baseline.
    Baseline,
}

/// How a site stands by MDN Observatory's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Grade {
    /// `A+` to `F`.
    pub letter: String,
    /// 0 to 145.
    pub score: u16,
    /// Each test: its name, what it found, and how many points that gives or takes.
    pub tests: Vec<(String, String, i16)>,
}

impl Grade {
    /// A grade of these tests.
    pub fn new(letter: String, score: u16, tests: Vec<(String, String, i16)>) -> Self {
        Self {
            letter,
            score,
            tests,
        }
    }
}
