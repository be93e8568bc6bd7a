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
        let (decided, content) = look(&certificate, &key);
        let entry = content?.entry(&certificate, &key, &provider)?;
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
        let (seen, content) = look(&self.certificate, &self.key);
        let held = self.held.take();
        if seen == self.decided {
            return Ok(false);
        }
        let found =
            content.and_then(|content| content.entry(&self.certificate, &self.key, &self.provider));
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

struct Content {
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

impl Content {
    fn entry(
        &self,
        certificate: &At,
        key: &At,
        provider: &CryptoProvider,
    ) -> Result<Arc<Entry>, Error> {
        pem::entry(
            (certificate, &self.certificate),
            (key, &self.key),
            CertificateSource::Files,
            provider,
        )
    }
}

/// The content of both files, and what tells it from any other content or failure.
fn look(certificate: &At, key: &At) -> (Fingerprint, Result<Content, Error>) {
    let content = pem::read(certificate).and_then(|certificate| {
        let key = pem::read(key)?;
        Ok(Content { certificate, key })
    });
    let seen = match &content {
        Ok(Content { certificate, key }) => Fingerprint::of(&Zeroizing::new(
            [Fingerprint::of(certificate), Fingerprint::of(key)]
                .map(|one| *one.as_bytes())
                .concat(),
        )),
        Err(error) => Fingerprint::of(error.to_string().as_bytes()),
    };
    (seen, content)
}
