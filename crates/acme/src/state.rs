//! How certificates stand, for people.

use std::fmt;
use std::time::SystemTime;

use panoply_tls::{CertificateInfo, Date};

/// How one certificate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateState {
    /// The names that it is for.
    pub names: Vec<String>,
    /// The one that is held.
    pub certificate: Option<CertificateInfo>,
    /// What is going on.
    pub standing: Standing,
}

/// What is going on with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It is in force until its renewal.
    Held {
        /// When it is to be renewed.
        renewal: SystemTime,
    },
    /// It is in force, but the state directory does not take it, or what is known of it.
    Unwritten {
        /// What the system said.
        problem: String,
        /// What a person can do about it.
        advice: String,
        /// When it is tried again.
        again: SystemTime,
    },
    /// It is being ordered.
    Ordering,
    /// Another process on the same state directory orders.
    Elsewhere,
    /// The last order failed.
    Failed {
        /// What the directory said.
        problem: String,
        /// What a person can do about it.
        advice: String,
        /// When it is tried again.
        again: SystemTime,
    },
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { renewal } => write!(f, "in force, to be renewed {}", Date::from(*renewal)),
            Self::Ordering => f.write_str("being ordered"),
            Self::Elsewhere => f.write_str("being ordered by another process"),
            Self::Unwritten {
                problem,
                advice,
                again,
            } => {
                let again = Date::from(*again);
                write!(f, "in force, but {problem}\n{advice}\nTried again {again}")
            }
            Self::Failed {
                problem,
                advice,
                again,
            } => write!(f, "{problem}\n{advice}\nTried again {}", Date::from(*again)),
        }
    }
}
