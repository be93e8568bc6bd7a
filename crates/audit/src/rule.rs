//! What is looked for: an id, how bad it is, why, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that an app may lack.
///
/// All of them are in [`RULES`](crate::RULES); a finding names one.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// Its stable name, `group/what`, such as `session/default-name`.
    pub id: &'static str,
    /// How bad a finding is unless it says otherwise.
    pub severity: Severity,
    /// What is wrong, in a line, lower-case and without a full stop.
    pub title: &'static str,
    /// What an attacker gains by it, or what breaks: one to three sentences.
    pub why: &'static str,
    /// What to do where the finding itself does not know better.
    pub help: &'static str,
    /// The section of the article that asks for it.
    pub article: Article,
    /// Where it can be seen.
    pub seen: Seen,
}

impl Rule {
    /// The group in front of the slash.
    pub fn group(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(group, _)| group)
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing; nothing is open.
    Info,
    /// It helps an attacker who has something else.
    Low,
    /// It opens something in some circumstances.
    Medium,
    /// It opens something as it is.
    High,
}

impl Severity {
    /// `info`, `low`, `medium` or `high`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a rule looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Seen {
    /// In the source, the lock file and what lies beside them.
    Static,
    /// In what a running site answers.
    Live,
    /// In both.
    Both,
}

/// A section of "Security Best Practices for Using Express Apps in Production".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum Article {
    /// "Don't use deprecated or vulnerable versions of Express".
    Versions,
    /// "Use TLS".
    Tls,
    /// "Do not trust user input".
    Input,
    /// "Use Helmet".
    Helmet,
    /// "Reduce fingerprinting".
    Fingerprinting,
    /// "Use cookies securely".
    Cookies,
    /// "Prevent brute-force attacks against authorization".
    BruteForce,
    /// "Ensure your dependencies are secure".
    Dependencies,
    /// "Additional considerations".
    Considerations,
}

impl Article {
    /// The section's heading.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Versions => "Don't use deprecated or vulnerable versions of Express",
            Self::Tls => "Use TLS",
            Self::Input => "Do not trust user input",
            Self::Helmet => "Use Helmet",
            Self::Fingerprinting => "Reduce fingerprinting",
            Self::Cookies => "Use cookies securely",
            Self::BruteForce => "Prevent brute-force attacks against authorization",
            Self::Dependencies => "Ensure your dependencies are secure",
            Self::Considerations => "Additional considerations",
        }
    }

    /// The section's address.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Versions => {
                "https://expressjs.com/en/advanced/best-practice-security.html#dont-use-deprecated-or-vulnerable-versions-of-express"
            }
            Self::Tls => "https://expressjs.com/en/advanced/best-practice-security.html#use-tls",
            Self::Input => {
                "https://expressjs.com/en/advanced/best-practice-security.html#do-not-trust-user-input"
            }
            Self::Helmet => {
                "https://expressjs.com/en/advanced/best-practice-security.html#use-helmet"
            }
            Self::Fingerprinting => {
                "https://expressjs.com/en/advanced/best-practice-security.html#reduce-fingerprinting"
            }
            Self::Cookies => {
                "https://expressjs.com/en/advanced/best-practice-security.html#use-cookies-securely"
            }
            Self::BruteForce => {
                "https://expressjs.com/en/advanced/best-practice-security.html#prevent-brute-force-attacks-against-authorization"
            }
            Self::Dependencies => {
                "https://expressjs.com/en/advanced/best-practice-security.html#ensure-your-dependencies-are-secure"
            }
            Self::Considerations => {
                "https://expressjs.com/en/advanced/best-practice-security.html#additional-considerations"
            }
        }
    }
}
