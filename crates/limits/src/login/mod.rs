//! The login guard: no guess slips through.

mod body;
mod config;
mod device;
mod future;
mod guard;
mod layer;
mod name;
mod outcome;
mod reading;
mod route;
mod rules;

pub use body::GuardedBody;
pub use config::{LoginConfig, OnOutage, Otherwise};
pub use device::Device;
pub use future::{LoginFuture, LoginVerdict};
pub use guard::{Attempt, Claim, Denied, LoginGuard, Refused};
pub use layer::{LoginLayer, LoginService};
pub use outcome::{Outcome, Signs};
pub(crate) use route::canonical;
pub use rules::LoginRules;

#[cfg(test)]
mod tests;
