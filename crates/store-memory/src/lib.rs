#![doc = include_str!("../README.md")]

mod builder;
mod page;
mod sessions;
mod shard;
mod sketch;
mod slot;
mod slots;
mod store;

pub use builder::MemoryStoreBuilder;
pub use sessions::{MemorySessionStore, MemorySessionStoreBuilder};
pub use store::{Kept, MemoryStore, SketchImage, Told};
