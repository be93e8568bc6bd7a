//! The login guard: no guess slips through.

mod attempt;
mod body;
mod claim;
mod config;
mod device;
mod elsewhere;
mod future;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gathered;
mod guard;
mod guards;
mod layer;
mod meant;
mod name;
mod outcome;
mod password;
mod reading;
mod report;
mod room;
mod route;
mod rules;
mod steps;
mod trail;
mod usual;
mod verdict;

pub use attempt::Attempt;
pub use body::GuardedBody;
pub use claim::{Claim, Denied, Refused};
pub use config::{LoginConfig, OnOutage, Otherwise};
pub use device::{Device, counter_keys};
pub use future::LoginFuture;
pub use guard::LoginGuard;
pub use layer::{LoginLayer, LoginService};
pub use outcome::{Outcome, Signs};
pub use password::sends_a_password;
pub use report::LoginReport;
pub(crate) use route::has_credentials;
pub use rules::LoginRules;
pub(crate) use steps::too_many;
pub(crate) use usual::{behind_program, is_program};
pub use verdict::LoginVerdict;

#[cfg(test)]
mod tests;
