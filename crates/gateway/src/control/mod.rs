//! The way to a gateway that runs: a socket in its state directory, for whoever may enter that.

mod client;
mod decision;
mod message;
mod server;

pub use client::{Control, ControlError};
pub(crate) use decision::{OwnedOp, decide_at, with_ops};
pub use message::{BlockEntry, CertificateEntry, Status};
pub(crate) use server::{Asker, Desk, Socket, bind, serve};

/// The socket's name in the state directory.
const SOCKET: &str = "control.sock";

/// Longest for one exchange: an ACME directory may be asked in it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(70);
