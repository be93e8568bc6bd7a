//! What can go wrong, told so that the reader knows what to write or do instead.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::date::Date;
use crate::mode::Mode;
use crate::nearest::Nearest;

/// Why TLS could not be set up or refreshed.
///
/// The text names the key and says what would be accepted; [`key`](Error::key) is that key alone,
/// so that a configuration file can point at its line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A word that the setting does not know.
    #[error("tls.{key}: `{word}` is not known{nearest}; write {accepted}")]
    #[non_exhaustive]
    Word {
        /// The setting.
        key: &'static str,
        /// What was written.
        word: String,
        /// The known word it resembles, if any.
        nearest: Nearest,
        /// The words that are known.
        accepted: &'static str,
    },
    /// `mode = "acme"` without a name to get a certificate for.
    #[error("tls.mode: `acme` needs `domains`, such as `domains = [\"shop.example\"]`")]
    NoDomain,
    /// One of `certificate` and `key` without the other.
    #[error("tls.{given}: needs `{missing}` beside it, the PEM file with the {what}")]
    #[non_exhaustive]
    HalfPair {
        /// The setting that is there.
        given: &'static str,
        /// The setting that is not.
        missing: &'static str,
        /// What the missing file would hold.
        what: &'static str,
    },
    /// `mode = "files"` without files.
    #[error(
        "tls.mode: `files` needs `certificate` and `key`, \
         or `certificates = [{{ certificate = \"…\", key = \"…\" }}]`"
    )]
    NoCertificate,
    /// Files are named that the mode would not use.
    #[error(
        "tls.mode: `{0}` would not use the certificate files that are named; \
         write `files`, or take them away"
    )]
    UnusedCertificate(Mode),
    /// Something that is not a domain name.
    #[error("tls.domains: `{domain}` {why}; write {instead}")]
    #[non_exhaustive]
    Domain {
        /// What was written.
        domain: String,
        /// What is wrong with it.
        why: &'static str,
        /// What to write.
        instead: String,
    },
    /// A file or directory cannot be read or written.
    #[error("{at}: cannot be {verb}: {}", plain(source))]
    #[non_exhaustive]
    Io {
        /// Where.
        at: At,
        /// What was tried.
        verb: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A directory, a pipe or a device.
    #[error(
        "{at}: is no file; name one that can be read again and again: it is looked at every ten seconds"
    )]
    NotAFile {
        /// Where.
        at: At,
    },
    /// A file that is larger than any certificate chain or key.
    #[error("{at}: is larger than 1 MiB, which no certificate chain or key is")]
    TooLarge {
        /// Where.
        at: At,
    },
    /// A file without content.
    #[error("{at}: is empty; a PEM file begins with a line like `-----BEGIN {label}-----`")]
    #[non_exhaustive]
    Empty {
        /// Where.
        at: At,
        /// The label of the section that belongs there.
        label: &'static str,
    },
    /// DER where PEM is wanted.
    #[error("{at}: is DER, and PEM is wanted; convert it with `{command}`")]
    #[non_exhaustive]
    Der {
        /// Where.
        at: At,
        /// The command that converts it.
        command: String,
    },
    /// A file that is neither PEM nor DER.
    #[error("{at}: is not PEM; a PEM file has a line like `-----BEGIN {label}-----`")]
    #[non_exhaustive]
    NotPem {
        /// Where.
        at: At,
        /// The label of the section that belongs there.
        label: &'static str,
    },
    /// A PEM file that breaks off or is damaged.
    #[error(
        "{at}: its PEM is damaged or not written to its end: {}",
        in_words(source)
    )]
    #[non_exhaustive]
    Damaged {
        /// Where.
        at: At,
        /// What the parser said.
        source: rustls_pki_types::pem::Error,
    },
    /// PEM, but not of the kind that belongs there.
    #[error("{at}: holds no {wanted}{hint}")]
    #[non_exhaustive]
    Lacks {
        /// Where.
        at: At,
        /// What belongs there.
        wanted: &'static str,
        /// What seems to have happened.
        hint: &'static str,
    },
    /// A private key behind a passphrase.
    #[error(
        "{at}: the key is encrypted, and nobody is there to type its passphrase; \
         decrypt it with `openssl pkey -in {} -out decrypted.pem` and `chmod 600 decrypted.pem`",
        .at.path().display()
    )]
    EncryptedKey {
        /// Where.
        at: At,
    },
    /// A private key of a kind that cannot be used.
    #[error(
        "{at}: the key cannot be used: {source}; \
         accepted are ECDSA (P-256, P-384, P-521), Ed25519 and RSA of 2048 to 8192 bits"
    )]
    #[non_exhaustive]
    Key {
        /// Where.
        at: At,
        /// What the library said.
        source: rustls::Error,
    },
    /// A certificate that is not one.
    #[error("{at}: its certificate {position} cannot be read: {source}")]
    #[non_exhaustive]
    Certificate {
        /// Where.
        at: At,
        /// Which one of the file, from 1.
        position: usize,
        /// What the parser said.
        source: x509_parser::error::X509Error,
    },
    /// A certificate of a kind that cannot be used.
    #[error("{at}: its first certificate cannot be used: {source}; X.509 version 3 is wanted")]
    #[non_exhaustive]
    Unfit {
        /// Where.
        at: At,
        /// What the library said.
        source: rustls::Error,
    },
    /// Certificates of clients cannot be checked by what was named.
    #[error(
        "{at}: clients cannot be checked by it: {source}; a revocation list is of version 2, with \
         its number and its issuer's key id (RFC 5280 §5.2)"
    )]
    #[non_exhaustive]
    Clients {
        /// Where.
        at: At,
        /// What the library said.
        source: rustls::server::VerifierBuilderError,
    },
    /// Clients are to show certificates where there is no TLS.
    #[error(
        "tls.clients: where TLS is off no client can show a certificate; write another `mode`, or \
         take the table away"
    )]
    ClientsWithoutTls,
    /// The app is to be known by what is no name.
    #[error(
        "tls.app.name: `{name}` is not a name that a certificate has; write the one in the app's, such as \
         `app.internal`, or its address"
    )]
    #[non_exhaustive]
    AppName {
        /// What was written, or the host of the app's address.
        name: String,
    },
    /// Nobody is trusted to vouch for the app.
    #[error(
        "tls.app.ca: this system trusts no authority; name the app's, `ca = \"…\"`, or install the \
         package `ca-certificates`"
    )]
    NoAuthority,
    /// Key and certificate do not belong together.
    #[error(
        "{at}: does not belong to the certificate in {}; the first certificate of the file must \
         be the server's own, and both files must be of one issue",
        certificate.display()
    )]
    #[non_exhaustive]
    Mismatch {
        /// Where the key is.
        at: At,
        /// Where the certificate is.
        certificate: PathBuf,
    },
    /// The local authority's certificate is there and its key is not.
    #[error(
        "{at}: is there, but its key `ca-key.pem` is not; put the key back, or delete `ca.pem` \
         to begin anew, and have everybody who trusts the old authority trust the new one"
    )]
    CaKeyMissing {
        /// Where the certificate is.
        at: At,
    },
    /// The local authority's certificate does not serve as one.
    #[error(
        "{at}: {why}; delete it, and it is made again from `ca-key.pem`, \
         so that whoever trusts it need do nothing"
    )]
    #[non_exhaustive]
    CaUnfit {
        /// Where.
        at: At,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The local authority's key does not belong to its certificate.
    #[error(
        "{at}: is not the key of the `ca.pem` beside it; put the right one back, or delete both \
         to begin anew, and have everybody who trusts the old authority trust the new one"
    )]
    CaMismatch {
        /// Where the key is.
        at: At,
    },
    /// The local authority's time is over.
    #[error(
        "{at}: ended on {}; delete it and `ca-key.pem`, and have everybody who trusts it \
         trust the new one",
        Date(*ended)
    )]
    #[non_exhaustive]
    CaExpired {
        /// Where.
        at: At,
        /// When.
        ended: SystemTime,
    },
    /// A certificate could not be made.
    #[error("the local authority cannot issue a certificate: {0}")]
    Issue(#[source] rcgen::Error),
    /// rustls refused the settings.
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[source] rustls::Error),
}

