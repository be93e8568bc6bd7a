//! The cookie guard.

mod alias;
mod caching;
mod check;
mod config;
mod explain;
mod guard;
mod incoming;
mod outgoing;
mod read_as;
mod service;
#[cfg(test)]
mod tests;

pub use config::{CookieGuardConfig, CookieRule, SameSiteWord, Unsealable};
pub use explain::CookieFate;
pub use guard::CookieGuard;
pub use incoming::CookiesSeen;
pub use service::{CookieFuture, CookieGuardLayer, CookieGuardService};
