#![doc = include_str!("../README.md")]

mod builder;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod lock;
mod place;
mod queue;
mod row;
mod sessions;
mod store;
mod sweep;
mod table;
mod threads;
mod watch;
mod writer;

pub use builder::SqliteStoreBuilder;
pub use error::Error;
pub use sessions::SqliteSessionStore;
pub use store::SqliteStore;

#[cfg(test)]
mod tests;
