//! The login guard: no guess slips through.

mod device;
mod guard;
mod name;
mod rules;

pub use device::Device;
pub use guard::{Attempt, Claim, Denied, LoginGuard, Refused};
pub use rules::LoginRules;

#[cfg(test)]
mod tests;
