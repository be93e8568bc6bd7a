#![doc = include_str!("../README.md")]

mod account;
mod advice;
mod ask;
mod builder;
mod client;
mod command;
mod config;
mod demand;
mod directories;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hook;
mod insist;
mod issuer;
mod managed;
mod manager;
mod plain;
mod plan;
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
