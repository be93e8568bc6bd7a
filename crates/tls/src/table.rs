//! The certificates in force, and which of them a handshake gets.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use panoply_core::{CertificateSource, Clock};
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::challenges::{ACME_TLS, Challenges};
use crate::info::{CertificateInfo, parent};

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) info: CertificateInfo,
}

/// All certificates in force. It is never changed, only replaced as a whole, so that a handshake
/// sees either the old state or the new one.
#[derive(Default)]
pub(crate) struct Table {
    entries: Vec<Arc<Entry>>,
    exact: HashMap<String, Vec<Arc<Entry>>>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Vec<Arc<Entry>>>,
}

impl Table {
    /// Of two certificates for one name the more trusted source's comes first, then the earlier.
    pub(crate) fn new(mut entries: Vec<Arc<Entry>>) -> Self {
        entries.sort_by_key(|entry| rank(entry.info.source()));
        let mut table = Self::default();
        for entry in &entries {
            for name in entry.info.names() {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut table.wildcard, parent),
                    None => (&mut table.exact, name.as_str()),
                };
                names
                    .entry(name.to_owned())
                    .or_default()
                    .push(Arc::clone(entry));
            }
        }
        table.entries = entries;
        table
    }

    pub(crate) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// Whether one of them is for `name`, and has not expired at `now`.
    pub(crate) fn covers(&self, name: &str, now: SystemTime) -> bool {
        let exact = self.exact.get(name);
        let wildcard = parent(name).and_then(|parent| self.wildcard.get(parent));
        let mut all = exact.into_iter().chain(wildcard).flatten();
        all.any(|entry| entry.info.not_after() > now)
    }

    /// Where a certificate for `name` comes from that somebody else has issued, whether it is in its time or not.
    pub(crate) fn issued(&self, name: &str) -> Option<CertificateSource> {
        let exact = self.exact.get(name);
        let wildcard = || self.wildcard.get(parent(name)?);
        let sources = |entries: &Vec<Arc<Entry>>| {
            let mut sources = entries.iter().map(|entry| entry.info.source());
            sources.find(|source| *source != CertificateSource::Local)
        };
        exact
            .and_then(sources)
            .or_else(|| wildcard().and_then(sources))
    }

    /// The certificates for `name`, best first: those with the name itself, else those with a
    /// wildcard for it, else all.
    pub(crate) fn find(&self, name: Option<&str>) -> &[Arc<Entry>] {
        let exact = || self.exact.get(name?);
        let wildcard = || self.wildcard.get(parent(name?)?);
        exact().or_else(wildcard).unwrap_or(&self.entries)
    }

    /// The one of them to show at `now` to whoever can use what `usable` says: the first that is in its
    /// time, also one with a wildcard in place of one for the name itself that is over, but none that no
    /// browser trusts in place of one that it did; else the first.
    fn choose(
        &self,
        name: Option<&str>,
        now: SystemTime,
        usable: impl Fn(&Entry) -> bool,
    ) -> Option<&Arc<Entry>> {
        let found = self.find(name);
        let least = rank(found.first()?.info.source());
        let wildcard = name
            .and_then(parent)
            .and_then(|name| self.wildcard.get(name));
        let good = |entry: &&Arc<Entry>| {
            let info = &entry.info;
            let in_time = info.not_before() <= now && now < info.not_after();
            let (source, of) = (info.source(), rank(info.source()));
            in_time && (source == CertificateSource::Acme || of <= least) && usable(entry)
        };
        let mut all = found.iter().chain(wildcard.into_iter().flatten());
        // An RSA and an ECDSA certificate may stand side by side under one name.
        let usable = || found.iter().find(|entry| usable(entry));
        all.find(good).or_else(usable).or(found.first())
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let infos = self.entries.iter().map(|entry| &entry.info);
        f.debug_list().entries(infos).finish()
    }
}

/// What rustls asks for a certificate: the table, replaced without a lock.
#[derive(Debug)]
pub(crate) struct Resolver {
    table: ArcSwap<Table>,
    challenges: Challenges,
    clock: Arc<dyn Clock>,
}

impl Resolver {
    /// One that answers an ACME directory as `challenges` says.
    pub(crate) fn new(challenges: Challenges, clock: Arc<dyn Clock>) -> Self {
        Self {
            table: ArcSwap::default(),
            challenges,
            clock,
        }
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    pub(crate) fn replace(&self, table: Table) {
        self.table.store(Arc::new(table));
    }

    /// Where a certificate for `name` comes from that somebody else has issued.
    pub(crate) fn issued(&self, name: &str) -> Option<CertificateSource> {
        self.table.load().issued(name)
    }

    /// Where the certificate for `name` comes from.
    pub(crate) fn source(&self, name: Option<&str>) -> Option<CertificateSource> {
        let table = self.table.load();
        table.find(name).first().map(|entry| entry.info.source())
    }

    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let table = self.table.load();
        let usable = |entry: &Entry| entry.key.key.choose_scheme(schemes).is_some();
        let entry = table.choose(name, self.clock.wall(), usable)?;
        Some(Arc::clone(&entry.key))
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if is_challenge(&hello) {
            return self.challenges.tls_alpn_answer(hello.server_name());
        }
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

/// Whether an ACME directory looks for an answer of ours (RFC 8737 §3).
pub fn is_challenge(hello: &ClientHello<'_>) -> bool {
    let mut protocols = hello.alpn().into_iter().flatten();
    protocols.any(|protocol| protocol == ACME_TLS)
}

fn rank(source: CertificateSource) -> u8 {
    match source {
        CertificateSource::Files => 0,
        CertificateSource::Acme | CertificateSource::Staging => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
