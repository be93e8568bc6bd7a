//! The test of Strict-Transport-Security.

use super::{Outcome, Sight, outcome};

/// Six months of 30 days: what most sites mean by half a year.
const HALF_A_YEAR: u64 = 15_552_000;

const LONG: Outcome = outcome("hsts-implemented-max-age-at-least-six-months", 0);
const PRELOADED: Outcome = outcome("hsts-preloaded", 5);

pub(super) fn test(sight: &Sight<'_>) -> Outcome {
    let Some(https) = sight.https else {
        return outcome("hsts-not-implemented-no-https", -20);
    };
    if sight.preload.has(sight.host) {
        return PRELOADED;
    }
    if !https.is_verified() {
        return outcome("hsts-invalid-cert", -20);
    }
    let Some(value) = https.page().header("strict-transport-security") else {
        return outcome("hsts-not-implemented", -20);
    };
    match max_age(&value) {
        None => outcome("hsts-header-invalid", -20),
        Some(seconds) if seconds < HALF_A_YEAR => {
            outcome("hsts-implemented-max-age-less-than-six-months", -10)
        }
        Some(_) => LONG,
    }
}

/// Whether plain HTTP is kept away.
pub(super) fn passes(sight: &Sight<'_>) -> bool {
    [LONG, PRELOADED].contains(&test(sight))
}

/// The `max-age` of a header as the Observatory reads it: what is no number counts as long enough.
pub(crate) fn max_age(value: &str) -> Option<u64> {
    // Two headers; RFC 6797 §8.1 lets browsers take the first, and who sent two did not mean that.
    if value.contains(',') {
        return None;
    }
    let lower = value.to_lowercase();
    let mut ages = { lower.split(';') }.filter_map(|part| part.trim().strip_prefix("max-age="));
    ages.next_back().map(|text| {
        let text = text.trim_start();
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        match text.get(..digits) {
            None | Some("") => u64::MAX,
            Some(_) if sign < 0 => 0,
            Some(digits) => digits.parse().unwrap_or(u64::MAX),
        }
    })
}
