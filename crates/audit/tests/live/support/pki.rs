//! Certificates, good and bad.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// An authority, and the file that names it.
pub(crate) struct Pki {
    root: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate with its key.
pub(crate) struct Leaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::called("Test Root")
    }

    pub(crate) fn called(name: &str) -> Self {
        let root = CertifiedIssuer::self_signed(authority(name), key()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("root.pem"), root.pem()).unwrap();
        Self { root, folder }
    }

    /// The file of the root.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Signed by the root.
    pub(crate) fn leaf(&self, params: &CertificateParams) -> Leaf {
        let key = key();
        let certificate = params.signed_by(&key, &self.root).unwrap();
        leaf(&certificate, key)
    }

    pub(crate) fn good(&self, names: &[&str]) -> Leaf {
        self.leaf(&named(names))
    }

    /// Signed by an authority between it and the root; `sent` says whether that one comes along.
    pub(crate) fn through(&self, names: &[&str], sent: bool) -> Leaf {
        let middle = authority("Test Middle");
        let middle = CertifiedIssuer::signed_by(middle, self::key(), &self.root).unwrap();
        let key = self::key();
        let mut params = named(names);
        params.custom_extensions.push(issuer_elsewhere());
        let mut leaf = leaf(&params.signed_by(&key, &middle).unwrap(), key);
        if sent {
            leaf.chain.push(middle.der().clone());
        }
        leaf
    }
}

/// Where the issuer's certificate is, as public authorities say in each of theirs: `http://ca.test/`.
fn issuer_elsewhere() -> CustomExtension {
    let url = b"http://ca.test/";
    let method = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
    let mut access = method.to_vec();
    access.extend([0x86, u8::try_from(url.len()).unwrap()]);
    access.extend(url);
    let mut content = vec![0x30, u8::try_from(access.len() + 2).unwrap(), 0x30];
    content.push(u8::try_from(access.len()).unwrap());
    content.extend(access);
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

fn leaf(certificate: &Certificate, key: KeyPair) -> Leaf {
    let chain = vec![certificate.der().clone()];
    Leaf { chain, key }
}

/// A certificate for these names, as yet unsigned.
pub(crate) fn named(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "a server");
    params
}

/// One that ended long ago.
pub(crate) fn expired(names: &[&str]) -> CertificateParams {
    let mut params = named(names);
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
    params
}

/// One that nobody signed.
pub(crate) fn self_signed(names: &[&str]) -> Leaf {
    let key = key();
    let certificate = named(names).self_signed(&key).unwrap();
    leaf(&certificate, key)
}

impl Leaf {
    /// What a server needs of it.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), PrivateKeyDer::from(key))
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
