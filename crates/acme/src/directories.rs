//! The directories in order, each with the one where an order that has failed is rehearsed.

use std::sync::Arc;
use std::time::Duration;

use crate::config::ChallengeKind;
use crate::issuer::{Failure, Fault, Issued, Issuer, Order, Reason, Window};

/// Longest for one order at one directory.
const PATIENCE: Duration = Duration::from_mins(15);

/// Longest for one question.
const QUESTION: Duration = Duration::from_mins(1);

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
    ) -> Result<(Issued, ChallengeKind), Failure> {
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
                    Ok(issued) => return Ok((issued, *kind)),
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
            let asked = tokio::time::timeout(QUESTION, issuer.window(pem));
            match asked.await {
                Ok(Ok(Some(told))) => return Some(told),
                Ok(Ok(None)) | Err(_) => {}
                Ok(Err(failure)) => tracing::debug!(%failure, "no word on the renewal"),
            }
        }
        None
    }

    /// Revokes a certificate, at whichever of them has issued it.
    pub(crate) async fn revoke(&self, pem: &[u8], reason: Reason) -> Result<(), Failure> {
        let nobody = "no directory is there to revoke it";
        let mut first = None;
        for (issuer, _) in &self.0 {
            match tokio::time::timeout(QUESTION, issuer.revoke(pem, reason)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(failure)) => _ = first.get_or_insert(failure),
                Err(_) => _ = first.get_or_insert(silent(issuer)),
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
    let ordered = tokio::time::timeout(PATIENCE, issuer.order(order)).await;
    ordered.unwrap_or_else(|_| Err(silent(issuer)))
}

fn silent(issuer: &Arc<dyn Issuer>) -> Failure {
    let problem = format!("{issuer:?} did not answer in time");
    Failure::new(Fault::Directory, problem, "Can this machine reach it?")
}
