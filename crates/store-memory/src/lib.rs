#![doc = include_str!("../README.md")]

mod builder;
mod shard;
mod sketch;
mod slot;
mod slots;
mod store;

pub use builder::MemoryStoreBuilder;
pub use store::{Kept, MemoryStore, SketchImage, Told};
