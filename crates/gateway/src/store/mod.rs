//! Where the gateway counts: a store that is opened once the runtime runs, and its secret.

mod awaited;
mod deferred;
mod health;
mod open;
mod secret;

pub(crate) use awaited::Awaited;
pub(crate) use deferred::Deferred;
pub use open::OpenError;
pub(crate) use open::{Opened, Plan, carry_over, open, warn_of_lost};
pub(crate) use secret::{is_foreign, secret};
