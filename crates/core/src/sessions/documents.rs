//! Sessions as whole texts, for stores that another program reads and writes as well.

use std::fmt;
use std::time::Duration;

use crate::Reply;

/// Keeps sessions as texts under their very ids, as the stores of Express do: connect-redis,
/// connect-pg-simple.
///
/// Each method is one round trip. Nobody but the ids' owners may read such a store: whoever does
/// has every session in it.
pub trait SessionDocuments: fmt::Debug + Send + Sync {
    /// The text under an id, if there is one and its time is not over.
    fn read<'a>(&'a self, id: &'a str) -> Reply<'a, Option<SessionDocument>>;

    /// Puts `after` in the place of `before`, if that is what is there to the letter; says whether
    /// it was. No `before` means that nothing may be there, no `after` that nothing is to be.
    fn swap<'a>(
        &'a self,
        id: &'a str,
        before: Option<&'a str>,
        after: Option<(&'a str, Duration)>,
    ) -> Reply<'a, bool>;

    /// Gives a text so much time from now on; says whether it is there.
    fn touch<'a>(&'a self, id: &'a str, lasts: Duration) -> Reply<'a, bool>;

    /// Takes a text out, whatever it is; says whether it was there.
    fn remove<'a>(&'a self, id: &'a str) -> Reply<'a, bool>;
}

/// A session as a text.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionDocument {
    /// The text: JSON.
    pub text: String,
    /// How much of its time is left; none means that it has no end.
    pub left: Option<Duration>,
}

impl SessionDocument {
    /// A text with so much time.
    pub const fn new(text: String, left: Option<Duration>) -> Self {
        Self { text, left }
    }
}

impl fmt::Debug for SessionDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDocument")
            .field("bytes", &self.text.len())
            .field("left", &self.left)
            .finish()
    }
}
