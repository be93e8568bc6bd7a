//! The certificate that the local authority issues to this server.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use panoply_core::CertificateSource;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::CryptoProvider;
use zeroize::Zeroizing;

use super::authority::{Authority, set_validity};
use super::store::{Access, Lock, Store};
use crate::error::Error;
use crate::info::CertificateInfo;
use crate::pem;
use crate::table::Entry;

pub(super) const CERTIFICATE: &str = "leaf.pem";
pub(super) const KEY: &str = "leaf-key.pem";

/// Ninety days; macOS refuses more than 825 of a local authority.
const LIFETIME: Duration = Duration::from_hours(24 * 90);
/// For clients whose clock is behind.
const BACKDATED: Duration = Duration::from_hours(1);

/// The certificate that is kept. One that cannot be used is as good as none: nobody trusts it by
/// itself, so it is made again without a word.
pub(super) fn load(store: &Store, provider: &CryptoProvider) -> Option<Arc<Entry>> {
    let certificate = store.read(CERTIFICATE).ok()??;
    let key = store.read(KEY).ok()??;
    pem::entry(
        (&store.at(CERTIFICATE), &certificate),
        (&store.at(KEY), &key),
        CertificateSource::Local,
        provider,
    )
    .ok()
}

/// Whether it is before two thirds of its life.
pub(super) fn is_fresh(info: &CertificateInfo, now: SystemTime) -> bool {
    info.not_before() <= now && now < info.renewal()
}

/// Whether a kept certificate will do: fresh, for exactly `names`, signed by `authority`.
pub(super) fn serves(
    entry: &Entry,
    authority: &Authority,
    names: &[String],
    now: SystemTime,
) -> bool {
    let mut own = entry.info.names().to_vec();
    own.sort_unstable();
    own == names
        && is_fresh(&entry.info, now)
        && entry
            .key
            .cert
            .first()
            .is_some_and(|leaf| authority.signed(leaf))
}

/// Issues a certificate with a key of its own, and keeps it.
pub(super) fn issue(
    store: &Store,
    lock: &Lock,
    authority: &Authority,
    names: &[String],
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Arc<Entry>, Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Issue)?;
    let certificate = params(names, now, authority.not_after())
        .and_then(|params| params.signed_by(&key, authority.issuer()))
        .map_err(Error::Issue)?
        .pem();
    let key = Zeroizing::new(key.serialize_pem());
    // A crash in between leaves a pair that does not match, and is made again.
    store.write(lock, KEY, key.as_bytes(), Access::Owner)?;
    store.write(lock, CERTIFICATE, certificate.as_bytes(), Access::Everybody)?;
    pem::entry(
        (&store.at(CERTIFICATE), certificate.as_bytes()),
        (&store.at(KEY), key.as_bytes()),
        CertificateSource::Local,
        provider,
    )
}

fn params(
    names: &[String],
    now: SystemTime,
    end: SystemTime,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Panoply local server");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now - BACKDATED, (now + LIFETIME).min(end));
    Ok(params)
}
