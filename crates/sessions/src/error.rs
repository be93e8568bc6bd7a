//! What can go wrong with a session.

use std::sync::Arc;

use panoply_core::StoreError;

/// A setting that is refused, with what to write instead; or what became of a session.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value that means nothing, or contradicts another.
    #[error("`{key}` {problem}: write {example}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong, with the value.
        problem: String,
        /// What to write.
        example: &'static str,
    },
    /// The store failed. The layer answers 503, whatever the handler makes of it.
    #[error("the store of sessions failed")]
    Store(#[source] Arc<StoreError>),
    /// What stands under this name is of another type.
    #[error("`{name}` in the session is not of the type that was asked for")]
    Type {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// A value that is no JSON, such as a map whose keys are no texts.
    #[error("the value for `{name}` cannot be written as JSON")]
    Unwritable {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// The session would be larger than it may be.
    #[error(
        "the session would have {bytes} bytes, {} more than the {most} it may have: \
         keep less in it, or raise `most_bytes`", bytes.saturating_sub(*most)
    )]
    TooLarge {
        /// How large it would be.
        bytes: usize,
        /// How large it may be.
        most: usize,
    },
    /// The cookie of a sealed session would be larger than browsers keep.
    #[error(
        "the sealed session makes a cookie of {bytes} bytes, {} more than the {most} that browsers \
         keep: keep less in it, or keep sessions in a store", bytes.saturating_sub(*most)
    )]
    CookieTooLarge {
        /// How large name and value would be.
        bytes: usize,
        /// How large they may be.
        most: usize,
    },
    /// A list, or an end, of sessions that are kept in cookies, of which nobody knows where they
    /// are.
    #[error("sessions that are kept in cookies can be neither listed nor ended from here")]
    NoStore,
    /// A name that is kept for the layer's own values.
    #[error("`{name}` is kept for {}", keeper(name))]
    Reserved {
        /// The name.
        name: String,
    },
    /// There is no session, or none any more.
    #[error("there is no session: it was destroyed, or its key was replaced")]
    Gone,
    /// A session was to be made, or its id changed, and no cookie can be sent any more.
    #[error("the head of the answer has been sent, so there can be no cookie: call it before")]
    Late,
    /// A value that was to be made of its earlier self changed under every try.
    #[error("`{name}` was changed by others at every one of {tries} tries")]
    Contended {
        /// The name.
        name: String,
        /// How often it was tried.
        tries: u32,
    },
    /// A session without a user was asked for the user's.
    #[error("nobody is logged in")]
    NoUser,
    /// A layer that needs the session stands around the one that gives it, or there is none.
    #[error("no session: put a `SessionLayer` around this layer")]
    NoLayer,
    /// The operating system has no random bytes for an id.
    #[error("the operating system gave no random bytes")]
    NoRandom,
}

/// Who keeps a name, and what to write instead.
fn keeper(name: &str) -> &'static str {
    if name == "cookie" {
        "Express itself: take another name"
    } else {
        "Panoply itself: take a name that does not begin with `panoply.`"
    }
}

impl Error {
    /// The setting that is wrong; empty where none is.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Value { key, .. } => key,
            _ => "",
        }
    }

    pub(crate) fn store(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}
