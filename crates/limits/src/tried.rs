//! What would have been refused, were it not for `dry_run`: told at once, and then how often since.
//!
//! Whoever tries out what is too strict would otherwise have a line for each request of a busy site.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use panoply_core::{Clock as _, SystemClock};

/// For how long after a line others of its kind are counted and not told.
const QUIET: Duration = Duration::from_secs(10);

/// Of each kind when a line was written, and how many there were since.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    clock: SystemClock,
    kinds: Mutex<HashMap<&'static str, (Duration, u64)>>,
}

/// What is to be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Of one that is the first in a while.
    One,
    /// That there were so many, within so long.
    Many(u64, Duration),
}

impl Tried {
    /// One more of a `kind`; what is to be told, if anything.
    pub(crate) fn note(&self, kind: &'static str) -> Option<Told> {
        self.note_at(kind, self.clock.monotonic())
    }

    fn note_at(&self, kind: &'static str, now: Duration) -> Option<Told> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((told, more)) = kinds.get_mut(kind) else {
            kinds.insert(kind, (now, 0));
            return Some(Told::One);
        };
        *more += 1;
        let within = now.saturating_sub(*told);
        if within < QUIET {
            return None;
        }
        let requests = std::mem::take(more);
        *told = now;
        Some(match requests {
            1 => Told::One,
            _ => Told::Many(requests, within),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_the_others_are_counted() {
        let tried = Tried::default();
        let note = |kind, second| tried.note_at(kind, Duration::from_secs(second));
        assert_eq!(note("a", 1), Some(Told::One));
        for second in 1..11 {
            assert_eq!(note("a", second), None);
        }
        // Another kind is no more of the same.
        assert_eq!(note("b", 5), Some(Told::One));
        let within = Duration::from_secs(12);
        assert_eq!(note("a", 13), Some(Told::Many(11, within)));
        assert_eq!(note("a", 14), None);
        assert_eq!(note("b", 60), Some(Told::One));
    }
}
