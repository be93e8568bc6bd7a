//! What a program that started the audit is told by its exit code.

use crate::report::Report;
use crate::rule::{Rule, Seen, Severity};
use crate::select::Pick;

/// From which severity on findings are a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailOn {
    /// Findings of this severity and of worse.
    Severity(Severity),
    /// None are.
    Never,
}

impl Default for FailOn {
    /// Low: what is only worth knowing fails no build.
    fn default() -> Self {
        Self::Severity(Severity::Low)
    }
}

/// How an audit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing at or above the severity that counts.
    Clean,
    /// So many findings that count.
    Findings(usize),
    /// Checks that were asked for could not be made; each with why.
    Unmade(Vec<(&'static Rule, String)>),
}

impl Verdict {
    /// The verdict on reports, of which findings `fail_on` count and the checks `required` were asked for.
    ///
    /// A check that could not be made outweighs findings: without it nobody knows how many there are.
    pub fn of(reports: &[Report], fail_on: FailOn, required: &[Pick]) -> Self {
        let unmade = unmade(reports, required);
        if !unmade.is_empty() {
            return Self::Unmade(unmade);
        }
        let FailOn::Severity(least) = fail_on else {
            return Self::Clean;
        };
        let findings = reports.iter().flat_map(|report| &report.findings);
        match findings.filter(|finding| finding.severity >= least).count() {
            0 => Self::Clean,
            count => Self::Findings(count),
        }
    }

    /// The exit code that tells it.
    pub fn code(&self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Findings(_) => 1,
            Self::Unmade(_) => 3,
        }
    }
}

fn unmade(reports: &[Report], required: &[Pick]) -> Vec<(&'static Rule, String)> {
    let site = reports.iter().any(Report::is_site);
    let source = reports.iter().any(|report| !report.is_site());
    let mut unmade: Vec<(&'static Rule, String)> = Vec::new();
    for pick in required {
        let refused = reports.iter().flat_map(|report| &report.not_checked);
        let refused = refused.filter(|entry| pick.is(entry.rule));
        unmade.extend(refused.map(|entry| (entry.rule, entry.reason.clone())));
        // Of a group what can be seen is asked for; a rule that is named is asked for itself.
        if let Pick::Rule(rule) = *pick {
            let reason = match rule.seen {
                Seen::Live if !site => "it is seen on a site that runs, and no address was given",
                Seen::Static if !source => "it is seen in source code, and no folder was given",
                _ => continue,
            };
            unmade.push((rule, reason.to_owned()));
        }
    }
    unmade.sort_by(|a, b| (a.0.id, &a.1).cmp(&(b.0.id, &b.1)));
    unmade.dedup();
    unmade
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, Place};
    use crate::rules;

    #[test]
    fn a_verdict_counts_what_was_asked_for() {
        let mut report = Report::new("shop");
        let low = FailOn::default();
        assert_eq!(Verdict::of(&[report.clone()], low, &[]).code(), 0);
        report.push(Finding::new(&rules::cookie::NO_EXPIRY, Place::Target, "x"));
        assert_eq!(Verdict::of(&[report.clone()], low, &[]).code(), 0);
        report.push(Finding::new(&rules::cookie::NO_SECURE, Place::Target, "x"));
        let of = |report: &Report, fail_on, required: &[&str]| {
            let required: Vec<Pick> = required.iter().map(|name| name.parse().unwrap()).collect();
            Verdict::of(std::slice::from_ref(report), fail_on, &required)
        };
        assert_eq!(of(&report, low, &[]), Verdict::Findings(1));
        let info = FailOn::Severity(Severity::Info);
        assert_eq!(of(&report, info, &[]), Verdict::Findings(2));
        assert_eq!(of(&report, FailOn::Never, &[]), Verdict::Clean);
        assert_eq!(of(&report, low, &["deps"]).code(), 1);
        report.not_checked(&rules::deps::VULNERABLE, "no advisories");
        assert_eq!(of(&report, low, &["deps"]).code(), 3);
        assert_eq!(of(&report, low, &["deps/vulnerable"]).code(), 3);
        assert_eq!(of(&report, low, &["deps/no-lockfile"]).code(), 1);
        assert_eq!(of(&report, low, &["tls/cert"]).code(), 3);
        report.target = "https://shop.example".to_owned();
        assert_eq!(of(&report, low, &["tls/cert"]).code(), 1);
        assert_eq!(of(&report, low, &["session/memory-store"]).code(), 3);
    }
}
