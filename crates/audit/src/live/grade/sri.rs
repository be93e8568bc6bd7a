//! The test of scripts from other hosts.

use super::{Outcome, Sight, outcome};
use crate::live::domain::registered_at_registry;
use crate::live::page::{Page, Script};
use url::Url;

/// What scripts are like, from good to bad, as the Observatory ranks them.
const RANKED: [Outcome; 4] = [
    outcome("sri-implemented-and-all-scripts-loaded-securely", 5),
    outcome(
        "sri-implemented-but-external-scripts-not-loaded-securely",
        -20,
    ),
    outcome(
        "sri-not-implemented-but-external-scripts-loaded-securely",
        -5,
    ),
    outcome(
        "sri-not-implemented-and-external-scripts-not-loaded-securely",
        -50,
    ),
];

/// Where a script comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From this site, or a host of the same domain.
    Own,
    /// From elsewhere, over HTTPS.
    Foreign,
    /// From elsewhere, over plain HTTP or over whatever the page came by.
    ForeignPlain,
}

pub(super) fn test(sight: &Sight<'_>) -> Outcome {
    let Some(page) = sight.page else {
        let kind = sight.answer().media_type();
        return if matches!(&*kind, "text/html" | "application/xhtml+xml") {
            outcome("sri-not-implemented-but-no-scripts-loaded", 0)
        } else {
            outcome("sri-not-implemented-response-not-html", 0)
        };
    };
    if page.scripts.is_empty() {
        return outcome("sri-not-implemented-but-no-scripts-loaded", 0);
    }
    let host = sight.visit.start.host_str().unwrap_or_default();
    let mut worst: Option<usize> = None;
    let mut foreign = false;
    for script in &page.scripts {
        let Some((origin, secure)) = origin(page, script, host, sight.is_secure()) else {
            continue;
        };
        let whole = script
            .integrity
            .as_deref()
            .is_some_and(|hash| !hash.is_empty());
        foreign |= origin != Origin::Own;
        let rank = match (origin, whole) {
            (Origin::Own, true) if secure => worst.is_none().then_some(0),
            (Origin::Own, _) | (Origin::Foreign, true) => None,
            (Origin::ForeignPlain, true) => Some(1),
            (Origin::Foreign, false) => Some(2),
            (Origin::ForeignPlain, false) => Some(3),
        };
        worst = worst.max(rank);
    }
    match worst.and_then(|at| RANKED.get(at)) {
        Some(outcome) => *outcome,
        None if foreign => outcome("sri-implemented-and-external-scripts-loaded-securely", 5),
        None => outcome(
            "sri-not-implemented-but-all-scripts-loaded-from-secure-origin",
            0,
        ),
    }
}

/// Where a script comes from, and whether over HTTPS; none for one that stands in the page.
pub(crate) fn origin(
    page: &Page,
    script: &Script,
    host: &str,
    secure_page: bool,
) -> Option<(Origin, bool)> {
    let written = script.src.as_deref()?;
    let address = page.absolute(written);
    let text = address.as_ref().map_or(written, Url::as_str);
    if text.is_empty() {
        return None;
    }
    // `//host/…`, of which the page alone does not say over what it comes.
    let relative = text
        .strip_prefix("//")
        .is_some_and(|rest| !rest.starts_with('/') && !rest.is_empty());
    if relative {
        return Some((Origin::ForeignPlain, false));
    }
    let Some(address) = address.filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return Some((Origin::Own, secure_page));
    };
    let secure = address.scheme() == "https";
    let from = registered_at_registry(address.host_str().unwrap_or_default());
    Some(if from == registered_at_registry(host) {
        (Origin::Own, secure)
    } else if secure {
        (Origin::Foreign, true)
    } else {
        (Origin::ForeignPlain, false)
    })
}
