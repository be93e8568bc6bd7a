//! Certificates from files that the operator named.

use std::path::Path;
use std::sync::Arc;

use panoply_core::CertificateSource;
use rustls::crypto::CryptoProvider;
use zeroize::Zeroizing;

use crate::error::{At, Error};
use crate::info::Fingerprint;
use crate::pem;
use crate::table::Entry;

/// One pair of files. Their content is compared, not their dates: a link that is moved, a copy
/// that keeps its date and two writes within one tick of the file system's clock all count.
#[derive(Debug)]
pub(crate) struct FilePair {
    certificate: At,
    key: At,
    provider: Arc<CryptoProvider>,
    entry: Arc<Entry>,
    /// What was last decided on, in force or refused.
    decided: Fingerprint,
    /// A shorter chain that was seen once.
    held: Option<Fingerprint>,
    /// Why what was last decided on is not in force.
    trouble: Option<String>,
}

impl FilePair {
    pub(crate) fn open(
        certificate: At,
        key: At,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let (decided, contents) = pem::look([&certificate, &key]);
        let entry = entry(&contents?, &certificate, &key, &provider)?;
        Ok(Self {
            certificate,
            key,
            provider,
            entry,
            decided,
            held: None,
            trouble: None,
        })
    }

    /// Looks again, and says whether something new is in force.
    ///
    /// # Errors
    ///
    /// When what is new cannot be used; once for each new content.
    pub(crate) fn refresh(&mut self) -> Result<bool, Error> {
        let (seen, contents) = pem::look([&self.certificate, &self.key]);
        let held = self.held.take();
        if seen == self.decided {
            return Ok(false);
        }
        let found = contents
            .and_then(|contents| entry(&contents, &self.certificate, &self.key, &self.provider));
        match found {
            // A chain that is being written looks like a whole one between two certificates.
            Ok(entry) if entry.key.cert.len() < self.chain_len() && held != Some(seen) => {
                self.held = Some(seen);
                Ok(false)
            }
            Ok(entry) => {
                self.entry = entry;
                self.decided = seen;
                self.trouble = None;
                Ok(true)
            }
            Err(error) => {
                self.decided = seen;
                self.trouble = Some(error.to_string());
                Err(error)
            }
        }
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    pub(crate) fn key_path(&self) -> &Path {
        self.key.path()
    }

    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn chain_len(&self) -> usize {
        self.entry.key.cert.len()
    }
}

/// What the contents of both files make.
fn entry(
    contents: &[Zeroizing<Vec<u8>>],
    certificate: &At,
    key: &At,
    provider: &CryptoProvider,
) -> Result<Arc<Entry>, Error> {
    let of = |number: usize| contents.get(number).map_or(&[][..], |pem| pem);
    let source = CertificateSource::Files;
    pem::entry((certificate, of(0)), (key, of(1)), source, provider)
}
