//! The account at a directory, made when it is first needed.

use std::sync::Arc;

use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use panoply_core::{Clock, StoreError};
use serde::Deserialize as _;
use serde_json::Value;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::config::{AcmeConfig, Directory};
use crate::sharing::Sharing;
use crate::storage::{self, Storage};
use crate::transport::Transport;

/// Where the contact that the directory was told stands, beside the credentials.
const CONTACT: &str = "contact";

/// The account at one directory, kept on disk and by the nodes.
pub(crate) struct DirectoryAccount {
    directory: Directory,
    config: Arc<AcmeConfig>,
    storage: Arc<Storage>,
    sharing: Arc<Sharing>,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<Account>>,
}

impl DirectoryAccount {
    pub(crate) fn new(
        directory: Directory,
        config: Arc<AcmeConfig>,
        storage: Arc<Storage>,
        sharing: Arc<Sharing>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            directory,
            config,
            storage,
            sharing,
            clock,
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
        let other = |error: std::io::Error| instant_acme::Error::Other(Box::new(error));
        let file = self.file();
        let gone = |error: StoreError| instant_acme::Error::Other(Box::new(error));
        // One account for all nodes, so that a CAA record can name it.
        if let Some(theirs) = self.sharing.account(&file).await.map_err(gone)? {
            self.write(&theirs);
        }
        let url = self.directory.url();
        let transport = Transport::new(url, self.config.roots.as_deref(), Arc::clone(&self.clock))?;
        let builder = Account::builder_with_http(Box::new(transport));
        let kept = self.storage.read(&file).map_err(other)?;
        let kept: Option<Value> = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        let credentials =
            { kept.as_ref() }.and_then(|kept| AccountCredentials::deserialize(kept).ok());
        let contact = self.contact();
        let contacts: Vec<&str> = contact.as_deref().into_iter().collect();
        let account = if let Some(credentials) = credentials {
            let account = builder.from_credentials(credentials).await?;
            let told = kept.unwrap_or_default();
            if told.get(CONTACT).and_then(Value::as_str) != contact.as_deref() {
                self.tell(&account, told, &contacts).await;
            }
            account
        } else {
            let external = self.config.external_account.as_ref();
            let external = external.map(|account| {
                ExternalAccountKey::new(account.id.clone(), &account.bytes().unwrap_or_default())
            });
            let new = NewAccount {
                contact: &contacts,
                terms_of_service_agreed: true,
                only_return_existing: false,
            };
            let made = builder.create(&new, url.to_owned(), external.as_ref());
            let (account, credentials) = made.await?;
            self.keep(serde_json::to_value(&credentials)?, &contacts)
                .await?;
            tracing::info!(directory = %self.directory, "an ACME account was made");
            account
        };
        Ok(account)
    }

    fn contact(&self) -> Option<String> {
        let contact = self.config.contact.as_ref();
        contact.map(|address| format!("mailto:{address}"))
    }

    /// Tells the directory of another contact (RFC 8555 §7.3.2). No certificate waits for it: what
    /// fails is tried again at the next start.
    async fn tell(&self, account: &Account, kept: Value, contacts: &[&str]) {
        let directory = &self.directory;
        if let Err(error) = account.update_contacts(contacts).await {
            return tracing::warn!(%directory, %error, "the directory was not told of `acme.contact`");
        }
        match self.keep(kept, contacts).await {
            Ok(()) => tracing::info!(%directory, "the directory was told of `acme.contact`"),
            Err(error) => tracing::warn!(%error, "an ACME account cannot be kept"),
        }
    }

    /// Keeps credentials, and the contact that goes with them.
    async fn keep(
        &self,
        mut credentials: Value,
        contacts: &[&str],
    ) -> Result<(), instant_acme::Error> {
        if let Value::Object(credentials) = &mut credentials {
            let contact = contacts
                .first()
                .map_or(Value::Null, |contact| (*contact).into());
            credentials.insert(CONTACT.to_owned(), contact);
        }
        let text = Zeroizing::new(serde_json::to_vec(&credentials)?);
        let file = self.file();
        self.write(&text);
        let shared = self.sharing.put_account(&file, Some(&text)).await;
        shared.map_err(|error| instant_acme::Error::Other(Box::new(error)))
    }

    /// One that the disk does not take is used all the same: directories count how many are made.
    fn write(&self, text: &[u8]) {
        if let Err(error) = self.storage.keep(&self.file(), text, None) {
            let directory = &self.directory;
            tracing::error!(%directory, %error, "an ACME account is in memory alone");
        }
    }

    /// Forgets an account that the directory does not know any more.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
        let file = self.file();
        self.storage.let_go(&file);
        if let Err(error) = std::fs::remove_file(self.storage.path(&file)) {
            tracing::debug!(%error, "an account could not be forgotten");
        }
        if let Err(error) = self.sharing.put_account(&file, None).await {
            tracing::debug!(%error, "an account could not be forgotten everywhere");
        }
    }
}
