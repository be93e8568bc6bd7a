//! What is known of a certificate that is in force.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use panoply_core::CertificateSource;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::date::Date;

/// A certificate that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    names: Arc<[String]>,
    not_before: SystemTime,
    not_after: SystemTime,
    source: CertificateSource,
    fingerprint: Fingerprint,
    lacks: Option<Arc<str>>,
}

impl CertificateInfo {
    pub(crate) fn read(
        der: &CertificateDer<'_>,
        source: CertificateSource,
    ) -> Result<Self, X509Error> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| match error {
            x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => error,
            x509_parser::nom::Err::Incomplete(_) => X509Error::InvalidCertificate,
        })?;
        Ok(Self {
            names: names(&certificate)?.into(),
            not_before: system_time(certificate.validity().not_before),
            not_after: system_time(certificate.validity().not_after),
            source,
            fingerprint: Fingerprint::of(der),
            lacks: None,
        })
    }

    /// The same, sent without the certificate of who issued it.
    pub(crate) fn lacking(mut self, issuer: Option<String>) -> Self {
        self.lacks = issuer.map(Arc::from);
        self
    }

    /// Who issued it, if that one's certificate should be sent along and is not there.
    pub(crate) fn lacks(&self) -> Option<&str> {
        self.lacks.as_deref()
    }

    /// The domain names and IP addresses it is valid for (subjectAltName), lower-case. The common
    /// name is not among them: no browser has read it since 2017.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// From when on it is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when it is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Where it came from.
    pub fn source(&self) -> CertificateSource {
        self.source
    }

    /// Its SHA-256 fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether it is valid for `name`, a lower-case domain name or an IP address. A wildcard
    /// stands for one label (RFC 9525 §6.3).
    pub fn covers(&self, name: &str) -> bool {
        let wildcard = parent(name).map(|parent| format!("*.{parent}"));
        let covers = |own: &String| own == name || wildcard.as_ref() == Some(own);
        self.names.iter().any(covers)
    }

    /// The point at two thirds of its life, when it should be renewed.
    pub(crate) fn renewal(&self) -> SystemTime {
        self.not_before + self.lifetime() * 2 / 3
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.not_after
            .duration_since(self.not_before)
            .unwrap_or_default()
    }
}

impl fmt::Display for CertificateInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() {
            f.write_str("no name")?;
        }
        write!(
            f,
            "{}, valid until {}",
            self.names.join(", "),
            Date(self.not_after)
        )
    }
}

/// Who issued the first certificate of a chain, if clients will look for that one's certificate in vain: others stand
/// there, or it says where it can be fetched (RFC 5280 §4.2.2.1), as those do that no root has issued.
pub(crate) fn lacking(chain: &[CertificateDer<'_>]) -> Option<String> {
    let (own, others) = chain.split_first()?;
    let (_, own) = X509Certificate::from_der(own).ok()?;
    let is_issuer = |der: &CertificateDer<'_>| {
        X509Certificate::from_der(der).is_ok_and(|(_, other)| other.subject() == own.issuer())
    };
    let is_own = own.issuer() == own.subject();
    let is_there = others.iter().any(is_issuer);
    let is_wanted = !others.is_empty() || names_issuer(&own);
    (!is_own && !is_there && is_wanted).then(|| own.issuer().to_string())
}

fn names_issuer(certificate: &X509Certificate<'_>) -> bool {
    let fetched = |extension: &ParsedExtension<'_>| match extension {
        ParsedExtension::AuthorityInfoAccess(access) => {
            let mut described = access.accessdescs.iter();
            described.any(|access| access.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS)
        }
        _ => false,
    };
    let mut extensions = certificate.extensions().iter();
    extensions.any(|extension| fetched(extension.parsed_extension()))
}

/// A SHA-256 fingerprint, shown as browsers and OpenSSL show it: `AB:CD:…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        let mut own = [0; 32];
        own.iter_mut()
            .zip(digest.as_ref())
            .for_each(|(to, from)| *to = *from);
        Self(own)
    }

    /// The digest itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            let colon = if position == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// What follows the first label, when something does.
pub(crate) fn parent(name: &str) -> Option<&str> {
    let (label, parent) = name.split_once('.')?;
    (!label.is_empty() && !parent.is_empty()).then_some(parent)
}

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, X509Error> {
    let Some(extension) = certificate.subject_alternative_name()? else {
        return Ok(Vec::new());
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    Ok(extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match <[u8; 4]>::try_from(bytes) {
        Ok(v4) => Some(IpAddr::from(v4)),
        Err(_) => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

fn system_time(time: ASN1Time) -> SystemTime {
    // A date before 1970 is as good as 1970: long past.
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}
