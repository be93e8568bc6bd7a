//! How a store is connected.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::address::Address;
use crate::dial::Dialler;
use crate::keeper::Keeper;
use crate::wire::Names;
use crate::{Error, RedisStore};

/// Settings of a [`RedisStore`].
#[derive(Clone)]
pub struct RedisStoreBuilder {
    url: String,
    prefix: String,
    connect_timeout: Duration,
    roots: Option<Vec<u8>>,
}

/// The longest prefix: it stands in every key.
const LONGEST_PREFIX: usize = 64;

impl RedisStoreBuilder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            prefix: "panoply".to_owned(),
            connect_timeout: Duration::from_secs(5),
            roots: None,
        }
    }

    /// What sets these keys apart from others in the same database; `panoply` by default. It is the
    /// hash tag of every key, so that a cluster keeps all of them on one node.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long one attempt to connect may take, login included; 5 s by default.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The roots, in PEM, that alone are trusted by `rediss://`; those of the system, or of the
    /// file that `SSL_CERT_FILE` names, by default.
    #[must_use]
    pub fn roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Connects, and tries once whatever a decision may come to do.
    ///
    /// The connection is driven, and made anew when it is lost, by the tokio runtime that calls
    /// this; the store itself may be used from any.
    ///
    /// # Errors
    ///
    /// When the URL is wrong, nobody answers there, or the server will not do.
    pub async fn connect(self) -> Result<RedisStore, Error> {
        let address = Address::parse(&self.url)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        let length = self.prefix.len();
        if length == 0 || length > LONGEST_PREFIX || !self.prefix.chars().all(fits) {
            return Err(Error::Prefix(self.prefix));
        }
        let names = Names::new(&self.prefix);
        let dialler = Dialler {
            tls: if address.tls { Some(self.tls()?) } else { None },
            address,
            timeout: self.connect_timeout,
            names: names.clone(),
        };
        let link = dialler.dial().await?;
        let scripts = link.scripts.clone();
        let address = dialler.address.to_string();
        let keeper = Keeper::start(dialler, link);
        Ok(RedisStore::new(keeper, names, scripts, address))
    }

    fn tls(&self) -> Result<TlsConnector, Error> {
        let unreadable = |source| Error::Roots { source };
        let mut roots = RootCertStore::empty();
        if let Some(pem) = &self.roots {
            for root in CertificateDer::pem_slice_iter(pem) {
                let root = root.map_err(|error| unreadable(Box::new(error)))?;
                roots
                    .add(root)
                    .map_err(|error| unreadable(Box::new(error)))?;
            }
            if roots.is_empty() {
                return Err(unreadable("there is no certificate in it".into()));
            }
        } else {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let nothing = || "the system has no root certificates".into();
                let why = found.errors.into_iter().next();
                return Err(unreadable(why.map_or_else(nothing, Into::into)));
            }
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unreadable(Box::new(error)))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
