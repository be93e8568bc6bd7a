//! Paths that are there for some addresses only.

mod config;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod layer;
pub(crate) mod path;

#[cfg(test)]
mod tests;

pub use config::AccessConfig;
pub(crate) use config::is_path;
pub(crate) use layer::MEANT;
pub use layer::{AccessFuture, AccessLayer, AccessService};
