//! What can go wrong.

/// Why a configuration is not good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value that cannot be.
    #[error("{key}: {problem}; write {example}")]
    Value {
        /// The key in the configuration.
        key: &'static str,
        /// What is wrong.
        problem: String,
        /// What would be accepted.
        example: &'static str,
    },
}

impl Error {
    /// The dotted path of the setting, as in `panoply.toml`.
    pub const fn key(&self) -> &str {
        match self {
            Self::Value { key, .. } => key,
        }
    }
}
