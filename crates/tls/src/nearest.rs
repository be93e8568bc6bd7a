//! What a word was meant to be.

use std::fmt;

/// A known word that resembles the one that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nearest(Option<&'static str>);

impl Nearest {
    pub(crate) fn of(word: &str, known: &[&'static str]) -> Self {
        let distance = |known: &&&'static str| strsim::damerau_levenshtein(known, word);
        let nearest = known.iter().min_by_key(distance).copied();
        Self(nearest.filter(|known| distance(&known) <= 1 + known.len() / 3))
    }
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(word) => write!(f, " (did you mean `{word}`?)"),
            None => Ok(()),
        }
    }
}
