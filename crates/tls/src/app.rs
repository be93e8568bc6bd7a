//! An app that is itself spoken to by TLS: whom it is believed to be, and what it is shown.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use panoply_core::{CertificateSource, Clock};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{At, Error};
use crate::info::Fingerprint;
use crate::mode::Profile;
use crate::{pem, server};

/// The `[tls.app]` table: how an app at `https://…` is known, and by what it knows the gateway.
///
/// ```
/// use panoply_tls::AppTlsConfig;
///
/// let config: AppTlsConfig = toml::from_str(r#"
///     ca = "inner-ca.pem"
///     name = "app.internal"
/// "#)?;
/// assert_eq!(config, AppTlsConfig::new().ca("inner-ca.pem").name("app.internal"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppTlsConfig {
    ca: Option<PathBuf>,
    name: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl AppTlsConfig {
    /// The default: a certificate of an authority that the system trusts, for the host of the app's address.
    pub fn new() -> Self {
        Self::default()
    }

    /// The PEM file of the authorities that are believed, in place of the system's. A certificate of the app that
    /// is itself in it is taken as it is, by whatever name and however old: so is one that signed itself.
    #[must_use]
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca = Some(file.into());
        self
    }

    /// The name that the app's certificate has to have, and that it is asked by (SNI, RFC 6066 §3). Default: the
    /// host of its address.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The files of the certificate that the app is shown if it asks for one (mTLS): PEM, the chain with the
    /// gateway's own first, and its key unencrypted. Default: none is shown.
    #[must_use]
    pub fn certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some(certificate.into());
        self.key = Some(key.into());
        self
    }

    pub(crate) fn relative_to(&mut self, directory: &Path) {
        let all = { self.ca.iter_mut() }.chain(&mut self.certificate);
        all.chain(&mut self.key)
            .for_each(|path| *path = directory.join(&*path));
    }

    /// The file that has the key of the certificate.
    pub fn key_file(&self) -> Option<&Path> {
        self.key.as_deref()
    }

    /// Reads the files, for an app at `host` that speaks HTTP/2 or, if not, HTTP/1.1.
    ///
    /// # Errors
    ///
    /// When a file cannot be used, the name is none, or the system trusts no authority and none is named.
    pub fn open(self, host: &str, http2: bool, clock: Arc<dyn Clock>) -> Result<AppTls, Error> {
        let written = self.name.as_deref().unwrap_or(host);
        let no_name = |_| Error::AppName {
            name: written.to_owned(),
        };
        let name = ServerName::try_from(written.to_owned()).map_err(no_name)?;
        let half = |given, missing, what| Error::HalfPair {
            given,
            missing,
            what,
        };
        let pair = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((
                At::setting("app.certificate", certificate),
                At::setting("app.key", key),
            )),
            (None, None) => None,
            (Some(_), None) => return Err(half("app.certificate", "key", "private key")),
            (None, Some(_)) => return Err(half("app.key", "certificate", "certificate chain")),
        };
        let means = Means {
            ca: { self.ca.as_ref() }.map(|path| At::setting("app.ca", path)),
            pair,
            http2,
            provider: Arc::new(server::provider()),
            clock,
        };
        let (decided, contents) = means.look();
        let client = ArcSwap::from_pointee(means.client(&contents?)?);
        Ok(AppTls {
            config: self,
            name,
            means,
            decided: Mutex::new(decided),
            client,
        })
    }
}

/// TLS to one app. Files are read again when they change.
#[derive(Debug)]
pub struct AppTls {
    config: AppTlsConfig,
    name: ServerName<'static>,
    means: Means,
    decided: Mutex<Fingerprint>,
    client: ArcSwap<ClientConfig>,
}

/// By the settings: what the files hold is followed.
impl PartialEq for AppTls {
    fn eq(&self, other: &Self) -> bool {
        let of = |one: &Self| (one.config.clone(), one.name.clone(), one.means.http2);
        of(self) == of(other)
    }
}

impl Eq for AppTls {}

impl AppTls {
    /// What a new connection is made by.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.client.load_full()
    }

    /// The name that the app's certificate has to have.
    pub fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// Looks at the files again, and says whether new connections are made by others now.
    ///
    /// # Errors
    ///
    /// When what is new cannot be used; once for each new content. What was in force stays so.
    pub fn refresh(&self) -> Result<bool, Error> {
        let (seen, contents) = self.means.look();
        let mut decided = { self.decided.lock() }.unwrap_or_else(PoisonError::into_inner);
        if seen == *decided {
            return Ok(false);
        }
        *decided = seen;
        let client = self.means.client(&contents?)?;
        self.client.store(Arc::new(client));
        Ok(true)
    }
}

/// What a client is made of.
#[derive(Debug)]
struct Means {
    ca: Option<At>,
    pair: Option<(At, At)>,
    http2: bool,
    provider: Arc<CryptoProvider>,
    clock: Arc<dyn Clock>,
}

impl Means {
    fn look(&self) -> (Fingerprint, Result<pem::Contents, Error>) {
        let pair = { self.pair.iter() }.flat_map(|(certificate, key)| [certificate, key]);
        pem::look(self.ca.iter().chain(pair))
    }

    /// What the contents of the files make, the authorities first.
    fn client(&self, contents: &[Zeroizing<Vec<u8>>]) -> Result<ClientConfig, Error> {
        let mut contents = contents.iter().map(|pem| pem.as_slice());
        let named = match &self.ca {
            Some(at) => pem::chain(contents.next().unwrap_or_default(), at)?,
            None => Vec::new(),
        };
        let verifier = Verifier {
            authorities: WebPkiServerVerifier::builder_with_provider(
                Arc::new(self.roots(&named)?),
                Arc::clone(&self.provider),
            )
            .build()
            .map_err(|error| Error::Rustls(rustls::Error::General(error.to_string())))?,
            named,
        };
        let time = Arc::new(server::Time(Arc::clone(&self.clock)));
        let config = ClientConfig::builder_with_details(Arc::clone(&self.provider), time)
            .with_protocol_versions(server::versions(Profile::Intermediate))
            .map_err(Error::Rustls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.pair {
            Some((certificate, key)) => {
                let chain = (certificate, contents.next().unwrap_or_default());
                let key = (key, contents.next().unwrap_or_default());
                let entry = pem::entry(chain, key, CertificateSource::Files, &self.provider)?;
                let shown = SingleCertAndKey::from(Arc::clone(&entry.key));
                config.with_client_cert_resolver(Arc::new(shown))
            }
            None => config.with_no_client_auth(),
        };
        let protocol: &[u8] = if self.http2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(config)
    }

    /// Those that were named, or else the system's.
    fn roots(&self, named: &[CertificateDer<'static>]) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        let Some(at) = &self.ca else {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            return if roots.is_empty() {
                Err(Error::NoAuthority)
            } else {
                Ok(roots)
            };
        };
        for certificate in named {
            let unfit = |source| Error::Unfit {
                at: at.clone(),
                source,
            };
            roots.add(certificate.clone()).map_err(unfit)?;
        }
        Ok(roots)
    }
}

/// Believes what the authorities have signed for the name, and the very certificates that were named.
#[derive(Debug)]
struct Verifier {
    authorities: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Whoever named it has seen it: what an authority would vouch for is known. That its holder has the key,
        // the signature of the handshake shows all the same.
        if self.named.iter().any(|named| named == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
