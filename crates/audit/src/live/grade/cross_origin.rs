//! The tests of what other sites may read and load.

use super::{Outcome, Sight, outcome};

pub(super) fn sharing(sight: &Sight<'_>) -> Outcome {
    let allowed = sight
        .cors
        .and_then(|answer| answer.filled("access-control-allow-origin"));
    // There is a fourth result, for who reflects any origin with credentials, of 50 points less. The
    // scanner as it is released never comes to it: it looks for its own `Origin` where it is not. The
    // rule `headers/cors` does.
    match allowed {
        None => outcome("cross-origin-resource-sharing-not-implemented", 0),
        Some(origin) if origin == "*" => outcome(
            "cross-origin-resource-sharing-implemented-with-public-access",
            0,
        ),
        Some(_) => outcome(
            "cross-origin-resource-sharing-implemented-with-restricted-access",
            0,
        ),
    }
}

pub(super) fn policy(sight: &Sight<'_>) -> Outcome {
    let value = sight.answer().filled("cross-origin-resource-policy");
    match value.map(|value| value.to_lowercase()).as_deref() {
        None => outcome("corp-not-implemented", 0),
        Some("same-origin") => outcome("corp-implemented-with-same-origin", 10),
        Some("same-site") => outcome("corp-implemented-with-same-site", 10),
        Some("cross-origin") => outcome("corp-implemented-with-cross-origin", 0),
        Some(_) => outcome("corp-header-invalid", -5),
    }
}
