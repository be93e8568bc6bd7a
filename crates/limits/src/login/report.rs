//! What is told of a login: to whoever stands outside, and once of each kind to the log.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use http::StatusCode;

use super::Refused;
use super::outcome::{Outcome, Read};

/// How a login went, among the extensions of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginReport {
    /// How the answer was read.
    pub outcome: Outcome,
    /// By what it was read so.
    pub reason: &'static str,
    /// What would have refused it, were it not for `dry_run`.
    pub would_refuse: Option<Refused>,
}

impl LoginReport {
    pub(super) const fn new(read: Read, would_refuse: Option<Refused>) -> Self {
        Self {
            outcome: read.outcome,
            reason: read.reason,
            would_refuse,
        }
    }
}

/// The kinds of answers that were logged, each of which is logged once.
#[derive(Debug, Default)]
pub(super) struct Readings {
    known: Mutex<HashSet<(StatusCode, &'static str)>>,
    nameless: AtomicBool,
}

/// An app has a handful; more are not worth a line.
const MOST: usize = 32;

impl Readings {
    /// Says how an answer was read, if it is the first of its kind, so that a wrong reading is
    /// noticed on the first day.
    pub(super) fn note(&self, path: &str, status: StatusCode, read: Read) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST || !known.insert((status, read.reason)) {
            return;
        }
        drop(known);
        tracing::info!(
            login = path,
            status = status.as_u16(),
            read_as = %read.outcome,
            because = read.reason,
            "the first answer of this kind to a login; if it is read wrongly, say `success` or \
             `failure` in [[login]]"
        );
    }

    /// Says once that a login was right in which no user name was found: then ten wrong passwords lock nobody.
    pub(super) fn note_nameless(&self, path: &str, read: Read) {
        if read.outcome == Outcome::Success && !self.nameless.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                login = path,
                "somebody has logged in, and no user name was found in what he sent: of wrong passwords only a \
                 hundred a day and client are refused; if there is a name, say by `username` in [[login]] in which \
                 field"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::said::said;

    #[test]
    fn a_success_of_nobody_is_told_once() {
        let readings = Readings::default();
        let note = |outcome| {
            let reason = "the status says so";
            said(|| readings.note_nameless("/login", Read { outcome, reason }))
        };
        assert_eq!(note(Outcome::Failure), "");
        assert!(note(Outcome::Success).contains("no user name was found"));
        assert_eq!(note(Outcome::Success), "");
    }
}
