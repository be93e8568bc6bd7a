#![doc = include_str!("../README.md")]

mod builder;
mod error;
mod queue;
mod row;
mod store;
mod sweep;
mod table;
mod watch;
mod writer;

pub use builder::SqliteStoreBuilder;
pub use error::Error;
pub use store::SqliteStore;

#[cfg(test)]
mod tests;
