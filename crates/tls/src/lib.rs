#![doc = include_str!("../README.md")]

mod app;
mod challenges;
mod clients;
mod config;
mod date;
mod domain;
mod error;
mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod info;
mod lasting;
mod local;
mod mode;
mod nearest;
mod nodes;
mod pem;
mod server;
mod table;
mod tickets;
mod tls;
mod warning;

pub use app::{AppTls, AppTlsConfig};
pub use challenges::{Challenges, Standing};
pub use clients::{ClientsConfig, Presence};
pub use config::{CertificateFiles, TlsConfig};
pub use date::Date;
pub use domain::{complaint_about_name, is_public};
pub use error::{At, Error};
pub use info::{CertificateInfo, Fingerprint};
pub use lasting::Lasting;
pub use mode::{Mode, Profile};
pub use nearest::Nearest;
pub use nodes::{Nodes, Values};
pub use table::is_challenge;
pub use tickets::Tickets;
pub use tls::{Refresh, Tls};
pub use warning::Warning;
