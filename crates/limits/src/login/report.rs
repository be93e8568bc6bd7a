//! What is told of a login: to whoever stands outside, and once of each kind to the log.

use std::collections::HashSet;
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
pub(super) struct Readings(Mutex<HashSet<(StatusCode, &'static str)>>);

/// An app has a handful; more are not worth a line.
const MOST: usize = 32;

impl Readings {
    /// Says how an answer was read, if it is the first of its kind, so that a wrong reading is
    /// noticed on the first day.
    pub(super) fn note(&self, path: &str, status: StatusCode, read: Read) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
}
