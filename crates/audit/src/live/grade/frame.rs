//! The test of who may frame a page.

use super::{Outcome, Sight, csp, outcome};

pub(super) fn test(sight: &Sight<'_>) -> Outcome {
    let policy = csp::combined(sight).filter(|_| csp::counts(sight));
    if policy.is_some_and(|policy| policy.has("frame-ancestors")) {
        return outcome("x-frame-options-implemented-via-csp", 5);
    }
    let value = sight.answer().filled("x-frame-options");
    match value.map(|value| value.to_lowercase()).as_deref() {
        None => outcome("x-frame-options-not-implemented", -20),
        Some("deny" | "sameorigin") => outcome("x-frame-options-sameorigin-or-deny", 0),
        Some(value) if value.starts_with("allow-from") => {
            outcome("x-frame-options-allow-from-origin", 0)
        }
        Some(_) => outcome("x-frame-options-header-invalid", -20),
    }
}
