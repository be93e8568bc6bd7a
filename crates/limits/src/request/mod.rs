//! Plain limits of requests.

mod config;
mod future;
mod headers;
mod key;
mod layer;
mod place;
mod preflight;

#[cfg(test)]
mod tests;

pub use config::{Algorithm, LimitConfig, ShowHeaders};
pub use future::LimitFuture;
pub use layer::{LimitLayer, LimitService, LimitedUser};

pub(crate) use layer::asked::above;
pub(crate) use layer::without_root;
pub(crate) use place::{Common, Place};
pub(crate) use preflight::is_preflight;
