//! Paths that are there for some only: by their addresses, or by a password.

mod config;
mod future;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod layer;
mod password;
pub(crate) mod path;
mod users;

#[cfg(test)]
mod tests;

pub use config::AccessConfig;
pub(crate) use config::is_path;
pub use future::AccessFuture;
pub(crate) use layer::MEANT;
pub use layer::{AccessLayer, AccessService};
pub use users::hash_password;
