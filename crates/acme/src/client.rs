//! An ACME directory (RFC 8555), asked by instant-acme.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier,
    KeyAuthorization, NewOrder, OrderStatus, RetryPolicy, RevocationReason, RevocationRequest,
};
use panoply_core::Clock;
use panoply_tls::{Challenges, Standing};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::account::DirectoryAccount;
use crate::advice::{Of, Tried, is_account_gone, is_bad_nonce, is_revoked_already};
use crate::command::Starting;
use crate::config::{AcmeConfig, ChallengeKind, Directory};
use crate::dns_hook;
use crate::issuer::{Failure, Fault, Issued, Issuer, Order, Pending, Reason, Window};
use crate::retry::{TIMES, retry};
use crate::sharing::{Sharing, called};
use crate::storage::Storage;

/// How a directory is polled: from a quarter of a second on, for some minutes.
const POLLS: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(4));

/// One directory, with the account there.
pub(crate) struct Client {
    directory: Directory,
    config: Arc<AcmeConfig>,
    challenges: Challenges,
    sharing: Arc<Sharing>,
    account: DirectoryAccount,
    starting: Starting,
}

/// What is given while a directory looks.
enum Given {
    Here {
        #[expect(dead_code, reason = "held, not looked at")]
        standing: Standing,
        /// What it is called among nodes.
        called: String,
    },
    InDns(dns_hook::Record),
}

impl Client {
    pub(crate) fn new(
        directory: Directory,
        config: Arc<AcmeConfig>,
        storage: Arc<Storage>,
        challenges: Challenges,
        (sharing, clock): (Arc<Sharing>, Arc<dyn Clock>),
        starting: Starting,
    ) -> Self {
        let account = DirectoryAccount::new(
            directory.clone(),
            Arc::clone(&config),
            storage,
            Arc::clone(&sharing),
            clock,
        );
        Self {
            directory,
            config,
            challenges,
            sharing,
            account,
            starting,
        }
    }

    /// What is tried for the names of an order, or for one of them.
    fn tried<'a>(&'a self, names: &'a [String], kind: ChallengeKind) -> Tried<'a> {
        Tried {
            directory: &self.directory,
            names,
            of: Of::Challenge(kind),
        }
    }

