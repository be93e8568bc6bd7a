//! The cross-site guard.

mod config;
mod guard;
mod service;
#[cfg(test)]
mod tests;

pub use config::CrossSiteConfig;
pub use guard::{CrossSiteGuard, Verdict};
pub use service::{CrossSiteFuture, CrossSiteLayer, CrossSiteService};
