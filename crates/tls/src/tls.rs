//! What a listener holds: the rustls settings, and the certificates behind them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use panoply_core::{CertificateSource, ClientCertificate, Clock, TlsSession};
use rustls::crypto::CryptoProvider;
use rustls::server::ClientHello;
use rustls::{ServerConfig, ServerConnection};

use crate::challenges::Challenges;
use crate::clients::Clients;
use crate::error::{At, Error};
use crate::files::FilePair;
use crate::info::CertificateInfo;
use crate::local::Local;
use crate::mode::Profile;
use crate::pem;
use crate::server;
use crate::table::{Entry, Resolver, Table, is_challenge};
use crate::tickets::Tickets;
use crate::warning::{self, Warning};

/// TLS as it is in force. All workers share one; certificates are replaced underneath them
/// without a lock and without a dropped connection.
#[derive(Debug)]
pub struct Tls {
    server_config: ArcSwap<ServerConfig>,
    /// For the handshakes of an ACME directory.
    for_challenges: Option<Arc<ServerConfig>>,
    resolver: Arc<Resolver>,
    sources: Mutex<Sources>,
    clients: Option<Mutex<Clients>>,
    source: CertificateSource,
    ca: Option<PathBuf>,
    parts: Parts,
}

/// What settings for rustls are made of, each time anew.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) domains: Vec<String>,
    pub(crate) profile: Profile,
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) challenges: Option<Challenges>,
    pub(crate) tickets: Tickets,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a [refresh](Tls::refresh) found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refresh {
    /// Everything is as it was.
    Unchanged,
    /// New certificates are in force.
    Replaced {
        /// The new ones.
        certificates: Vec<CertificateInfo>,
    },
}

impl Tls {
    pub(crate) fn new(
        sources: Sources,
        clients: Option<Clients>,
        parts: Parts,
    ) -> Result<Self, Error> {
        let challenges = parts.challenges.clone().unwrap_or_default();
        let resolver = Arc::new(Resolver::new(challenges, Arc::clone(&parts.clock)));
        resolver.replace(sources.table());
        let for_challenges = parts.challenges.as_ref();
        let for_challenges =
            for_challenges.map(|_| server::for_challenges(&parts, resolver.clone()));
        let config = server::config(&parts, clients.as_ref(), resolver.clone())?;
        Ok(Self {
            server_config: ArcSwap::from_pointee(config),
            for_challenges: for_challenges.transpose()?.map(Arc::new),
            source: resolver.source(None).unwrap_or(CertificateSource::Local),
            ca: sources.local.as_ref().map(|local| local.ca().to_owned()),
            resolver,
            sources: Mutex::new(sources),
            clients: clients.map(Mutex::new),
            parts,
        })
    }

