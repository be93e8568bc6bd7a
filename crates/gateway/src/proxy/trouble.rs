//! What is wrong with an app's answers, told to the log: the first time at once, and then how often since.
//!
//! Nobody else knows of it, since to the app all was well. But it may be so with each request of a busy day, and
//! each is in the access log by itself.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant, take};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Failure;

/// For how long after a line others of its kind are counted and not told.
const QUIET: Duration = Duration::from_secs(10);

/// The kinds of trouble that are at hand; there are as many as failures have names.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<HashMap<Discriminant<Failure>, Trouble>>);

#[derive(Debug)]
struct Trouble {
    told: Duration,
    more: u64,
    error: String,
    /// Of the last.
    cause: String,
}

/// How often it was the same since a line was written.
#[derive(Debug, PartialEq, Eq)]
struct More {
    requests: u64,
    within: Duration,
    error: String,
    cause: String,
}

impl Troubles {
    /// Tells of a failure, if it is the first of its kind in a while.
    pub(crate) fn tell(&self, failure: &Failure, cause: String, now: Duration) {
        if let Some(cause) = self.note(failure, cause, now) {
            tracing::warn!(error = %failure, cause, "the app gave no answer");
        }
    }

    /// Tells how many more there were, where that is due: to be asked every few seconds.
    pub(crate) fn tell_more(&self, now: Duration) {
        for more in self.more(now) {
            tracing::warn!(
                error = more.error,
                cause = more.cause,
                requests = more.requests,
                within_s = more.within.as_secs(),
                "the app gave no answer to more requests; the access log has each"
            );
        }
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Discriminant<Failure>, Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the cause back where it is to be told.
    fn note(&self, failure: &Failure, cause: String, now: Duration) -> Option<String> {
        let mut kinds = self.kinds();
        if let Some(trouble) = kinds.get_mut(&discriminant(failure)) {
            trouble.more += 1;
            trouble.cause = cause;
            return None;
        }
        let trouble = Trouble {
            told: now,
            more: 0,
            error: failure.to_string(),
            cause: String::new(),
        };
        kinds.insert(discriminant(failure), trouble);
        Some(cause)
    }

    fn more(&self, now: Duration) -> Vec<More> {
        let mut told = Vec::new();
        self.kinds().retain(|_, trouble| {
            let within = now.saturating_sub(trouble.told);
            if within < QUIET {
                return true;
            }
            let requests = take(&mut trouble.more);
            if requests > 0 {
                trouble.told = now;
                told.push(More {
                    requests,
                    within,
                    error: trouble.error.clone(),
                    cause: take(&mut trouble.cause),
                });
            }
            requests > 0
        });
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_the_others_are_counted() {
        let troubles = Troubles::default();
        let second = Duration::from_secs;
        let note = |failure, cause: &str, now| troubles.note(&failure, cause.to_owned(), now);
        assert_eq!(note(Failure::Unasked, "a", second(1)).as_deref(), Some("a"));
        for now in 1..11 {
            assert_eq!(note(Failure::Unasked, "b", second(now)), None);
            assert_eq!(troubles.more(second(now)), []);
        }
        // Another kind is no more of the same.
        assert!(note(Failure::Coded, "c", second(6)).is_some());
        let more = |requests, within, cause: &str| More {
            requests,
            within: second(within),
            error: Failure::Unasked.to_string(),
            cause: cause.to_owned(),
        };
        assert_eq!(troubles.more(second(13)), [more(10, 12, "b")]);
        assert_eq!(note(Failure::Unasked, "d", second(14)), None);
        assert_eq!(troubles.more(second(22)), []);
        assert_eq!(troubles.more(second(23)), [more(1, 10, "d")]);
        // All is well for as long, and the next is news.
        assert_eq!(troubles.more(second(33)), []);
        assert!(note(Failure::Unasked, "e", second(33)).is_some());
        assert_eq!(troubles.kinds().len(), 1);
    }
}
