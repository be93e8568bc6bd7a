//! The local certificate authority.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use panoply_core::CertificateSource;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::store::{Access, Lock, Store};
use crate::error::{At, Error};
use crate::info::{CertificateInfo, Fingerprint};
use crate::pem;

pub(super) const CERTIFICATE: &str = "ca.pem";
pub(super) const KEY: &str = "ca-key.pem";

const DAY: Duration = Duration::from_hours(24);
/// Ten years.
const LIFETIME: Duration = Duration::from_hours(24 * 3652);
/// From when an authority is good, after 1970: the first of January 2025, before any was made.
const BEGIN: Duration = Duration::from_hours(24 * 20_089);
/// Where dates end: ASN.1 knows four digits for a year.
const CALENDAR: Duration = Duration::from_hours(24 * 365 * 7000);

/// An authority that can issue certificates.
#[derive(Debug)]
pub(super) struct Authority {
    der: CertificateDer<'static>,
    info: CertificateInfo,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Loads the authority, or makes one where there is none.
    ///
    /// The key is what people trust. It is made only where there is neither key nor certificate;
    /// a certificate alone is made again from its key, under the same name, so that whoever
    /// trusts the old one trusts the new one.
    pub(super) fn load_or_create(
        store: &Store,
        lock: &Lock,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let certificate = store.read(CERTIFICATE)?;
        let key = match (store.read(KEY)?, &certificate) {
            (Some(pem), _) => parse_key(&pem, &store.at(KEY))?,
            (None, Some(_)) => {
                return Err(Error::CaKeyMissing {
                    at: store.at(CERTIFICATE),
                });
            }
            (None, None) => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Issue)?;
                let pem = zeroize::Zeroizing::new(key.serialize_pem());
                // Before the certificate: a crash in between leaves a key that nobody trusts yet.
                store.write(lock, KEY, pem.as_bytes(), Access::Owner)?;
                key
            }
        };
        if let Some(pem) = certificate {
            return Self::load(&pem, key, &store.at(CERTIFICATE), &store.at(KEY), now);
        }
        let certificate = params(&key, now).self_signed(&key).map_err(Error::Issue)?;
        store.write(
            lock,
            CERTIFICATE,
            certificate.pem().as_bytes(),
            Access::Everybody,
        )?;
        Self::load(
            certificate.pem().as_bytes(),
            key,
            &store.at(CERTIFICATE),
            &store.at(KEY),
            now,
        )
    }

    fn load(
        pem: &[u8],
        key: KeyPair,
        at: &At,
        key_at: &At,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let unfit = |why| Error::CaUnfit {
            at: at.clone(),
            why,
        };
        let der = pem::chain(pem, at)
            .map_err(|_| unfit("is not a certificate in PEM, or damaged"))?
            .into_iter()
            .next()
            .ok_or_else(|| unfit("is empty"))?;
        let (_, parsed) = X509Certificate::from_der(&der)
            .map_err(|_| unfit("holds something that is not a certificate"))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(Error::CaMismatch { at: key_at.clone() });
        }
        if !parsed.is_ca() {
            return Err(unfit("is not the certificate of an authority"));
        }
        let info = CertificateInfo::read(&der, CertificateSource::Local)
            .map_err(|_| unfit("holds something that is not a certificate"))?;
        if now > info.not_after() {
            let (at, ended) = (at.clone(), info.not_after());
            return Err(Error::CaExpired { at, ended });
        }
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(Error::Issue)?;
        Ok(Self { der, info, issuer })
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    pub(super) fn not_after(&self) -> SystemTime {
        self.info.not_after()
    }

    /// Whether `leaf` bears this authority's signature.
    pub(super) fn signed(&self, leaf: &CertificateDer<'_>) -> bool {
        let Ok((_, own)) = X509Certificate::from_der(&self.der) else {
            return false;
        };
        X509Certificate::from_der(leaf)
            .is_ok_and(|(_, leaf)| leaf.verify_signature(Some(own.public_key())).is_ok())
    }
}

/// From when and until when, as rcgen wants it.
pub(super) fn set_validity(params: &mut CertificateParams, from: SystemTime, until: SystemTime) {
    let date = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + since.min(CALENDAR)
    };
    params.not_before = date(from);
    params.not_after = date(until);
}

fn parse_key(pem: &[u8], at: &At) -> Result<KeyPair, Error> {
    let der = pem::private_key(pem, at)?;
    KeyPair::try_from(&der).map_err(|_| Error::CaMismatch { at: at.clone() })
}

/// No extended key usage, as roots have none (CA/Browser Forum BR §7.1.2.1.2), and no name
/// constraints: names are added later, and nobody would be told that the root has to be trusted
/// anew.
fn params(key: &KeyPair, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    // By the key, so that a certificate made again from the key bears the name people trust.
    let id = Fingerprint::of(&key.subject_public_key_info()).to_string();
    let id: String = id.chars().filter(|c| *c != ':').take(8).collect();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Panoply");
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Panoply local CA {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // From whenever: a first start while the clock was ahead must not make one that is good years later.
    let begin = (UNIX_EPOCH + BEGIN).min(now - DAY);
    set_validity(&mut params, begin, now + LIFETIME);
    params
}
