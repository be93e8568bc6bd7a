//! What works, but should be looked at.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::date::Date;
use crate::info::CertificateInfo;

/// Something that does not stop TLS from working, but that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The certificate's time is over; browsers refuse it.
    Expired(CertificateInfo),
    /// The certificate's time has not come; browsers refuse it.
    NotYetValid(CertificateInfo),
    /// Less than a sixth of the certificate's life is left.
    Expiring(CertificateInfo),
    /// The certificate has no name that browsers look at (subjectAltName).
    Nameless(CertificateInfo),
    /// The certificate of who issued it is not sent along: clients that have not met it refuse.
    Incomplete(CertificateInfo),
    /// A domain of the configuration that no certificate is valid for.
    Uncovered(String),
    /// A private key that every user of the machine may read.
    ReadableKey(PathBuf),
    /// New files that cannot be used, while the old ones stay in force; holds the error's text.
    Broken(String),
    /// A revocation list that was to be replaced by then; it is used all the same.
    StaleList(PathBuf, Date),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(info) => write!(
                f,
                "the certificate for {info}, has expired: browsers refuse it; put a new one in its place"
            ),
            Self::NotYetValid(info) => write!(
                f,
                "the certificate for {info}, is not valid before {}: is the clock right?",
                Date(info.not_before())
            ),
            Self::Expiring(info) => write!(
                f,
                "the certificate for {info}, has less than a sixth of its life left: was its renewal forgotten?"
            ),
            Self::Nameless(info) => write!(
                f,
                "the certificate {} has no subjectAltName: browsers refuse it",
                info.fingerprint()
            ),
            Self::Incomplete(info) => write!(
                f,
                "the certificate for {info}, stands in its file without that of `{}`, who issued it: some browsers \
                 have it from elsewhere, curl and other programs refuse; append it, as in `fullchain.pem`",
                info.lacks().unwrap_or_default()
            ),
            Self::Uncovered(domain) => write!(f, "no certificate is valid for `{domain}`"),
            Self::ReadableKey(path) => write!(
                f,
                "every user of this machine may read the private key; run `chmod 600 {}`",
                path.display()
            ),
            Self::StaleList(path, end) => write!(
                f,
                "the revocation list {} was to be replaced by {end}: whoever was revoked since is \
                 believed; put a new one in its place",
                path.display()
            ),
            Self::Broken(error) => write!(f, "{error}; the certificate from before stays in force"),
        }
    }
}

/// What there is to say of one certificate at `now`.
pub(crate) fn of_certificate(info: &CertificateInfo, now: SystemTime) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if now > info.not_after() {
        warnings.push(Warning::Expired(info.clone()));
    } else if now < info.not_before() {
        warnings.push(Warning::NotYetValid(info.clone()));
    } else if now > info.not_after() - info.lifetime() / 6 {
        warnings.push(Warning::Expiring(info.clone()));
    }
    if info.names().is_empty() {
        warnings.push(Warning::Nameless(info.clone()));
    }
    if info.lacks().is_some() {
        warnings.push(Warning::Incomplete(info.clone()));
    }
    warnings
}

/// Whether a key lies open.
pub(crate) fn of_key(path: &Path) -> Option<Warning> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o007 != 0).then(|| Warning::ReadableKey(path.to_owned()))
}