    /// What is tried in the name of the account.
    fn of_account(&self) -> Tried<'_> {
        Tried {
            directory: &self.directory,
            names: &[],
            of: Of::Account {
                is_external: self.config.external_account.is_some(),
            },
        }
    }

    async fn account(&self) -> Result<Account, Failure> {
        let account = self.account.get().await;
        account.map_err(|error| self.of_account().error(&error))
    }

    async fn ordered(&self, order: &Order<'_>) -> Result<Issued, Failure> {
        let tried = self.tried(order.names, order.kind);
        let account = self.account().await?;
        let identifiers: Vec<Identifier> =
            order.names.iter().map(|name| identifier(name)).collect();
        let mut new = NewOrder::new(&identifiers);
        if let Some(profile) = &self.config.profile {
            new = new.profile(profile);
        }
        let replaced = order.replaces.and_then(leaf);
        let replaced = replaced
            .as_ref()
            .and_then(|leaf| CertificateIdentifier::try_from(leaf).ok());
        if let Some(replaced) = replaced {
            new = new.replaces(replaced);
        }
        let mut placed = account.new_order(&new).await;
        if placed.as_ref().is_err_and(is_account_gone) {
            // A directory that was set up anew knows nobody.
            self.account.forget().await;
            let account = self.account().await?;
            placed = account.new_order(&new).await;
        }
        let is_external = self.config.external_account.is_some();
        let mut placed = placed.map_err(|error| tried.placing(&error, is_external))?;
        let mut given = Vec::new();
        let shown = self.show(&mut placed, order, &mut given).await;
        let mut spread = Vec::new();
        for one in given {
            match one {
                Given::InDns(record) => record.cleanup().await,
                Given::Here { called, .. } => spread.push(called),
            }
        }
        self.sharing.withdraw(&spread).await;
        shown?;
        // An order that stands is not begun anew for a nonce: directories count orders.
        let key = retry!(placed.finalize());
        let key = key.map_err(|error| tried.error(&error))?;
        let chain = retry!(placed.poll_certificate(&POLLS));
        let chain = chain.map_err(|error| tried.error(&error))?;
        Ok(Issued::new(&key, &chain))
    }

    /// Shows that each name is ours; `given` is to be held until that is decided.
    async fn show(
        &self,
        placed: &mut instant_acme::Order,
        order: &Order<'_>,
        given: &mut Vec<Given>,
    ) -> Result<(), Failure> {
        let kind = order.kind;
        let all = self.tried(order.names, kind);
        let mut authorizations = placed.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| all.error(&error))?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let name = name_of(authorization.identifier().identifier);
            let Some(mut challenge) = authorization.challenge(type_of(kind)) else {
                let problem = format!("{} does not offer {kind} for {name}", self.directory);
                let advice = "Another kind is tried next; `acme.challenges` says which.";
                return Err(Failure::new(Fault::Validation, problem, advice));
            };
            let answer = challenge.key_authorization();
            given.push(self.give(kind, &name, &challenge.token, &answer).await?);
            retry!(challenge.set_ready())
                .map_err(|error| self.tried(&[name], kind).error(&error))?;
        }
        match retry!(placed.poll_ready(&POLLS)) {
            Ok(OrderStatus::Ready) => Ok(()),
            // An order that has failed; which of the names it was say the authorizations.
            Err(error) if is_bad_nonce(&error) => Err(all.error(&error)),
            Ok(_) | Err(Error::Api(_)) => Err(self.refused(placed, order).await),
            Err(error) => Err(all.error(&error)),
        }
    }

    async fn give(
        &self,
        kind: ChallengeKind,
        name: &str,
        token: &str,
        answer: &KeyAuthorization,
    ) -> Result<Given, Failure> {
        match kind {
            ChallengeKind::Http01 => {
                let standing = self.challenges.answer_http(token, answer.as_str());
                let called = called(kind, token);
                self.here(standing, called, answer.as_str().as_bytes())
                    .await
            }
            ChallengeKind::TlsAlpn01 => {
                let hash = answer.digest();
                let standing = self.challenges.answer_tls_alpn(name, hash.as_ref());
                let unmade = |error| {
                    let problem = format!("no answer could be made: {error}");
                    Failure::new(Fault::Validation, problem, "Another kind is tried next.")
                };
                let standing = standing.map_err(unmade)?;
                self.here(standing, called(kind, name), hash.as_ref()).await
            }
            ChallengeKind::Dns01 => {
                let hook = &self.config.dns_hook;
                let record =
                    dns_hook::Record::present((hook, self.starting), name, answer.dns_value())
                        .await?;
                Ok(Given::InDns(record))
            }
        }
    }

    /// An answer that is given here, and by every other node.
    async fn here(
        &self,
        standing: Standing,
        called: String,
        answer: &[u8],
    ) -> Result<Given, Failure> {
        let spread = self.sharing.spread(&called, answer).await;
        spread.map_err(|error| {
            let problem = format!("the other nodes cannot be told of a challenge: {error}");
            let advice = "It is tried again when the store is back.";
            Failure::new(Fault::Directory, problem, advice)
        })?;
        Ok(Given::Here { standing, called })
    }

    /// Why an order did not become ready.
    async fn refused(&self, placed: &mut instant_acme::Order, order: &Order<'_>) -> Failure {
        let kind = order.kind;
        let mut authorizations = placed.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let name = name_of(authorization.identifier().identifier);
            let Ok(state) = authorization.refresh().await else {
                continue;
            };
            let problem = state.challenges.iter().find_map(|one| one.error.as_ref());
            if let Some(problem) = problem {
                return self.tried(&[name], kind).problem(problem);
            }
        }
        let problem = placed.state().error.clone();
        match problem {
            Some(problem) => self.tried(order.names, kind).problem(&problem),
            None => Failure::new(
                Fault::Validation,
                format!(
                    "{} has not accepted {kind} and does not say why",
                    self.directory
                ),
                "Another kind is tried next.",
            ),
        }
    }

    async fn asked(&self, pem: &[u8]) -> Result<Option<Window>, Failure> {
        let tried = self.of_account();
        let Some(leaf) = leaf(pem) else {
            return Ok(None);
        };
        let Ok(id) = CertificateIdentifier::try_from(&leaf) else {
            return Ok(None);
        };
        let account = self.account().await?;
        match account.renewal_info(&id).await {
            Ok((told, again)) => {
                let window = told.suggested_window;
                let moment = |moment| SystemTime::from(moment);
                Ok(Some(Window::new(
                    moment(window.start),
                    moment(window.end),
                    again,
                )))
            }
            Err(Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(tried.error(&error)),
        }
    }

    async fn revoked(&self, pem: &[u8], reason: Reason) -> Result<(), Failure> {
        let tried = self.of_account();
        let unreadable = || {
            let advice = "Another is ordered in its place.";
            Failure::new(Fault::Request, "the certificate cannot be read", advice)
        };
        let leaf = leaf(pem).ok_or_else(unreadable)?;
        let request = RevocationRequest {
            certificate: &leaf,
            reason: Some(match reason {
                Reason::Unspecified => RevocationReason::Unspecified,
                Reason::KeyCompromise => RevocationReason::KeyCompromise,
                Reason::Superseded => RevocationReason::Superseded,
                Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
            }),
        };
        let account = self.account().await?;
        match account.revoke(&request).await {
            Err(error) if is_revoked_already(&error) => Ok(()),
            revoked => revoked.map_err(|error| tried.error(&error)),
        }
    }
}

impl Issuer for Client {
    fn url(&self) -> &str {
        self.directory.url()
    }

    fn order<'a>(&'a self, order: &'a Order<'a>) -> Pending<'a, Result<Issued, Failure>> {
        Box::pin(async move {
            for _ in 0..TIMES {
                match self.ordered(order).await {
                    Err(failure) if failure.at_once => {}
                    decided => return decided,
                }
            }
            self.ordered(order).await
        })
    }

    fn window<'a>(&'a self, pem: &'a [u8]) -> Pending<'a, Result<Option<Window>, Failure>> {
        Box::pin(self.asked(pem))
    }

    fn revoke<'a>(&'a self, pem: &'a [u8], reason: Reason) -> Pending<'a, Result<(), Failure>> {
        Box::pin(self.revoked(pem, reason))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

fn identifier(name: &str) -> Identifier {
    match name.parse::<IpAddr>() {
        Ok(address) => Identifier::Ip(address),
        Err(_) => Identifier::Dns(name.to_owned()),
    }
}

pub(crate) fn name_of(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Dns(name) => name.clone(),
        Identifier::Ip(address) => address.to_string(),
        other => format!("{other:?}"),
    }
}

fn type_of(kind: ChallengeKind) -> ChallengeType {
    match kind {
        ChallengeKind::TlsAlpn01 => ChallengeType::TlsAlpn01,
        ChallengeKind::Http01 => ChallengeType::Http01,
        ChallengeKind::Dns01 => ChallengeType::Dns01,
    }
}

/// The server's own certificate.
fn leaf(pem: &[u8]) -> Option<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem).ok()
}
