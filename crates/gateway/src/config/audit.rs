//! `[audit]`: what `panoply audit` is told of this app; the gateway itself takes no notice of it.

use std::path::PathBuf;

use serde::Deserialize;

/// `[audit]`: what is looked for in this app, and what its own makers know better.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AuditConfig {
    /// Functions of the app's own that limit logins, by name: `limiters = ["slowDown"]`.
    pub limiters: Vec<String>,
    /// Only these rules or groups; all by default.
    pub only: Vec<String>,
    /// Not these rules or groups; none by default.
    pub skip: Vec<String>,
    /// Rules or groups that must be checked: the audit ends with 3 when one cannot be.
    pub require: Vec<String>,
    /// From which severity on the audit ends with 1; `low` by default.
    pub fail_on: Option<AuditLevel>,
    /// How sure a finding has to be to be told; `possible` by default.
    pub min_confidence: Option<AuditConfidence>,
    /// Advisories on disk, a file or a folder; a path is from the file it is written in.
    pub advisories: Option<PathBuf>,
    /// Whether no registry is asked for advisories; `false` by default.
    pub offline: bool,
    /// The findings that are known, as `--write-baseline` wrote them; a path is from the file it is
    /// written in.
    pub baseline: Option<PathBuf>,
}

/// From which severity on findings are a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuditLevel {
    /// Anything that was found.
    Info,
    /// What helps an attacker who has something else, and worse.
    Low,
    /// What opens something in some circumstances, and worse.
    Medium,
    /// What opens something as it is.
    High,
    /// Nothing.
    Never,
}

/// How sure a finding has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuditConfidence {
    /// Something that could not be followed may make it right.
    Possible,
    /// It would take something unusual to make it right.
    Likely,
    /// All that decides it was seen.
    Certain,
}
