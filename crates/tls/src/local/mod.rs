//! Certificates from an authority of our own, kept in the state directory.

mod authority;
mod leaf;
mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;

use crate::error::Error;
use crate::table::Entry;
use authority::Authority;
use store::Store;

/// The names every local certificate is valid for.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The local certificate in force, and what is needed to renew it.
#[derive(Debug)]
pub(crate) struct Local {
    store: Store,
    ca: PathBuf,
    names: Vec<String>,
    provider: Arc<CryptoProvider>,
    entry: Arc<Entry>,
    trouble: Option<String>,
}

impl Local {
    pub(crate) fn open(
        state: &Path,
        domains: &[String],
        provider: Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let mut names: Vec<String> = OWN_NAMES.map(str::to_owned).into();
        names.extend_from_slice(domains);
        names.sort_unstable();
        names.dedup();
        let store = Store::open(state)?;
        let entry = obtain(&store, &names, &provider, now)?;
        Ok(Self {
            ca: store.path(authority::CERTIFICATE),
            store,
            names,
            provider,
            entry,
            trouble: None,
        })
    }

    /// Renews the certificate if it is time, and says whether there is a new one.
    pub(crate) fn refresh(&mut self, now: SystemTime) -> Result<bool, Error> {
        if leaf::is_fresh(&self.entry.info, now) {
            return Ok(false);
        }
        match obtain(&self.store, &self.names, &self.provider, now) {
            Ok(entry) => {
                self.entry = entry;
                self.trouble = None;
                Ok(true)
            }
            Err(error) => {
                let text = error.to_string();
                if self.trouble.as_ref() == Some(&text) {
                    return Ok(false);
                }
                self.trouble = Some(text);
                Err(error)
            }
        }
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    pub(crate) fn ca(&self) -> &Path {
        &self.ca
    }

    pub(crate) fn key_paths(&self) -> [PathBuf; 2] {
        [authority::KEY, leaf::KEY].map(|name| self.store.path(name))
    }

    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

/// The certificate that is kept, or a new one. Another process that had the same thought holds
/// the lock meanwhile, and its result is found here.
fn obtain(
    store: &Store,
    names: &[String],
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Arc<Entry>, Error> {
    let lock = store.lock()?;
    let authority = Authority::load_or_create(store, &lock, now)?;
    match leaf::load(store, provider) {
        Some(entry) if leaf::serves(&entry, &authority, names, now) => Ok(entry),
        _ => leaf::issue(store, &lock, &authority, names, provider, now),
    }
}

#[cfg(test)]
mod tests;