    /// The settings for rustls; the same for every worker, and until other clients are believed,
    /// since certificates are looked up anew for each handshake. Offers `h2` and `http/1.1` by ALPN.
    ///
    /// A listener that serves an ACME directory too takes [`config_for`](Self::config_for).
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.server_config.load_full()
    }

    /// The settings for a handshake that begins with this: those of
    /// [`server_config`](Self::server_config), unless an ACME directory looks for an answer (RFC 8737
    /// §3), which shows no certificate of its own.
    pub fn config_for(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let challenge = self.for_challenges.as_ref().filter(|_| is_challenge(hello));
        challenge.map_or_else(|| self.server_config(), Arc::clone)
    }

    /// Whether a certificate is in force that is valid for `name`, lower-case, and has not expired;
    /// that of the local authority, which stands in, counts only for the names it was made for.
    pub fn covers(&self, name: &str) -> bool {
        let now = self.parts.clock.wall();
        self.resolver.table().covers(name, now)
    }

    /// Where a certificate for `name`, lower-case, comes from that is in force, whether it has expired or not; those
    /// of the local authority do not count.
    pub fn issued_for(&self, name: &str) -> Option<CertificateSource> {
        self.resolver.issued(name)
    }

    /// Where the default certificate comes from.
    pub fn source(&self) -> CertificateSource {
        self.source
    }

    /// The certificate of the local authority, for people to trust; nothing in other modes.
    pub fn ca_certificate(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// The certificates in force, the default one first.
    pub fn certificates(&self) -> Vec<CertificateInfo> {
        let table = self.resolver.table();
        table
            .entries()
            .iter()
            .map(|entry| entry.info.clone())
            .collect()
    }

    /// The session of an established connection. The certificate's source is the one that the
    /// table now has for the name; with certificates of several sources for one name, the first.
    pub fn session(&self, connection: &ServerConnection) -> TlsSession {
        let name = connection.server_name();
        let session = TlsSession::new(self.source_of(name), name.map(Arc::from));
        let client = connection.peer_certificates().and_then(<[_]>::first);
        match client {
            Some(der) => session.with_client(ClientCertificate::new(der.to_vec())),
            None => session,
        }
    }

    /// Where the certificate for `name`, lower-case, comes from; without a name, the default's.
    pub fn source_of(&self, name: Option<&str>) -> CertificateSource {
        self.resolver.source(name).unwrap_or(self.source)
    }

    /// Puts a certificate of an ACME directory in force, in place of what was kept at the same `path`
    /// or is for the same names, in whichever order: `pem` holds the key and the chain, the server's
    /// own certificate first; `source` tells a rehearsal's from one that browsers trust.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub fn install(
        &self,
        path: &Path,
        pem: &[u8],
        source: CertificateSource,
    ) -> Result<CertificateInfo, Error> {
        let entry = self.entry(path, pem, source)?;
        let info = entry.info.clone();
        let names = sorted(&info);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let other = |(at, kept): &Ordered| at != path && sorted(&kept.info) != names;
        sources.acme.retain(other);
        sources.acme.push((path.to_owned(), entry));
        self.resolver.replace(sources.table());
        Ok(info)
    }

    /// As [`install`](Self::install), only to see what it is: nothing is put in force.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub fn inspect(&self, path: &Path, pem: &[u8]) -> Result<CertificateInfo, Error> {
        let entry = self.entry(path, pem, CertificateSource::Acme)?;
        Ok(entry.info.clone())
    }

    /// Takes what is kept at `path` out of force, if it is in force.
    pub fn withdraw(&self, path: &Path) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.acme.retain(|(at, _)| at != path);
        self.resolver.replace(sources.table());
    }

    fn entry(
        &self,
        path: &Path,
        pem: &[u8],
        source: CertificateSource,
    ) -> Result<Arc<Entry>, Error> {
        let at = At::state(path);
        let file = (&at, pem);
        pem::entry(file, file, source, &self.parts.provider)
    }

    /// Reads changed files and renews the local certificate when it is time. Cheap when there is
    /// nothing to do, but it reads files: call it every ten seconds or so, and on SIGHUP, where
    /// blocking is allowed.
    ///
    /// # Errors
    ///
    /// When something new cannot be used. What was in force before stays so, whatever else is
    /// good is taken, and until it is mended [`warnings`](Self::warnings) has it; each failure is
    /// returned once, so that a log is not filled with it.
    pub fn refresh(&self) -> Result<Refresh, Error> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let (certificates, error) = sources.refresh(self.parts.clock.wall());
        if !certificates.is_empty() {
            self.resolver.replace(sources.table());
            for certificate in &certificates {
                tracing::debug!(%certificate, "certificate replaced");
            }
        }
        let clients = self.refresh_clients();
        match error {
            Some(error) => Err(error),
            None if certificates.is_empty() => clients.map(|()| Refresh::Unchanged),
            None => clients.map(|()| Refresh::Replaced { certificates }),
        }
    }

    fn refresh_clients(&self) -> Result<(), Error> {
        let Some(clients) = &self.clients else {
            return Ok(());
        };
        let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.refresh()? {
            let config = server::config(&self.parts, Some(&clients), self.resolver.clone())?;
            self.server_config.store(Arc::new(config));
            tracing::info!("other clients are believed from now on");
        }
        Ok(())
    }

    /// Which clients are believed, and whether each must have a certificate, as a mark that is another once that
    /// changes; none where clients are not asked for any. A connection that was made under another mark may be one
    /// that would not be made now.
    pub fn client_terms(&self) -> Option<Vec<u8>> {
        let clients = self.clients.as_ref()?;
        let clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        Some(clients.terms())
    }

    /// What works, but should be looked at: certificates that have expired or soon will, domains
    /// that none is valid for, keys that lie open, files that could not be taken over.
    pub fn warnings(&self) -> Vec<Warning> {
        let now = self.parts.clock.wall();
        let certificates = self.certificates();
        let uncovered = |name: &&String| !certificates.iter().any(|info| info.covers(name));
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let clients = self.clients.as_ref().map_or_else(Vec::new, |clients| {
            let clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
            clients.warnings(now)
        });
        let broken = sources.troubles().into_iter().map(Warning::Broken);
        let broken = broken.chain(clients);
        let open = sources
            .keys()
            .into_iter()
            .filter_map(|path| warning::of_key(&path));
        broken
            .chain(
                certificates
                    .iter()
                    .flat_map(|info| warning::of_certificate(info, now)),
            )
            .chain(
                self.parts
                    .domains
                    .iter()
                    .filter(uncovered)
                    .cloned()
                    .map(Warning::Uncovered),
            )
            .chain(open)
            .collect()
    }
}

