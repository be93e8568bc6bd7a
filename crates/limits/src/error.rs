//! What can be wrong with a limit.

/// A setting that is refused, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting without which there is no limit.
    #[error("`{key}` is missing: write {example}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What to write.
        example: &'static str,
    },
    /// Two settings that contradict each other.
    #[error(
        "`{key}` must be at least `points`, which is {points}: below it a key would be blocked that still has points"
    )]
    BelowPoints {
        /// The key.
        key: &'static str,
        /// The points.
        points: i64,
    },
    /// A setting that means nothing without another.
    #[error("`{key}` says how long, but `{other}` is missing, which says from when")]
    Alone {
        /// The key.
        key: &'static str,
        /// What is missing.
        other: &'static str,
    },
    /// A value that would let nobody through, or everybody.
    #[error("`{key}` {problem}: write {example}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong, with the value.
        problem: String,
        /// What to write.
        example: &'static str,
    },
    /// Two limits of one name, by which neither could be told of.
    #[error(
        "`name` is `{name}`, as that of another limit: write one of its own, since it is what the limit counts under, what \
         `panoply blocks` shows, and what `exempt` goes by"
    )]
    NameTaken {
        /// Which of the limits that were given has it a second time, from zero.
        number: usize,
        /// The name.
        name: String,
    },
    /// A union of nothing.
    #[error("a union needs at least one limiter")]
    EmptyUnion,
    /// The operating system has no random bytes for a key.
    #[error("the operating system gave no random bytes")]
    NoRandom,
}

impl Error {
    /// The key that is wrong.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Missing { key, .. }
            | Self::BelowPoints { key, .. }
            | Self::Alone { key, .. }
            | Self::Value { key, .. } => key,
            Self::NameTaken { .. } => "name",
            Self::EmptyUnion | Self::NoRandom => "",
        }
    }
}
