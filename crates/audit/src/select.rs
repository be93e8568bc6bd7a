//! Which rules and findings a person wants to see.

use std::fmt;
use std::str::FromStr;

use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rule::Rule;
use crate::rules::RULES;

/// A rule, or a group of them, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pick {
    /// One rule, such as `session/memory-store`.
    Rule(&'static Rule),
    /// All rules of a group, such as `session`.
    Group(&'static str),
}

impl Pick {
    /// Whether it means this rule.
    pub fn is(self, rule: &Rule) -> bool {
        match self {
            Self::Rule(picked) => picked.id == rule.id,
            Self::Group(group) => rule.group() == group,
        }
    }

    /// The rules that it means.
    pub fn rules(self) -> impl Iterator<Item = &'static Rule> {
        RULES.iter().copied().filter(move |rule| self.is(rule))
    }
}

impl FromStr for Pick {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        if let Some(rule) = crate::rule(name) {
            return Ok(Self::Rule(rule));
        }
        // `session/` and `session/*` are how other tools name a group.
        let group = name.trim_end_matches('*').trim_end_matches('/');
        let known = RULES.iter().map(|rule| rule.group());
        if let Some(group) = known.clone().find(|known| *known == group) {
            return Ok(Self::Group(group));
        }
        let lower = name.to_ascii_lowercase();
        // Who leaves the group out means the part behind it.
        let likeness = |known: &str| {
            let last = known.rsplit('/').next().unwrap_or(known);
            let last = strsim::jaro_winkler(&lower, last);
            strsim::jaro_winkler(&lower, known).max(last)
        };
        let nearest = RULES.iter().map(|rule| rule.id).chain(known);
        let nearest = nearest.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        Err(UnknownRule {
            name: name.to_owned(),
            nearest: nearest.filter(|known| likeness(known) > 0.75),
        })
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rule(rule) => rule.id,
            Self::Group(group) => group,
        })
    }
}

/// There is no rule and no group of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownRule {
    /// The name.
    pub name: String,
    /// What was meant, probably.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no rule `{}`", self.name)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => f.write_str("; `panoply audit --rules` lists them"),
        }
    }
}

impl std::error::Error for UnknownRule {}

/// Which findings are reported.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Selection {
    /// Of these rules alone; of all when empty.
    pub only: Vec<Pick>,
    /// Not of these.
    pub skip: Vec<Pick>,
    /// At least so sure; all when `None`.
    pub min_confidence: Option<Confidence>,
}

impl Selection {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether findings of a rule are wanted.
    pub fn wants(&self, rule: &Rule) -> bool {
        let among = |picks: &[Pick]| picks.iter().any(|pick| pick.is(rule));
        (self.only.is_empty() || among(&self.only)) && !among(&self.skip)
    }

    /// Takes away what is not wanted.
    pub fn apply(&self, report: &mut Report) {
        let wanted = |finding: &Finding| {
            let sure = self
                .min_confidence
                .is_none_or(|least| finding.confidence >= least);
            sure && self.wants(finding.rule)
        };
        let findings = std::mem::take(&mut report.findings);
        let (kept, dropped) = findings.into_iter().partition(wanted);
        report.findings = kept;
        // A line that is still shown for another rule must not tell what stands in it.
        let dropped: Vec<Finding> = dropped;
        for finding in dropped
            .into_iter()
            .filter(|finding| finding.rule.group() == "secrets")
        {
            report
                .secrets
                .extend(finding.related.into_iter().map(|related| related.place));
            if let Place::Code(place) = finding.place {
                report.secrets.push(place);
            }
        }
        report.not_checked.retain(|entry| self.wants(entry.rule));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;
    use crate::source::{Location, Source};

    #[test]
    fn names_of_rules_and_groups_are_known() {
        let pick: Pick = "session/memory-store".parse().unwrap();
        assert!(pick.is(&rules::session::MEMORY_STORE));
        assert!(!pick.is(&rules::session::DEFAULT_NAME));
        for name in ["session", "session/", "session/*"] {
            let pick: Pick = name.parse().unwrap();
            assert!(pick.is(&rules::session::DEFAULT_NAME), "{name}");
            assert!(!pick.is(&rules::cookie::NO_SECURE), "{name}");
        }
    }

    #[test]
    fn the_nearest_right_name_is_told() {
        let told = |name: &str| name.parse::<Pick>().unwrap_err().to_string();
        assert_eq!(
            told("session/memorystore"),
            "there is no rule `session/memorystore`; did you mean `session/memory-store`?"
        );
        assert_eq!(
            told("memory-store"),
            "there is no rule `memory-store`; did you mean `session/memory-store`?"
        );
        assert_eq!(
            told("sesion"),
            "there is no rule `sesion`; did you mean `session`?"
        );
        assert_eq!(
            told("zzz"),
            "there is no rule `zzz`; `panoply audit --rules` lists them"
        );
    }

    #[test]
    fn what_is_not_wanted_goes_but_its_secrets_are_remembered() {
        let source = Source::new("a.js", "secret: 'abc'");
        let place = Location::new(&source, 8..13);
        let mut report = Report::new(".");
        report.push(Finding::new(
            &rules::secrets::HARDCODED,
            Place::Code(place.clone()),
            "x",
        ));
        report.push(Finding::new(&rules::cookie::NO_SECURE, Place::Target, "y"));
        let unsure = Finding::new(&rules::cookie::NO_EXPIRY, Place::Target, "z");
        report.push(unsure.confidence(Confidence::Possible));
        report.not_checked(&rules::secrets::SAMPLE_ENV, "no");
        let selection = Selection {
            skip: vec!["secrets".parse().unwrap()],
            min_confidence: Some(Confidence::Likely),
            ..Selection::new()
        };
        selection.apply(&mut report);
        assert_eq!(report.findings.len(), 1);
        assert_eq!(report.secrets, [place]);
        assert!(report.not_checked.is_empty());
    }
}
