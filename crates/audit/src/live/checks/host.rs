//! `host/reflected`: what is answered to whoever asks for a host of which the site knows nothing.

use super::super::scene::{FOREIGN_HOST, Scene};
use super::place;
use crate::finding::Finding;
use crate::report::Report;
use crate::rules::host::REFLECTED;

pub(super) fn check(scene: &Scene<'_>, report: &mut Report) {
    // Whoever hangs up has refused it.
    let Ok(answer) = &scene.misdirected else {
        return;
    };
    let leads = { answer.filled("location") }.filter(|to| leads_there(to));
    let message = match leads {
        Some(to) => format!("`Host: {FOREIGN_HOST}` is answered with `Location: {to}`"),
        None if leads_there(&answer.text()) => {
            format!("`Host: {FOREIGN_HOST}` is answered with links to that host")
        }
        None => return,
    };
    report.push(Finding::new(&REFLECTED, place(answer), message));
}

/// Whether an address in the text is one of that host, also as JSON writes it.
fn leads_there(text: &str) -> bool {
    let mut found = text.match_indices(FOREIGN_HOST);
    found.any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        before.ends_with("//") || before.ends_with("\\/\\/")
    })
}
