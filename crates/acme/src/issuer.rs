//! What a directory is asked for, whoever it is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::config::ChallengeKind;
use crate::printable::{LONGEST, printable};

/// An answer that takes time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Issues certificates. The one of this crate speaks ACME; tests have their own.
pub trait Issuer: fmt::Debug + Send + Sync {
    /// Where the directory is; that tells it from others.
    fn url(&self) -> &str;

    /// Orders a certificate.
    fn order<'a>(&'a self, order: &'a Order<'a>) -> Pending<'a, Result<Issued, Failure>>;

    /// When a certificate is to be renewed (RFC 9773); none if the directory does not say.
    ///
    /// `pem` is the chain, the server's own certificate first.
    fn window<'a>(&'a self, pem: &'a [u8]) -> Pending<'a, Result<Option<Window>, Failure>>;

    /// Revokes a certificate (RFC 8555 §7.6).
    ///
    /// `pem` is the chain, the server's own certificate first.
    fn revoke<'a>(&'a self, pem: &'a [u8], reason: Reason) -> Pending<'a, Result<(), Failure>>;
}

/// Why a certificate is revoked (RFC 5280 §5.3.1), as far as a directory believes it of a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// It is not said.
    #[default]
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// Another takes its place.
    Superseded,
    /// The names are not served any more.
    CessationOfOperation,
}

/// What is ordered.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Order<'a> {
    /// Domain names and IP addresses.
    pub names: &'a [String],
    /// How it is shown that they are ours.
    pub kind: ChallengeKind,
    /// The chain that it takes the place of, in PEM.
    pub replaces: Option<&'a [u8]>,
}

/// A certificate that was issued.
#[derive(Clone)]
#[non_exhaustive]
pub struct Issued {
    /// The key and the chain, the server's own certificate first, in PEM.
    pub pem: Zeroizing<Vec<u8>>,
}

impl Issued {
    /// A key and its chain, each in PEM.
    pub fn new(key: &str, chain: &str) -> Self {
        let mut pem = Zeroizing::new(Vec::with_capacity(key.len() + chain.len() + 1));
        pem.extend_from_slice(key.as_bytes());
        if !key.ends_with('\n') {
            pem.push(b'\n');
        }
        pem.extend_from_slice(chain.as_bytes());
        Self { pem }
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued(…)")
    }
}

/// When a certificate is to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// From when on.
    pub start: SystemTime,
    /// Until when.
    pub end: SystemTime,
    /// When to ask again.
    pub again: Duration,
}

impl Window {
    /// Between `start` and `end`, to be asked for `again`.
    pub const fn new(start: SystemTime, end: SystemTime, again: Duration) -> Self {
        Self { start, end, again }
    }
}

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Whose fault it is, as far as that can be told.
    pub fault: Fault,
    /// What the directory said.
    pub problem: String,
    /// What a person can do about it.
    pub advice: String,
    /// Not to be tried before.
    pub not_before: Option<SystemTime>,
    /// Whether the same may do at once: a nonce that was used up meanwhile (RFC 8555 §6.5).
    pub at_once: bool,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The directory's, or that of the way to it: another may do.
    Directory,
    /// It has been asked for too much: another may do, and this one later.
    Limited,
    /// It has looked for the name and not found us: another kind of challenge may do.
    Validation,
    /// What was asked for, and asking again helps only when something has changed.
    Request,
}

impl Failure {
    /// A failure with what to do about it; what others have said in it comes without control
    /// characters, and of long texts only the beginning.
    pub fn new(fault: Fault, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            fault,
            problem: printable(&problem.into(), LONGEST),
            advice: printable(&advice.into(), LONGEST),
            not_before: None,
            at_once: false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_bounded_and_plain() {
        let said = format!("{}\n\u{1b}[31mred", "A".repeat(3_000_000));
        let failure = Failure::new(Fault::Directory, said, "Nothing\u{7}.");
        assert!(failure.problem.len() < 2 * LONGEST && failure.problem.ends_with('…'));
        assert_eq!(failure.advice, "Nothing .");
        let failure = Failure::new(Fault::Directory, "a\n\u{1b}[31mred", "");
        assert_eq!(failure.problem, "a [31mred");
    }
}
