//! The test of cookies.

use panoply_cookies::SameSite;

use super::{Outcome, Sight, hsts, outcome};
use crate::live::jar::Kept;

/// What is wrong, from bad to worse.
const FAULTS: [Outcome; 7] = [
    outcome("cookies-without-secure-flag-but-protected-by-hsts", -5),
    outcome("cookies-without-secure-flag", -20),
    outcome(
        "cookies-session-without-secure-flag-but-protected-by-hsts",
        -10,
    ),
    outcome("cookies-samesite-flag-invalid", -20),
    outcome("cookies-anticsrf-without-samesite-flag", -20),
    outcome("cookies-session-without-httponly-flag", -30),
    outcome("cookies-session-without-secure-flag", -40),
];
const PLAIN_HSTS: usize = 0;
const PLAIN: usize = 1;
const SESSION_HSTS: usize = 2;
const INVALID: usize = 3;
const CSRF: usize = 4;
const SCRIPT: usize = 5;
const SESSION: usize = 6;

/// A load balancer's, which nobody can change.
const LEFT_OUT: &str = "heroku-session-affinity";

pub(super) fn test(sight: &Sight<'_>) -> Outcome {
    let kept = sight.visit.jar.all().iter();
    let kept: Vec<&Kept> = kept.filter(|kept| kept.name != LEFT_OUT).collect();
    if kept.is_empty() {
        return outcome("cookies-not-found", 0);
    }
    let protected = hsts::passes(sight);
    let lines = sight.answer().lines("set-cookie");
    let mut worst = { lines.map(|line| has_unknown_mode(&line)) }
        .any(|unknown| unknown)
        .then_some(INVALID);
    for cookie in &kept {
        worst = worst.max(faults(cookie, protected).max());
    }
    if let Some(fault) = worst.and_then(|at| FAULTS.get(at)) {
        return *fault;
    }
    if kept.iter().all(|cookie| cookie.same_site.is_some()) {
        outcome("cookies-secure-with-httponly-sessions-and-samesite", 5)
    } else {
        outcome("cookies-secure-with-httponly-sessions", 0)
    }
}

fn faults(cookie: &Kept, protected: bool) -> impl Iterator<Item = usize> {
    let name = cookie.name.to_lowercase();
    let session = name.contains("login") || name.contains("sess");
    let csrf = name.contains("csrf") && cookie.same_site.is_none();
    let plain = !cookie.secure;
    let faults = [
        (plain && cookie.same_site == Some(SameSite::None), INVALID),
        (plain && protected, PLAIN_HSTS),
        (plain && !protected, PLAIN),
        (csrf, CSRF),
        (plain && session && protected, SESSION_HSTS),
        (plain && session && !protected, SESSION),
        (session && !cookie.http_only, SCRIPT),
    ];
    { faults.into_iter() }.filter_map(|(is, fault)| is.then_some(fault))
}

/// Whether a line has a `SameSite` that no browser knows.
fn has_unknown_mode(line: &str) -> bool {
    line.split(';').any(|part| {
        let mut pieces = part.trim().split('=');
        let key = pieces.next().unwrap_or_default().trim();
        let value = pieces.next().unwrap_or_default().trim().to_lowercase();
        key.eq_ignore_ascii_case("samesite") && !matches!(&*value, "lax" | "strict" | "none")
    })
}
