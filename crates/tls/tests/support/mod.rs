//! Clients, handshakes in memory, and certificates made for a test.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails like the test")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Clock, ManualClock};
use panoply_tls::{Tls, TlsConfig};
use rcgen::{
    CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

pub(crate) const DAY: Duration = Duration::from_hours(24);

#[derive(Debug)]
struct Time(ManualClock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let since = self.0.wall().duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}

/// A client that trusts what `ca` holds and lives at the time of `clock`.
pub(crate) fn client_with(
    ca: &Path,
    clock: &ManualClock,
    provider: CryptoProvider,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(der.unwrap()).unwrap();
    }
    let time = Arc::new(Time(clock.clone()));
    let mut config = ClientConfig::builder_with_details(Arc::new(provider), time)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(16);
    config
}

pub(crate) fn client(ca: &Path, clock: &ManualClock) -> ClientConfig {
    let provider = aws_lc_rs::default_provider();
    client_with(ca, clock, provider, rustls::ALL_VERSIONS)
}

pub(crate) fn local(state: &Path, clock: &ManualClock, config: TlsConfig) -> Tls {
    let clock = Arc::new(clock.clone());
    config.build(state, clock).unwrap().unwrap()
}

/// Shakes hands in memory, and lets the client read the tickets too.
pub(crate) fn shake(
    tls: &Tls,
    client: &Arc<ClientConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let mut server = ServerConnection::new(tls.server_config())?;
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut rest = &wire[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut rest = &wire[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

/// An authority of the test's own, valid in the years 2029 to 2031.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Authority of a test");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A revocation list that names nobody and is good until 15 January 2030.
    pub(crate) fn list(&self) -> String {
        let list = rcgen::CertificateRevocationListParams {
            this_update: date_time_ymd(2029, 12, 1),
            next_update: date_time_ymd(2030, 1, 15),
            crl_number: rcgen::SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// The root's certificate as a file.
    pub(crate) fn root(&self, directory: &Path) -> PathBuf {
        let path = directory.join("root.pem");
        std::fs::write(&path, self.0.pem()).unwrap();
        path
    }

    /// A certificate and a key in PEM.
    pub(crate) fn pems(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        self.pems_for(names, &key)
    }

    pub(crate) fn pems_for(&self, names: &[&str], key: &KeyPair) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2029, 12, 1);
        params.not_after = date_time_ymd(2030, 12, 1);
        let certificate = params.signed_by(key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A certificate that says where that of its issuer is fetched.
    pub(crate) fn pems_that_name_their_issuer(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let uri = b"http://a.example/i";
        let issuers = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 2, 0x86, 18];
        let content = [&[0x30, 32, 0x30, 30][..], &issuers, uri].concat();
        let access = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content);
        params.custom_extensions = vec![access];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    pub(crate) fn issue(&self, directory: &Path, stem: &str, names: &[&str]) -> Files {
        let (certificate, key) = self.pems(names);
        Files::write(directory, stem, &certificate, &key)
    }
}

impl Files {
    pub(crate) fn write(directory: &Path, stem: &str, certificate: &str, key: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let files = Self {
            certificate: directory.join(format!("{stem}.pem")),
            key: directory.join(format!("{stem}.key")),
        };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        let owner = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&files.key, owner).unwrap();
        files
    }

    pub(crate) fn config(&self) -> TlsConfig {
        TlsConfig::new().certificate(&self.certificate, &self.key)
    }
}

/// The names of the certificate the client was shown.
pub(crate) fn shown(client: &ClientConnection) -> CertificateDer<'static> {
    let chain = client.peer_certificates().unwrap();
    chain.first().unwrap().clone().into_owned()
}
