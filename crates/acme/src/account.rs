//! The account at a directory, made when it is first needed.

use std::sync::Arc;

use instant_acme::{Account, ExternalAccountKey, NewAccount};
use panoply_core::StoreError;
use tokio::sync::Mutex;

use crate::config::{AcmeConfig, Directory};
use crate::sharing::Sharing;
use crate::storage::{self, Storage};

/// The account at one directory, kept on disk and by the nodes.
pub(crate) struct DirectoryAccount {
    directory: Directory,
    config: Arc<AcmeConfig>,
    storage: Arc<Storage>,
    sharing: Arc<Sharing>,
    known: Mutex<Option<Account>>,
}

impl DirectoryAccount {
    pub(crate) fn new(
        directory: Directory,
        config: Arc<AcmeConfig>,
        storage: Arc<Storage>,
        sharing: Arc<Sharing>,
    ) -> Self {
        Self {
            directory,
            config,
            storage,
            sharing,
            known: Mutex::new(None),
        }
    }

    /// The file of the account: one a directory.
    fn file(&self) -> String {
        let hash = storage::tag(self.directory.url().as_bytes());
        format!("account-{hash}.json")
    }

    /// The account that is kept, or a new one.
    pub(crate) async fn get(&self) -> Result<Account, instant_acme::Error> {
        let mut known = self.known.lock().await;
        if let Some(account) = &*known {
            return Ok(account.clone());
        }
        // One is made, however many certificates are ordered at once.
        let file = self.file();
        let gone = |error: StoreError| instant_acme::Error::Other(Box::new(error));
        let _alone = { self.sharing.alone(&self.storage, &file).await }.map_err(gone)?;
        let found = self.found_or_made().await;
        self.sharing.end(&file).await;
        let account = found?;
        *known = Some(account.clone());
        Ok(account)
    }

    async fn found_or_made(&self) -> Result<Account, instant_acme::Error> {
        let builder = || match &self.config.roots {
            Some(roots) => Account::builder_with_root(roots),
            None => Account::builder(),
        };
        let other = |error: std::io::Error| instant_acme::Error::Other(Box::new(error));
        let file = self.file();
        let gone = |error: StoreError| instant_acme::Error::Other(Box::new(error));
        // One account for all nodes, so that a CAA record can name it.
        if let Some(theirs) = self.sharing.account(&file).await.map_err(gone)? {
            self.storage.write(&file, &theirs).map_err(other)?;
        }
        let kept = self.storage.read(&file).map_err(other)?;
        let kept = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        let account = if let Some(credentials) = kept {
            builder()?.from_credentials(credentials).await?
        } else {
            let contact = self.config.contact.as_ref();
            let contact = contact.map(|address| format!("mailto:{address}"));
            let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
            let external = self.config.external_account.as_ref();
            let external = external.map(|account| {
                ExternalAccountKey::new(account.id.clone(), &account.bytes().unwrap_or_default())
            });
            let new = NewAccount {
                contact: &contact,
                terms_of_service_agreed: true,
                only_return_existing: false,
            };
            let url = self.directory.url().to_owned();
            let (account, credentials) = builder()?.create(&new, url, external.as_ref()).await?;
            let text = serde_json::to_vec(&credentials)?;
            self.storage.write(&file, &text).map_err(other)?;
            let shared = self.sharing.put_account(&file, Some(&text)).await;
            shared.map_err(gone)?;
            tracing::info!(directory = %self.directory, "an ACME account was made");
            account
        };
        Ok(account)
    }

    /// Forgets an account that the directory does not know any more.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
        let file = self.file();
        if let Err(error) = std::fs::remove_file(self.storage.path(&file)) {
            tracing::debug!(%error, "an account could not be forgotten");
        }
        if let Err(error) = self.sharing.put_account(&file, None).await {
            tracing::debug!(%error, "an account could not be forgotten everywhere");
        }
    }
}
