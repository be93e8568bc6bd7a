//! The grade by the rules of MDN's HTTP Observatory, algorithm 4: ten tests, each of which gives or takes
//! points.
//!
//! What each test looks at, the names of its results and their points are the Observatory's, so that the
//! grade here is the one that everybody can look up there. Where the scanner differs from what its
//! documentation says, the scanner counts.

mod cookies;
mod cross_origin;
mod csp;
mod frame;
mod hsts;
mod policy;
mod preload;
mod redirection;
mod referrer;
mod sri;
#[cfg(test)]
mod tests;

use super::client::Answer;
use super::page::Page;
use super::visit::Visit;
use crate::report::Grade;

pub(crate) use hsts::max_age;
pub(crate) use policy::Policy;
pub(crate) use preload::Preload;
pub(crate) use referrer::PRIVATE;
pub(crate) use sri::{Origin, origin as script_origin};

/// What a test found, and the points for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) points: i16,
}

const fn outcome(name: &'static str, points: i16) -> Outcome {
    Outcome { name, points }
}

/// All that the tests look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    /// The host as it was asked for, with the port if one was given.
    pub(crate) host: &'a str,
    pub(crate) http: Option<&'a Visit>,
    pub(crate) https: Option<&'a Visit>,
    /// What was visited: over HTTPS, if that is there.
    pub(crate) visit: &'a Visit,
    /// What stands in it, if it is HTML.
    pub(crate) page: Option<&'a Page>,
    /// The answer to a question of another site, if it was a good one.
    pub(crate) cors: Option<&'a Answer>,
    pub(crate) preload: &'a Preload,
}

impl Sight<'_> {
    fn answer(&self) -> &Answer {
        self.visit.page()
    }

    /// Whether the visit began over HTTPS.
    fn is_secure(&self) -> bool {
        self.visit.start.scheme() == "https"
    }
}

/// From how many points on what is better than asked for counts.
const BONUS_FROM: i16 = 90;

/// The grade; none of an answer that the Observatory does not judge.
pub(crate) fn grade(sight: &Sight<'_>) -> Option<Grade> {
    let status = sight.answer().status.as_u16();
    if !matches!(status, 200..=399 | 401 | 403) {
        return None;
    }
    let tests = [
        ("content-security-policy", csp::test(sight)),
        ("cookies", cookies::test(sight)),
        (
            "cross-origin-resource-sharing",
            cross_origin::sharing(sight),
        ),
        ("redirection", redirection::test(sight)),
        ("referrer-policy", referrer::test(sight)),
        ("strict-transport-security", hsts::test(sight)),
        ("subresource-integrity", sri::test(sight)),
        ("x-content-type-options", nosniff(sight)),
        ("x-frame-options", frame::test(sight)),
        ("cross-origin-resource-policy", cross_origin::policy(sight)),
    ];
    let score = score(tests.iter().map(|(_, outcome)| outcome.points));
    let tests =
        tests.map(|(name, outcome)| (name.to_owned(), outcome.name.to_owned(), outcome.points));
    Some(Grade::new(letter(score).to_owned(), score, tests.to_vec()))
}

/// 100, less what is taken; what is given counts only for who is good already.
fn score(points: impl Iterator<Item = i16> + Clone) -> u16 {
    let taken: i16 = 100 + points.clone().filter(|points| *points < 0).sum::<i16>();
    let score = if taken >= BONUS_FROM {
        100 + points.sum::<i16>()
    } else {
        taken
    };
    u16::try_from(score).unwrap_or(0)
}

fn letter(score: u16) -> &'static str {
    match score {
        100.. => "A+",
        90..100 => "A",
        85..90 => "A-",
        80..85 => "B+",
        70..80 => "B",
        65..70 => "B-",
        60..65 => "C+",
        50..60 => "C",
        45..50 => "C-",
        40..45 => "D+",
        30..40 => "D",
        25..30 => "D-",
        _ => "F",
    }
}

fn nosniff(sight: &Sight<'_>) -> Outcome {
    match sight.answer().filled("x-content-type-options") {
        None => outcome("x-content-type-options-not-implemented", -5),
        Some(value) if value.eq_ignore_ascii_case("nosniff") => {
            outcome("x-content-type-options-nosniff", 0)
        }
        Some(_) => outcome("x-content-type-options-header-invalid", -5),
    }
}
