//! Settings of a store.

use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::dial::Dialler;
use crate::keeper::Keeper;
use crate::{Error, PostgresStore};

/// Settings of a [`PostgresStore`].
#[derive(Clone)]
pub struct PostgresStoreBuilder {
    url: String,
    schema: String,
    unlogged: bool,
    unlogged_sessions: bool,
    connections: usize,
    connect_timeout: Duration,
    roots: Option<Vec<u8>>,
}

impl PostgresStoreBuilder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            schema: "panoply".to_owned(),
            unlogged: false,
            unlogged_sessions: false,
            connections: 4,
            connect_timeout: Duration::from_secs(5),
            roots: None,
        }
    }

    /// The schema that holds everything; `panoply` by default.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Whether the counters are kept out of the server's log: faster, and forgotten when the server
    /// crashes. It counts when the table is made; off by default.
    #[must_use]
    pub const fn unlogged(mut self, unlogged: bool) -> Self {
        self.unlogged = unlogged;
        self
    }

    /// Whether sessions are kept out of the server's log: faster, and everybody is logged out when
    /// the server crashes. It counts when the table is made; off by default.
    #[must_use]
    pub const fn unlogged_sessions(mut self, unlogged: bool) -> Self {
        self.unlogged_sessions = unlogged;
        self
    }

    /// How many connections there are; four by default, one at least. A decision that waits for
    /// another's keys holds up those behind it on its connection.
    #[must_use]
    pub const fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// How long connecting may take; five seconds by default.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The roots that the server's certificate is believed by, as PEM; those of the system by
    /// default. TLS is used when the URL says `sslmode=require`.
    #[must_use]
    pub fn roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Connects, and makes the schema if there is none.
    ///
    /// The connections are driven, and made anew when they are lost, by the tokio runtime that calls
    /// this; the store itself may be used from any.
    ///
    /// # Errors
    ///
    /// When the URL is wrong, nobody answers there, or the server will not do.
    pub async fn connect(self) -> Result<PostgresStore, Error> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.schema.is_empty() || self.schema.len() > 48 || !self.schema.chars().all(fits) {
            return Err(Error::Schema(self.schema));
        }
        // What the parser says may repeat what stands there.
        let wrong = |_| Error::Url("this is no URL of a database".to_owned());
        let mut config = Config::from_str(self.url.trim()).map_err(wrong)?;
        let nowhere = |host: &Host| matches!(host, Host::Tcp(name) if name.is_empty());
        if config.get_hosts().is_empty() || config.get_hosts().iter().any(nowhere) {
            return Err(Error::Url("it names no host".to_owned()));
        }
        if config.get_user().is_none() {
            return Err(Error::Url("it names no user".to_owned()));
        }
        config.application_name("panoply");
        let options = config.get_options().unwrap_or("").to_owned();
        // Nobody waits longer for a decision than this; the server should not either. What a
        // function finds after it has waited for a lock has to be what is there by then.
        config.options(format!(
            "{options} -c statement_timeout=2s -c lock_timeout=2s \
             -c default_transaction_isolation=read\\ committed"
        ));
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(MakeRustlsConnect::new(self.tls()?)),
            _ => None,
        };
        if tls.is_none() {
            config.ssl_mode(SslMode::Disable);
        }
        let address = address(&config);
        let dialler = Arc::new(Dialler {
            config,
            tls,
            schema: self.schema,
            unlogged: self.unlogged,
            unlogged_sessions: self.unlogged_sessions,
            timeout: self.connect_timeout,
            address,
        });
        let first = dialler.dial(true).await?;
        Ok(PostgresStore::new(Keeper::start(
            &dialler,
            first,
            self.connections.max(1),
        )))
    }

    fn tls(&self) -> Result<ClientConfig, Error> {
        let unreadable = |source| Error::Roots { source };
        let mut roots = RootCertStore::empty();
        if let Some(pem) = &self.roots {
            for root in CertificateDer::pem_slice_iter(pem) {
                let root = root.map_err(|error| unreadable(Box::new(error)))?;
                let added = roots.add(root);
                added.map_err(|error| unreadable(Box::new(error)))?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            return Err(unreadable("there is no certificate among them".into()));
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unreadable(Box::new(error)))?
            .with_root_certificates(roots)
            .with_no_client_auth())
    }
}

fn address(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("PostgresStoreBuilder")
            .field("schema", &self.schema)
            .field("unlogged", &self.unlogged)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
