//! What a server's certificate is worth, told apart by what has to be done about it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

/// A server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Why a browser would not have it; none if it would.
    pub(crate) problems: Vec<Problem>,
    /// From when to when it holds, in seconds since 1970.
    pub(crate) valid: Option<(i64, i64)>,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It ended, at this second since 1970.
    Expired(i64),
    /// It begins later.
    NotYet(i64),
    /// It is for these names.
    WrongName(Vec<String>),
    /// Nobody but the server itself speaks for it.
    SelfSigned,
    /// Somebody speaks for it who is not known.
    UnknownAuthority(String),
    /// Its issuer, of this name, is neither known nor sent along.
    Incomplete(String),
    /// Its RSA key has so few bits.
    ShortKey(usize),
    /// Something else.
    Other(String),
}

/// Who is trusted.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    pub(crate) roots: Arc<RootCertStore>,
    /// Those of a file, which a server may show as they are.
    pub(crate) own: Arc<[CertificateDer<'static>]>,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl Trust {
    fn algorithms(&self) -> WebPkiSupportedAlgorithms {
        self.provider.signature_verification_algorithms
    }
}

/// Notes what a server shows, and goes on whatever it is: the audit sends nothing that is secret.
pub(crate) struct Witness {
    trust: Trust,
    seen: Mutex<Option<Shown>>,
}

impl Witness {
    pub(crate) fn new(trust: Trust) -> Self {
        let seen = Mutex::new(None);
        Self { trust, seen }
    }

    pub(crate) fn seen(&self) -> Option<Shown> {
        let seen = self.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, result: Result<HandshakeSignatureValid, rustls::Error>) {
        let Err(error) = result else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = seen.as_mut().filter(|shown| shown.problems.is_empty()) {
            shown.problems.push(Problem::Other(error.to_string()));
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = judge(&self.trust, leaf, above, name, now);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = self.trust.algorithms();
        self.note(verify_tls12_signature(message, cert, signed, &algorithms));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = self.trust.algorithms();
        self.note(verify_tls13_signature(message, cert, signed, &algorithms));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms().supported_schemes()
    }
}

/// Each thing that is wrong by itself, so that a person need not come back for the next one.
fn judge(
    trust: &Trust,
    der: &CertificateDer<'_>,
    above: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    now: UnixTime,
) -> Shown {
    let unreadable = |error: String| Shown {
        problems: vec![Problem::Other(error)],
        valid: None,
    };
    let leaf = match X509Certificate::from_der(der) {
        Ok((_, leaf)) => leaf,
        Err(error) => return unreadable(error.to_string()),
    };
    let parsed = match ParsedCertificate::try_from(der) {
        Ok(parsed) => parsed,
        Err(error) => return unreadable(error.to_string()),
    };
    let valid = leaf.validity();
    let (from, until) = (valid.not_before.timestamp(), valid.not_after.timestamp());
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let mut problems = Vec::new();
    if seconds > until {
        problems.push(Problem::Expired(until));
    } else if seconds < from {
        problems.push(Problem::NotYet(from));
    }
    if verify_server_name(&parsed, name).is_err() {
        problems.push(Problem::WrongName(names(&leaf)));
    }
    if let Ok(PublicKey::RSA(key)) = leaf.public_key().parsed()
        && key.key_size() < 2048
    {
        problems.push(Problem::ShortKey(key.key_size()));
    }
    // Whether anybody known speaks for it is another question than whether it still holds.
    let within = u64::try_from(seconds.clamp(from, until)).unwrap_or_default();
    let within = UnixTime::since_unix_epoch(Duration::from_secs(within));
    let algorithms = trust.algorithms();
    let chain = verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &trust.roots,
        above,
        within,
        algorithms.all,
    );
    if let Err(error) = chain
        && !trust.own.iter().any(|own| own.as_ref() == der.as_ref())
    {
        problems.push(unlinked(&leaf, above, &error));
    }
    Shown {
        problems,
        valid: Some((from, until)),
    }
}

/// Why a chain leads to nobody who is known.
fn unlinked(
    leaf: &X509Certificate<'_>,
    above: &[CertificateDer<'_>],
    error: &rustls::Error,
) -> Problem {
    if leaf.issuer() == leaf.subject() {
        return Problem::SelfSigned;
    }
    let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
    if *error != unknown {
        return Problem::Other(error.to_string());
    }
    let above: Vec<X509Certificate<'_>> = above
        .iter()
        .filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1))
        .collect();
    // Follow what was sent, in whatever order, up to where it ends.
    let mut top = leaf;
    for _ in 0..above.len() {
        let issuer = |one: &&X509Certificate<'_>| one.subject() == top.issuer();
        match above.iter().find(issuer) {
            Some(next) if !std::ptr::eq(next, top) => top = next,
            _ => break,
        }
    }
    let issuer = called(top.issuer());
    // Public authorities say where the issuer's certificate is; one's own rarely does.
    let is_public = top.issuer() != top.subject() && says_where_its_issuer_is(top);
    if is_public {
        Problem::Incomplete(issuer)
    } else {
        Problem::UnknownAuthority(issuer)
    }
}

fn says_where_its_issuer_is(certificate: &X509Certificate<'_>) -> bool {
    certificate.extensions().iter().any(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            return false;
        };
        let mut methods = access.accessdescs.iter();
        methods.any(|one| one.access_method.to_id_string() == "1.3.6.1.5.5.7.48.2")
    })
}

/// The names that a certificate is for.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = extension.value.general_names.iter();
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress([a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
        GeneralName::IPAddress(bytes) => {
            let bytes: [u8; 16] = (*bytes).try_into().ok()?;
            Some(std::net::Ipv6Addr::from(bytes).to_string())
        }
        _ => None,
    };
    names.filter_map(text).collect()
}

/// What people call an authority.
fn called(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().next();
    let organization = || name.iter_organization().next();
    let part = common.or_else(organization);
    let text = part.and_then(|part| part.as_str().ok());
    text.map_or_else(|| name.to_string(), str::to_owned)
}
