//! Paths that are there for some addresses only.

mod config;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod layer;
mod path;

#[cfg(test)]
mod tests;

pub use config::AccessConfig;
pub use layer::{AccessFuture, AccessLayer, AccessService};
