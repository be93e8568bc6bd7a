//! One thing that is missing, where, and what to do about it.

use std::ops::Range;

use serde::Serialize;

use crate::rule::{Rule, Severity};
use crate::source::Location;

/// One thing that an app lacks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked for.
    pub rule: &'static Rule,
    /// How bad it is here; the rule's own unless set.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// Where it is.
    pub place: Place,
    /// What is wrong here, naming the names that stand there.
    pub message: String,
    /// What to do here, with the very line to write.
    pub help: String,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// What `--fix` may write, if that cannot break the app.
    pub fix: Option<Fix>,
}

impl Finding {
    /// A finding of a rule, with the rule's severity and help, and certain.
    pub fn new(rule: &'static Rule, place: Place, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: rule.severity,
            confidence: Confidence::Certain,
            place,
            message: message.into(),
            help: rule.help.to_owned(),
            related: Vec::new(),
            fix: None,
        }
    }

    /// Says how bad it is here.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Says how sure it is.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Says what to do here.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Names another place that belongs to it, and what that is.
    #[must_use]
    pub fn related(mut self, place: Location, label: impl Into<String>) -> Self {
        let label = label.into();
        self.related.push(Related { place, label });
        self
    }

    /// Offers what `--fix` may write.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Confidence {
    /// Something that could not be followed may make it right.
    Possible,
    /// It would take something unusual to make it right.
    Likely,
    /// All that decides it was seen.
    Certain,
}

impl Confidence {
    /// `possible`, `likely` or `certain`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// Where a finding is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a file.
    Code(Location),
    /// In what an address answered.
    Url(String),
    /// In the target as a whole.
    Target,
}

/// Another place that belongs to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Related {
    /// Where.
    pub place: Location,
    /// What that is, in a few words.
    pub label: String,
}

/// A change of a file that cannot break the app.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fix {
    /// What it does, in the imperative: ``add `app.disable('x-powered-by')` ``.
    pub title: String,
    /// What is written, in one file; no two overlap.
    pub edits: Vec<Edit>,
}

impl Fix {
    /// A change that consists of these edits.
    pub fn new(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        let title = title.into();
        Self { title, edits }
    }
}

/// What is written in place of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edit {
    /// Where; empty where something is put in.
    pub place: Location,
    /// What is written there.
    pub text: String,
}

impl Edit {
    /// Puts text in place of what stands there.
    pub fn new(place: Location, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { place, text }
    }

    /// The bytes that it replaces.
    pub fn span(&self) -> Range<usize> {
        self.place.span()
    }
}
