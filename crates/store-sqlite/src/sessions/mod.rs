//! Sessions in the same file.
//!
//! The thread that writes the counters down applies commits too, all that wait in one transaction,
//! so that they happen one after another. What it has committed is put into a cache, from which
//! loads are answered; what is not there is read by a thread and a connection of its own, which
//! wait for no transaction.

mod apply;
mod blob;
mod cache;
mod clerk;
mod desk;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod reader;
mod rows;
mod store;
mod sweep;

pub use store::SqliteSessionStore;

pub(crate) use clerk::Clerk;
pub(crate) use reader::Reader;
pub(crate) use rows::SCHEMA;
pub(crate) use store::Sessions;
pub(crate) use sweep::Bounds;

#[cfg(test)]
mod tests;
