//! Clients that show who they are by a certificate of their own (mTLS).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{At, Error};
use crate::info::Fingerprint;
use crate::pem;

/// The `[tls.clients]` table: which certificates of clients are believed, and whether each client
/// must have one.
///
/// ```
/// use panoply_tls::TlsConfig;
///
/// let config: TlsConfig = toml::from_str(r#"
///     [clients]
///     ca = "partners.pem"
///     certificate = "optional"
///     revoked = ["partners.crl"]
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientsConfig {
    ca: PathBuf,
    #[serde(default)]
    certificate: Presence,
    #[serde(default)]
    revoked: Vec<PathBuf>,
}

/// Whether a client must have a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Presence {
    /// `required`, the default: without one there is no connection.
    #[default]
    Required,
    /// `optional`: who has one shows it, and the app decides. One that is not believed ends the
    /// connection all the same.
    Optional,
}

impl ClientsConfig {
    /// Every client must have a certificate of an authority in `ca`, a PEM file.
    pub fn new(ca: impl Into<PathBuf>) -> Self {
        Self {
            ca: ca.into(),
            certificate: Presence::Required,
            revoked: Vec::new(),
        }
    }

    /// Whether a client must have one. Default: [`Presence::Required`].
    #[must_use]
    pub fn certificate(mut self, presence: Presence) -> Self {
        self.certificate = presence;
        self
    }

    /// Files with revocation lists (RFC 5280 §5) in PEM. Where any is named, an issuer of which none
    /// speaks is not believed, and neither is what a list names, anywhere in the chain.
    #[must_use]
    pub fn revoked(mut self, lists: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.revoked = lists.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn relative_to(&mut self, directory: &Path) {
        let all = std::iter::once(&mut self.ca).chain(&mut self.revoked);
        all.for_each(|path| *path = directory.join(&*path));
    }
}

/// Who is believed now. Files are read again when they change.
#[derive(Debug)]
pub(crate) struct Clients {
    ca: At,
    revoked: Vec<At>,
    presence: Presence,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ClientCertVerifier>,
    decided: Fingerprint,
    trouble: Option<String>,
}

impl Clients {
    pub(crate) fn open(
        config: &ClientsConfig,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let list =
            |(at, path): (usize, &PathBuf)| At::setting(format!("clients.revoked.{at}"), path);
        let ca = At::setting("clients.ca", &config.ca);
        let revoked: Vec<At> = config.revoked.iter().enumerate().map(list).collect();
        let (decided, contents) = pem::look(std::iter::once(&ca).chain(&revoked));
        let verifier = verifier(&contents?, &ca, &revoked, config.certificate, &provider)?;
        Ok(Self {
            ca,
            revoked,
            presence: config.certificate,
            provider,
            verifier,
            decided,
            trouble: None,
        })
    }

    /// Looks again, and says whether others are believed now.
    ///
    /// # Errors
    ///
    /// When what is new cannot be used; once for each new content.
    pub(crate) fn refresh(&mut self) -> Result<bool, Error> {
        let (seen, contents) = pem::look(std::iter::once(&self.ca).chain(&self.revoked));
        if seen == self.decided {
            return Ok(false);
        }
        self.decided = seen;
        let verifier = contents.and_then(|contents| {
            let (presence, provider) = (self.presence, &self.provider);
            verifier(&contents, &self.ca, &self.revoked, presence, provider)
        });
        match verifier {
            Ok(verifier) => {
                self.verifier = verifier;
                self.trouble = None;
                Ok(true)
            }
            Err(error) => {
                self.trouble = Some(error.to_string());
                Err(error)
            }
        }
    }

    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }

    /// The terms under which a session begins: it is not taken up under others.
    pub(crate) fn terms(&self) -> Vec<u8> {
        let mut terms = self.decided.as_bytes().to_vec();
        terms.push(u8::from(self.presence == Presence::Required));
        terms
    }

    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

/// What the contents of the files make, the authorities first.
fn verifier(
    contents: &[Zeroizing<Vec<u8>>],
    ca: &At,
    revoked: &[At],
    presence: Presence,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    let authorities = contents.first().map_or(&[][..], |pem| pem);
    for root in pem::chain(authorities, ca)? {
        let unfit = |source| Error::Unfit {
            at: ca.clone(),
            source,
        };
        roots.add(root).map_err(unfit)?;
    }
    let provider = Arc::clone(provider);
    let roots = Arc::new(roots);
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
    let unfit = |at: &At| {
        let at = at.clone();
        move |source| Error::Clients { at, source }
    };
    for (pem, at) in contents.iter().skip(1).zip(revoked) {
        builder = builder.with_crls(lists(pem, at)?);
        // Each by itself, so that the one is named that is wrong.
        builder.clone().build().map_err(unfit(at))?;
    }
    if presence == Presence::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(unfit(ca))
}

fn lists(pem: &[u8], at: &At) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let lists = CertificateRevocationListDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let lists = lists.map_err(|source| Error::Damaged {
        at: at.clone(),
        source,
    })?;
    if lists.is_empty() {
        return Err(Error::Lacks {
            at: at.clone(),
            wanted: "revocation list (`-----BEGIN X509 CRL-----`)",
            hint: "",
        });
    }
    Ok(lists)
}