impl Error {
    /// The key of the `[tls]` table that the error is about, dotted; empty when it is about none,
    /// as with the state directory.
    pub fn key(&self) -> &str {
        match self {
            Self::Word { key, .. } => key,
            Self::NoDomain | Self::NoCertificate | Self::UnusedCertificate(_) => "mode",
            Self::HalfPair { given, .. } => given,
            Self::Domain { .. } => "domains",
            Self::ClientsWithoutTls => "clients",
            Self::AppName { .. } => "app.name",
            Self::NoAuthority => "app.ca",
            Self::Io { at, .. }
            | Self::NotAFile { at }
            | Self::TooLarge { at }
            | Self::Empty { at, .. }
            | Self::Der { at, .. }
            | Self::NotPem { at, .. }
            | Self::Damaged { at, .. }
            | Self::Lacks { at, .. }
            | Self::EncryptedKey { at }
            | Self::Key { at, .. }
            | Self::Certificate { at, .. }
            | Self::Unfit { at, .. }
            | Self::Clients { at, .. }
            | Self::Mismatch { at, .. }
            | Self::CaKeyMissing { at }
            | Self::CaUnfit { at, .. }
            | Self::CaMismatch { at }
            | Self::CaExpired { at, .. } => at.key(),
            Self::Issue(_) | Self::Rustls(_) => "",
        }
    }
}

/// A file, and the key that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    key: String,
    path: PathBuf,
}

impl At {
    pub(crate) fn setting(key: impl Into<String>, path: &Path) -> Self {
        Self {
            key: key.into(),
            path: path.to_owned(),
        }
    }

    pub(crate) fn state(path: &Path) -> Self {
        Self::setting(String::new(), path)
    }

    pub(crate) fn io(&self, verb: &'static str) -> impl FnOnce(io::Error) -> Error {
        let at = self.clone();
        move |source| Error::Io { at, verb, source }
    }

    /// The key, relative to `[tls]`; empty for a file of the state directory.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The path as it was written.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "tls.{}: ", self.key)?;
        }
        write!(f, "{}", self.path.display())
    }
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not".to_owned(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "there is no room left on its disk (`df -h`, `df -i`); make some".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "its file system is mounted read-only; mount it for writing, or name a directory that \
             can be written (`--state DIR`)"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

/// What the parser says, without bytes as numbers.
fn in_words(error: &rustls_pki_types::pem::Error) -> String {
    use rustls_pki_types::pem::Error as Pem;
    match error {
        Pem::MissingSectionEnd { end_marker } => format!(
            "the line `-----END {}-----` is missing",
            String::from_utf8_lossy(end_marker)
        ),
        Pem::IllegalSectionStart { line } => format!(
            "the line `{}` is not one that begins a section",
            String::from_utf8_lossy(line).trim_end()
        ),
        other => other.to_string(),
    }
}
