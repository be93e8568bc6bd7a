//! `fingerprint/*`: what tells what runs.

use super::super::scene::Scene;
use super::place;
use crate::finding::Finding;
use crate::report::Report;
use crate::rules::fingerprint::{SERVER, X_POWERED_BY};

pub(super) fn check(scene: &Scene<'_>, report: &mut Report) {
    // The same at every address is said once, of the first.
    let mut said = Vec::new();
    for answer in scene.answers() {
        let powered = answer.filled("x-powered-by");
        let powered = powered.filter(|value| !said.contains(value) && tells(value));
        if let Some(value) = powered {
            let message = format!("`X-Powered-By: {value}` tells what runs here");
            let finding = Finding::new(&X_POWERED_BY, place(answer), message);
            report.push(if value == "Express" {
                finding
            } else {
                finding.help("Leave `X-Powered-By` out.")
            });
            said.push(value);
        }
        let server = answer.filled("server").filter(|value| has_version(value));
        if let Some(value) = server.filter(|value| !said.contains(value)) {
            let message = format!("`Server: {value}` tells which version runs here");
            report.push(Finding::new(&SERVER, place(answer), message));
            said.push(value);
        }
    }
}

/// Whether an `X-Powered-By` says anything, or only that it does not.
fn tells(value: &str) -> bool {
    let value = value.trim().to_ascii_lowercase();
    let nothing = [
        "hidden",
        "none",
        "unknown",
        "null",
        "undefined",
        "n/a",
        "redacted",
    ];
    value.contains(char::is_alphanumeric) && !nothing.contains(&&*value)
}

/// Whether a `Server` tells a version, such as `nginx/1.18.0`.
fn has_version(value: &str) -> bool {
    value.split_whitespace().any(|word| {
        let version = word.split_once('/').map(|(_, version)| version);
        version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_tells_nothing() {
        for value in ["hidden", "None", "-", "***", "n/a"] {
            assert!(!tells(value), "{value}");
        }
        for value in ["Express", "PHP/8.3", "a hidden power"] {
            assert!(tells(value), "{value}");
        }
    }

    #[test]
    fn a_version_is_a_number_behind_a_name() {
        for value in ["nginx/1.18.0", "Apache/2.4.41 (Ubuntu)", "x PHP/8"] {
            assert!(has_version(value), "{value}");
        }
        for value in ["nginx", "cloudflare", "Apache (Ubuntu)", "a/b", ""] {
            assert!(!has_version(value), "{value}");
        }
    }
}
