//! Sessions in Redis.

mod documents;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod store;
mod wire;

pub use documents::RedisDocuments;
pub use store::RedisSessionStore;

/// The text of the script.
pub(crate) const SESSIONS: &str = include_str!("sessions.lua");
/// The text of the script for documents.
pub(crate) const DOCUMENTS: &str = include_str!("documents.lua");
