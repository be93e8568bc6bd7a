//! What the log is told of once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Texts of which the log has been told: each once, and no more than 64 of them, since whoever sends them may make up as
/// many as he likes.
///
/// ```
/// use panoply_core::ToldOnce;
///
/// let told = ToldOnce::new();
/// assert!(told.is_first("https://partner.example"));
/// assert!(!told.is_first("https://partner.example"));
/// ```
#[derive(Debug, Default)]
pub struct ToldOnce(Mutex<Option<HashSet<String>>>);

/// How many are remembered; of others nothing is told.
const MOST: usize = 64;

/// How many letters of each.
const LONGEST: usize = 200;

impl ToldOnce {
    /// Nothing has been told of.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether `text` is to be told of: the first time that it comes, unless there were too many others.
    pub fn is_first(&self, text: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.get_or_insert_default();
        told.len() < MOST && told.insert(text.chars().take(LONGEST).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_makes_many_up_does_not_fill_the_log() {
        let told = ToldOnce::new();
        let all = (0..200).filter(|at| told.is_first(&format!("https://{at}.example")));
        assert_eq!(all.count(), MOST);
        let told = ToldOnce::new();
        let long = |end: &str| "x".repeat(LONGEST) + end;
        assert!(told.is_first(&long("a")) && !told.is_first(&long("b")));
    }
}