/// A certificate that was ordered, and where it is kept.
type Ordered = (PathBuf, Arc<Entry>);

/// A directory writes the names in the order that it likes.
fn sorted(info: &CertificateInfo) -> Vec<String> {
    let mut names = info.names().to_vec();
    names.sort_unstable();
    names
}

/// Everything that puts certificates into the table.
#[derive(Debug)]
pub(crate) struct Sources {
    files: Vec<FilePair>,
    acme: Vec<Ordered>,
    local: Option<Local>,
}

impl Sources {
    pub(crate) fn new(files: Vec<FilePair>, local: Option<Local>) -> Self {
        Self {
            files,
            acme: Vec::new(),
            local,
        }
    }

    fn table(&self) -> Table {
        let files = self.files.iter().map(FilePair::entry);
        let local = self.local.iter().map(Local::entry);
        let acme = self.acme.iter().map(|(_, entry)| entry);
        let all = files.chain(acme).chain(local);
        Table::new(all.cloned().collect())
    }

    /// What is new, and the first failure.
    fn refresh(&mut self, now: std::time::SystemTime) -> (Vec<CertificateInfo>, Option<Error>) {
        let mut new = Vec::new();
        let mut failure = None;
        let mut note = |result: Result<bool, Error>, info: &CertificateInfo| match result {
            Ok(true) => new.push(info.clone()),
            Ok(false) => {}
            Err(error) => _ = failure.get_or_insert(error),
        };
        for pair in &mut self.files {
            let result = pair.refresh();
            note(result, &pair.entry().info);
        }
        if let Some(local) = &mut self.local {
            let result = local.refresh(now);
            note(result, &local.entry().info);
        }
        (new, failure)
    }

    fn troubles(&self) -> Vec<String> {
        let files = self.files.iter().filter_map(FilePair::trouble);
        let all = files.chain(self.local.iter().filter_map(Local::trouble));
        all.map(str::to_owned).collect()
    }

    fn keys(&self) -> Vec<PathBuf> {
        let files = self.files.iter().map(|pair| pair.key_path().to_owned());
        files
            .chain(self.local.iter().flat_map(Local::key_paths))
            .collect()
    }
}
