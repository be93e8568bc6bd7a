#![doc = include_str!("../README.md")]

mod challenges;
mod config;
mod date;
mod domain;
mod error;
mod files;
mod info;
mod local;
mod mode;
mod pem;
mod server;
mod table;
mod tls;
mod warning;

pub use challenges::{Challenges, Standing};
pub use config::{CertificateFiles, TlsConfig};
pub use date::Date;
pub use error::{At, Error, Nearest};
pub use info::{CertificateInfo, Fingerprint};
pub use mode::{Mode, Profile};
pub use tls::{Refresh, Tls};
pub use warning::Warning;
