#![doc = include_str!("../README.md")]

mod address;
mod builder;
mod dial;
mod error;
mod fault;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod keeper;
mod sessions;
mod store;
mod wire;

pub use builder::RedisStoreBuilder;
pub use error::Error;
pub use sessions::{RedisDocuments, RedisSessionStore};
pub use store::RedisStore;
