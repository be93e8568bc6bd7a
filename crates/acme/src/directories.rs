//! The directories in order, each with the one where an order that has failed is rehearsed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::config::ChallengeKind;
use crate::issuer::{Failure, Fault, Issued, Issuer, Order, Pending, Reason, Window};

/// Longest for one order at one directory.
const PATIENCE: Duration = Duration::from_mins(15);

/// Longest for one question.
const QUESTION: Duration = Duration::from_mins(1);

/// Directories for rehearsals whose names do not say so (Google's and Buypass').
const REHEARSALS: [&str; 2] = ["dv.acme-v02.test-api.pki.goog", "api.test4.buypass.no"];

/// Which directory has issued, and how it was shown there that the names are ours.
pub(crate) type Shown<'a> = (&'a str, ChallengeKind);

/// A directory, and where an order is rehearsed that has failed there.
pub(crate) type Rehearsed = (Arc<dyn Issuer>, Option<Arc<dyn Issuer>>);

/// Where certificates are ordered.
#[derive(Debug)]
pub(crate) struct Directories(Vec<Rehearsed>);

impl Directories {
    pub(crate) const fn new(all: Vec<Rehearsed>) -> Self {
        Self(all)
    }

    /// Each directory with each kind of challenge, until one issues; `again` says that an order has
    /// failed before.
    pub(crate) async fn order(
        &self,
        names: &[String],
        kinds: &[ChallengeKind],
        replaces: Option<&[u8]>,
        again: bool,
    ) -> Result<(Issued, Shown<'_>), Failure> {
        let nothing = "there is no way to show that the names are ours";
        let mut last = Failure::new(Fault::Request, nothing, "Look at `acme.challenges`.");
        for (issuer, rehearsal) in &self.0 {
            for kind in kinds {
                let order = Order {
                    names,
                    kind: *kind,
                    replaces,
                };
                let ordered = match rehearsal.as_ref().filter(|_| again) {
                    Some(rehearsal) => match rehearse(rehearsal, order).await {
                        Ok(()) => within(issuer, &order).await,
                        Err(failure) => Err(failure),
                    },
                    None => within(issuer, &order).await,
                };
                match ordered {
                    Ok(issued) => return Ok((issued, (issuer.url(), *kind))),
                    Err(failure) => {
                        tracing::info!(problem = %failure, %kind, "this way there is no certificate");
                        let goes_on = failure.fault == Fault::Validation;
                        last = failure;
                        if !goes_on {
                            break;
                        }
                    }
                }
            }
        }
        Err(last)
    }

    /// When a certificate is to be renewed, if a directory says.
    pub(crate) async fn window(&self, pem: &[u8]) -> Option<Window> {
        for (issuer, _) in &self.0 {
            match bounded(issuer, QUESTION, issuer.window(pem)).await {
                Ok(Some(told)) => return Some(told),
                Ok(None) => {}
                Err(failure) => tracing::debug!(%failure, "no word on the renewal"),
            }
        }
        None
    }

    /// Revokes a certificate, at whichever of them has issued it.
    pub(crate) async fn revoke(&self, pem: &[u8], reason: Reason) -> Result<(), Failure> {
        let nobody = "no directory is there to revoke it";
        let mut first = None;
        for (issuer, _) in &self.0 {
            match bounded(issuer, QUESTION, issuer.revoke(pem, reason)).await {
                Ok(()) => return Ok(()),
                Err(failure) => _ = first.get_or_insert(failure),
            }
        }
        Err(first.unwrap_or_else(|| Failure::new(Fault::Request, nobody, "Look at `acme`.")))
    }
}

/// Orders where it counts for nothing; only what would fail in the same way elsewhere is told.
async fn rehearse(rehearsal: &Arc<dyn Issuer>, mut order: Order<'_>) -> Result<(), Failure> {
    order.replaces = None;
    match within(rehearsal, &order).await {
        Ok(_) => Ok(()),
        Err(failure) if matches!(failure.fault, Fault::Directory | Fault::Limited) => {
            tracing::debug!(problem = %failure, "there is no rehearsal");
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

async fn within(issuer: &Arc<dyn Issuer>, order: &Order<'_>) -> Result<Issued, Failure> {
    bounded(issuer, PATIENCE, issuer.order(order)).await
}

/// What an issuer says, if it does in time. One that falls over takes nobody with it: what a directory
/// says may be more than the code that reads it bears.
async fn bounded<T>(
    issuer: &Arc<dyn Issuer>,
    patience: Duration,
    pending: Pending<'_, Result<T, Failure>>,
) -> Result<T, Failure> {
    let pending = AssertUnwindSafe(pending).catch_unwind();
    let said = tokio::time::timeout(patience, pending).await;
    let problem = match said {
        Ok(Ok(said)) => return said,
        Ok(Err(_)) => format!("{} was answered with what cannot be read", issuer.url()),
        Err(_) => format!("{} did not answer in time", issuer.url()),
    };
    let advice = "Can this machine reach it, and is it an ACME directory?";
    Err(Failure::new(Fault::Directory, problem, advice))
}

/// Whether a directory is there for rehearsals: no browser trusts what it issues.
pub(crate) fn is_rehearsal(url: &str) -> bool {
    let uri = url.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    REHEARSALS.contains(&host) || host.split(['.', '-']).any(|part| part == "staging")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsals_directory_is_known() {
        for url in [
            "https://acme-staging-v02.api.letsencrypt.org/directory",
            "https://dv.acme-v02.test-api.pki.goog/directory",
        ] {
            assert!(is_rehearsal(url), "{url}");
        }
        for url in [
            "https://acme-v02.api.letsencrypt.org/directory",
            "https://ca.corp.test:14000/staging",
            "",
        ] {
            assert!(!is_rehearsal(url), "{url}");
        }
    }
}
