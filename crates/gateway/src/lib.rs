#![doc = include_str!("../README.md")]

mod access;
mod admin;
mod advice;
mod announce;
mod app;
mod background;
mod balance;
mod body;
mod certificates;
pub mod config;
mod control;
mod descriptors;
mod error;
mod explain;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod handover;
mod here;
mod http1;
mod intake;
mod keys;
mod listen;
mod log;
mod metrics;
mod nonce;
mod orphans;
mod own;
mod pages;
mod permissions;
mod privilege;
mod proc_stat;
mod proxy;
mod proxy_protocol;
mod reload;
mod reports;
mod routes;
mod running;
mod server;
mod service;
mod settings;
mod shared;
mod signals;
mod spares;
mod started;
mod store;
mod surroundings;
mod told;
mod unguarded;
mod upgrade;
mod upkeep;
mod wire;
mod worker;
mod workers;

/// What should be looked at about certificates, a sentence each; who can read their keys is said with all that is
/// secret.
pub fn certificate_warnings(tls: &panoply_tls::Tls) -> Vec<String> {
    let all = tls.warnings();
    let others =
        { all.iter() }.filter(|what| !matches!(what, panoply_tls::Warning::ReadableKey(_)));
    others.map(ToString::to_string).collect()
}

pub use announce::{config_file, state_directory};
pub use control::{
    BlockEntry, CertificateEntry, ChallengeStanding, Control, ControlError, InstanceEntry, Reports,
    RouteEntry, Status,
};
pub use error::Error;
pub use gateway::{Addresses, Gateway, Outcome};
pub use handover::{Heir, Program};
pub use listen::ListenError;
pub use log::settle as settle_log;
pub use log::start as start_log;
pub use own::{Incoming, IncomingError};
pub use pages::refuse_huge_pages;
pub use panoply_acme::Reason;
pub use privilege::Privilege;
pub use reports::{CspAdditions, CspEvidence, CspProposal, CspSource, Report, Sighting};
pub use server::{Server, ServerError};
pub use settings::{REPORTS_PATH, Settings};
pub use store::OpenError;
pub use surroundings::Surroundings;
