//! The `[tls]` table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use panoply_core::Clock;
use serde::Deserialize;

use crate::app::AppTlsConfig;
use crate::clients::{Clients, ClientsConfig};
use crate::domain;
use crate::error::{At, Error};
use crate::files::FilePair;
use crate::lasting::Lasting;
use crate::local::Local;
use crate::mode::{Mode, Profile};
use crate::server;
use crate::tls::{Parts, Sources, Tls};

/// The `[tls]` table of `panoply.toml`.
///
/// ```
/// use panoply_tls::{Mode, TlsConfig};
///
/// let config: TlsConfig = toml::from_str(r#"
///     certificate = "/etc/ssl/shop.example.pem"
///     key = "/etc/ssl/private/shop.example.key"
/// "#)?;
/// assert_eq!(config.effective_mode(), Mode::Files);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    mode: Option<Mode>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    certificates: Vec<CertificateFiles>,
    domains: Vec<String>,
    profile: Profile,
    clients: Option<ClientsConfig>,
    app: Option<AppTlsConfig>,
    #[serde(skip)]
    own_authority: bool,
}

/// A certificate chain and its key, each a PEM file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl CertificateFiles {
    /// The chain in `certificate`, the server's own certificate first, and its key in `key`.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
        }
    }
}

impl TlsConfig {
    /// The default: a certificate from the local authority, the intermediate profile.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where certificates come from. Default: `files` when files are named, `acme` when one of the
    /// domains is [public](Self::acme_domains), else `local`.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The files of the default certificate: PEM, the chain with the server's own certificate
    /// first, and its key unencrypted. In TOML: `certificate` and `key`.
    #[must_use]
    pub fn certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some(certificate.into());
        self.key = Some(key.into());
        self
    }

    /// Several pairs of files, chosen by the name the client asks for. The first is the default,
    /// unless [`certificate`](Self::certificate) names one.
    #[must_use]
    pub fn certificates(mut self, files: impl IntoIterator<Item = CertificateFiles>) -> Self {
        self.certificates = files.into_iter().collect();
        self
    }

    /// The domains that are served: lower-case, ASCII, without scheme and port; `*.shop.example`
    /// and IP addresses are accepted. The local authority issues for them, beside `localhost`,
    /// `127.0.0.1` and `::1`; with files, one that no certificate covers makes a warning.
    #[must_use]
    pub fn domains(mut self, domains: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.domains = domains.into_iter().map(Into::into).collect();
        self
    }

    /// Whether certificates are ordered from an authority of one's own, which issues for names of its network as well, such
    /// as `shop.internal`. Default: no.
    #[must_use]
    pub const fn own_authority(mut self, own: bool) -> Self {
        self.own_authority = own;
        self
    }

    /// Versions and cipher suites. Default: [`Profile::Intermediate`].
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Asks clients for certificates of their own. Default: none are asked for.
    #[must_use]
    pub fn clients(mut self, clients: ClientsConfig) -> Self {
        self.clients = Some(clients);
        self
    }

    /// How an app at `https://…` is known. Default: by an authority that the system trusts.
    #[must_use]
    pub fn app(mut self, app: AppTlsConfig) -> Self {
        self.app = Some(app);
        self
    }

    /// The `[tls.app]` table, if it was written.
    pub const fn app_tls(&self) -> Option<&AppTlsConfig> {
        self.app.as_ref()
    }

    /// The mode that is in force.
    pub fn effective_mode(&self) -> Mode {
        match self.mode {
            Some(mode) => mode,
            None if self.names_files() => Mode::Files,
            None if self.domains.iter().any(|name| self.is_ordered(name)) => Mode::Acme,
            None => Mode::Local,
        }
    }

    /// The domains to get certificates for from an ACME directory: all of them where the mode was
    /// written, else those for which a public authority may issue: neither `localhost` nor one of
    /// the names that are nobody's (RFC 6761, RFC 2606), nor an address of a private network. An
    /// [authority of one's own](Self::own_authority) issues for all but this machine's own.
    pub fn acme_domains(&self) -> Vec<&str> {
        let all = self.domains.iter().map(String::as_str);
        match self.effective_mode() {
            Mode::Acme if self.mode.is_some() => all.collect(),
            Mode::Acme => all.filter(|name| self.is_ordered(name)).collect(),
            _ => Vec::new(),
        }
    }

    fn is_ordered(&self, name: &str) -> bool {
        domain::is_public(name) || self.own_authority && !domain::is_local(name)
    }

    /// The domains as they were given.
    pub fn domain_names(&self) -> &[String] {
        &self.domains
    }

    /// The files that have the keys of certificates.
    pub fn key_files(&self) -> impl Iterator<Item = &Path> {
        let listed = self.certificates.iter().map(|files| &files.key);
        let own = self.key.iter().chain(listed).map(PathBuf::as_path);
        own.chain(self.app.iter().filter_map(AppTlsConfig::key_file))
    }

    /// Puts `directory` before every path that is relative.
    #[must_use]
    pub fn relative_to(mut self, directory: &Path) -> Self {
        let own = self.certificate.iter_mut().chain(&mut self.key);
        let listed = self
            .certificates
            .iter_mut()
            .flat_map(|files| [&mut files.certificate, &mut files.key]);
        own.chain(listed)
            .for_each(|path| *path = directory.join(&*path));
        if let Some(clients) = &mut self.clients {
            clients.relative_to(directory);
        }
        if let Some(app) = &mut self.app {
            app.relative_to(directory);
        }
        self
    }

    /// Checks everything, reads or makes the certificates, and builds what a listener needs;
    /// nothing when the mode is `off`. The local authority is kept in `state`, which is made when
    /// it is missing and needed.
    ///
    /// # Errors
    ///
    /// When a setting is wrong, a file cannot be used, or the state directory is not in order.
    pub fn build(self, state: &Path, clock: Arc<dyn Clock>) -> Result<Option<Tls>, Error> {
        self.build_with(state, clock, &Lasting::default())
    }

    /// As [`build`](Self::build), with what an earlier configuration has left.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn build_with(
        self,
        state: &Path,
        clock: Arc<dyn Clock>,
        lasting: &Lasting,
    ) -> Result<Option<Tls>, Error> {
        self.domains
            .iter()
            .try_for_each(|name| domain::check(name))?;
        let mode = self.effective_mode();
        // `off` may come from a flag, over a file that names certificates.
        if matches!(mode, Mode::Local | Mode::Acme) && self.names_files() {
            return Err(Error::UnusedCertificate(mode));
        }
        let provider = Arc::new(server::provider());
        let sources = match mode {
            Mode::Off if self.clients.is_some() => return Err(Error::ClientsWithoutTls),
            Mode::Off => return Ok(None),
            Mode::Acme if self.domains.is_empty() => return Err(Error::NoDomain),
            Mode::Local | Mode::Acme => {
                let local = Local::open(state, &self.domains, Arc::clone(&provider), clock.wall())?;
                Sources::new(Vec::new(), Some(local))
            }
            Mode::Files => {
                let open =
                    |(certificate, key)| FilePair::open(certificate, key, Arc::clone(&provider));
                let pairs = self.pairs()?.into_iter().map(open);
                Sources::new(pairs.collect::<Result<_, _>>()?, None)
            }
        };
        let clients = self.clients.as_ref();
        let clients = clients.map(|clients| Clients::open(clients, Arc::clone(&provider)));
        let parts = Parts {
            domains: self.domains,
            profile: self.profile,
            provider,
            challenges: (mode == Mode::Acme).then(|| lasting.challenges.clone()),
            tickets: lasting.tickets.clone(),
            clock,
        };
        Tls::new(sources, clients.transpose()?, parts).map(Some)
    }

    fn names_files(&self) -> bool {
        self.certificate.is_some() || self.key.is_some() || !self.certificates.is_empty()
    }

    fn pairs(&self) -> Result<Vec<(At, At)>, Error> {
        let mut pairs = Vec::new();
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                pairs.push((
                    At::setting("certificate", certificate),
                    At::setting("key", key),
                ));
            }
            (Some(_), None) => {
                return Err(Error::HalfPair {
                    given: "certificate",
                    missing: "key",
                    what: "private key",
                });
            }
            (None, Some(_)) => {
                return Err(Error::HalfPair {
                    given: "key",
                    missing: "certificate",
                    what: "certificate chain",
                });
            }
            (None, None) => {}
        }
        for (position, files) in self.certificates.iter().enumerate() {
            pairs.push((
                At::setting(
                    format!("certificates.{position}.certificate"),
                    &files.certificate,
                ),
                At::setting(format!("certificates.{position}.key"), &files.key),
            ));
        }
        if pairs.is_empty() {
            return Err(Error::NoCertificate);
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests;
