//! The cross-site guard.

mod config;
mod guard;
mod readable;
mod service;
#[cfg(test)]
mod tests;

pub use config::CrossSiteConfig;
#[cfg(any(test, fuzzing))]
pub(crate) use guard::read_source;
pub use guard::{CrossSiteGuard, Verdict};
pub use readable::{ReadableFuture, ReadableLayer, ReadableService};
pub use service::{CrossSiteFuture, CrossSiteLayer, CrossSiteService};
