#![doc = include_str!("../README.md")]

mod builder;
mod dial;
mod error;
mod keeper;
mod store;
mod wire;

pub use builder::PostgresStoreBuilder;
pub use error::Error;
pub use store::PostgresStore;
