#![doc = include_str!("../README.md")]

mod advice;
mod builder;
mod client;
mod config;
mod hook;
mod issuer;
mod manager;
mod plan;
mod sharing;
mod state;
mod storage;

pub use builder::{AcmeBuilder, Error};
pub use config::{AcmeConfig, ChallengeKind, ConfigError, Directory, ExternalAccount};
pub use issuer::{Failure, Fault, Issued, Issuer, Order, Pending, Window};
pub use manager::Acme;
pub use state::{CertificateState, Standing};
