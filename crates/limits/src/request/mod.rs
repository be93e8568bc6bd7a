//! Plain limits of requests.

mod config;
mod headers;
mod layer;

pub use config::{Algorithm, LimitConfig, ShowHeaders};
pub use layer::{LimitFuture, LimitLayer, LimitService, LimitedUser};
