//! Sessions in the memory of this process.

mod builder;
mod entry;
mod shard;
mod store;
mod users;

pub use builder::MemorySessionStoreBuilder;
pub use store::MemorySessionStore;
