//! What the log tells of once each, and not without end.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What has been told of: no more than `MOST`, since whoever likes can make up any number.
#[derive(Debug, Default)]
pub(crate) struct Told<const MOST: usize> {
    known: Mutex<HashSet<Box<str>>>,
    is_full: AtomicBool,
}

impl<const MOST: usize> Told<MOST> {
    /// Whether nothing more is told of.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Whether this is to be told of now.
    pub(crate) fn first(&self, what: &str) -> bool {
        if self.is_full() {
            return false;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = known.len() < MOST && known.insert(what.into());
        self.is_full.store(known.len() >= MOST, Ordering::Relaxed);
        is_first
    }

    /// Forgets it all, where what was told may have been mended.
    pub(crate) fn begin_anew(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
        self.is_full.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_of_once_and_not_without_end() {
        let told = Told::<8>::default();
        assert!(told.first("/enter") && !told.first("/enter"));
        let more = (0..100).filter(|number| told.first(&format!("/{number}")));
        assert_eq!(more.count(), 7);
        assert!(told.is_full());
        told.begin_anew();
        assert!(!told.is_full() && told.first("/enter"));
    }
}
