#![doc = include_str!("../README.md")]

mod builder;
mod dial;
mod error;
mod keeper;
mod sessions;
mod store;
mod wire;

pub use builder::PostgresStoreBuilder;
pub use error::Error;
pub use sessions::{PostgresDocuments, PostgresSessionStore};
pub use store::PostgresStore;
