//! What is wrong with a header's value, wherever it was seen: in an answer, or in the source.

use super::grade::{Policy, max_age};
use crate::rule::Severity;

/// Half a year, with which browsers come through a holiday.
const LONG_ENOUGH: u64 = 15_552_000;

/// Of `Strict-Transport-Security`.
pub(crate) fn hsts(value: &str) -> Option<(Severity, String)> {
    match max_age(value) {
        Some(0) => {
            let message = format!("`Strict-Transport-Security: {value}` makes browsers forget it");
            Some((Severity::Medium, message))
        }
        Some(seconds) if seconds < LONG_ENOUGH => {
            let days = seconds / (24 * 60 * 60);
            let message = format!("`Strict-Transport-Security: {value}` lasts {days} days only");
            Some((Severity::Low, message))
        }
        Some(_) => None,
        None => {
            let message =
                format!("`Strict-Transport-Security: {value}` is not one that browsers read");
            Some((Severity::Medium, message))
        }
    }
}

/// Of `X-Content-Type-Options`.
pub(crate) fn nosniff(value: &str) -> Option<String> {
    // Fetch standard: the first of several counts.
    let first = value.split(',').next().unwrap_or_default().trim();
    (!first.eq_ignore_ascii_case("nosniff"))
        .then(|| format!("`X-Content-Type-Options: {value}` is none that browsers know"))
}

/// Of `X-Frame-Options`.
pub(crate) fn frame(value: &str) -> Option<String> {
    let known = |word: &str| {
        let word = word.trim();
        word.eq_ignore_ascii_case("deny") || word.eq_ignore_ascii_case("sameorigin")
    };
    (!value.split(',').all(known)).then(|| {
        format!(
            "`X-Frame-Options: {value}` is none that browsers heed: `DENY` and `SAMEORIGIN` are"
        )
    })
}

/// Of `Content-Security-Policy`, as far as scripts are concerned.
pub(crate) fn policy(value: &str) -> Option<(Severity, String)> {
    let Some(policy) = read(value) else {
        let message = format!("`Content-Security-Policy: {value}` cannot be read");
        return Some((Severity::Medium, message));
    };
    weakness(&policy)
}

/// A policy, if it can be read.
pub(crate) fn read(value: &str) -> Option<Policy> {
    Policy::read(&[value.to_owned()]).ok()
}

/// What a policy lets scripts do, if that is too much; the least comes first.
pub(crate) fn weakness(policy: &Policy) -> Option<(Severity, String)> {
    let Some(name) = policy.deciding("script-src") else {
        return Some((
            Severity::High,
            "the Content-Security-Policy says nothing of scripts: `script-src` and `default-src` are missing".to_owned(),
        ));
    };
    let sources = policy.get(name)?;
    let has = |word: &str| sources.contains(word);
    let proof = sources.iter().any(|source| {
        ["'nonce-", "'sha256-", "'sha384-", "'sha512-"]
            .iter()
            .any(|start| source.starts_with(start))
    });
    // Browsers that know nonces ignore `'unsafe-inline'` beside one, and hosts beside `'strict-dynamic'`.
    let dynamic = proof && has("'strict-dynamic'");
    if has("'unsafe-inline'") && !proof && !has("'strict-dynamic'") {
        let message = format!(
            "`{name}` of the Content-Security-Policy has `'unsafe-inline'`: a script that gets into a page runs"
        );
        return Some((Severity::Medium, message));
    }
    let broad = [
        "*",
        "https:",
        "http:",
        "data:",
        "blob:",
        "https://*",
        "http://*",
        "http://*.*",
        "https://*.*",
    ];
    if let Some(source) = broad
        .into_iter()
        .find(|source| has(source))
        .filter(|_| !dynamic)
    {
        let message = format!(
            "`{name}` of the Content-Security-Policy has `{source}`: scripts may come from anywhere"
        );
        return Some((Severity::Medium, message));
    }
    if has("'unsafe-eval'") {
        let message = format!(
            "`{name}` of the Content-Security-Policy has `'unsafe-eval'`: text may be run as script"
        );
        return Some((Severity::Low, message));
    }
    if policy.deciding("object-src").is_none() {
        let message =
            "the Content-Security-Policy says nothing of plugins: `object-src 'none'` is missing";
        return Some((Severity::Low, message.to_owned()));
    }
    None
}
