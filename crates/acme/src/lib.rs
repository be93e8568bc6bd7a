#![doc = include_str!("../README.md")]

mod account;
mod advice;
mod allow_hook;
mod builder;
mod client;
mod command;
mod config;
mod directories;
mod dns_hook;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod issuer;
mod managed;
mod manager;
mod on_demand;
mod plan;
mod printable;
mod retry;
mod sharing;
mod state;
mod storage;
mod transport;
mod unwritten;

pub use builder::{AcmeBuilder, Error};
pub use command::Starting;
pub use config::{
    AcmeConfig, Allow, ChallengeKind, ConfigError, Directory, ExternalAccount, OnDemandConfig,
    Together,
};
pub use issuer::{Failure, Fault, Issued, Issuer, Order, Pending, Reason, Window};
pub use manager::Acme;
pub use state::{CertificateState, Standing};
pub use unwritten::Unwritten;
