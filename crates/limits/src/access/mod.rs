//! Paths that are there for some only: by their addresses, or by a password.

mod config;
mod except;
mod future;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod index;
mod layer;
mod names;
mod password;
pub(crate) mod path;
mod place;
mod user_header;
mod users;

#[cfg(test)]
mod tests;

pub use config::{AccessConfig, Satisfy};
pub(crate) use except::exception;
pub use future::AccessFuture;
pub use layer::{AccessLayer, AccessService};
pub use path::may_take_steps;
pub(crate) use path::{Below, Spelled};
pub use place::forget_meant;
pub(crate) use place::{Place, meant, paths_meant};
pub use user_header::UserHeaders;
pub use users::hash_password;
