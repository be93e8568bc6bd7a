#![doc = include_str!("../README.md")]

mod claims;
mod config;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod forwarded;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod layer;
mod proxies;
mod resolve;

pub use claims::is_claim;
pub use config::{ClientConfig, Header};
pub use error::Error;
#[cfg(feature = "axum")]
pub use extract::{Client as ClientExtractor, NoClient};
pub use layer::{ClientLayer, ClientService};
pub use resolve::Client;
