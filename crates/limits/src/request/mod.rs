//! Plain limits of requests.

mod config;
mod future;
mod headers;
mod key;
mod layer;
mod preflight;

#[cfg(test)]
mod tests;

pub use config::{Algorithm, LimitConfig, ShowHeaders};
pub use future::LimitFuture;
pub use layer::{LimitLayer, LimitService, LimitedUser};
