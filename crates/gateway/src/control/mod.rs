//! The way to a gateway that runs: a socket in its state directory, for whoever may enter that.

mod blocks;
mod challenge;
mod client;
mod decision;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod home;
mod message;
mod pulse;
mod reports;
mod server;
mod socket;
mod status;

pub use client::{Control, ControlError};
pub(crate) use decision::{OwnedOp, decide_at, with_ops};
pub(crate) use home::{Home, Lost};
pub use message::{
    BlockEntry, CertificateEntry, ChallengeStanding, InstanceEntry, RouteEntry, Status,
};
pub(crate) use pulse::Pulse;
pub use reports::Reports;
pub(crate) use server::{Asker, Desk, serve};
pub(crate) use socket::{Socket, bind_in, find, is_answered, tell_of_another};
pub(crate) use status::status;

/// The socket's name in the state directory.
const SOCKET: &str = "control.sock";

/// Longest for one exchange: an ACME directory may be asked in it, or a new gateway waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);
