//! The test of the Referrer-Policy.

use super::{Outcome, Sight, outcome};

/// Those that keep paths to the site itself.
pub(crate) const PRIVATE: [&str; 4] = [
    "no-referrer",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
];
const TELLING: [&str; 4] = [
    "origin",
    "origin-when-cross-origin",
    "unsafe-url",
    "no-referrer-when-downgrade",
];

pub(super) fn test(sight: &Sight<'_>) -> Outcome {
    let header = sight.answer().header("referrer-policy");
    let meta = sight.page.and_then(|page| page.referrer.clone());
    let values: Vec<String> = header.into_iter().chain(meta).collect();
    if values.is_empty() {
        return outcome("referrer-policy-not-implemented", 0);
    }
    // The last that is known counts.
    let all = values.join(",").to_lowercase();
    let known = |word: &&str| PRIVATE.contains(word) || TELLING.contains(word);
    match all.split(',').map(str::trim).rfind(known) {
        Some(word) if PRIVATE.contains(&word) => outcome("referrer-policy-private", 5),
        Some(_) => outcome("referrer-policy-unsafe", -5),
        None => outcome("referrer-policy-header-invalid", -5),
    }
}
