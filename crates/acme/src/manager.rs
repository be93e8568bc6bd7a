//! What orders, keeps and renews.

mod deploy;
mod on_demand;
mod order;
mod running;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use panoply_tls::{Challenges, Nodes};
use tokio::sync::Notify;

use crate::builder::Error;
use crate::config::AcmeConfig;
use crate::directories::Directories;
use crate::issuer::{Failure, Fault, Reason};
use crate::managed::{Managed, Place, lock};
use crate::on_demand::Demand;
use crate::sharing::Sharing;
use crate::state::CertificateState;
use deploy::HandedOn;
use order::Turn;
use running::Seats;

/// Orders certificates, keeps them in a state directory, renews them, and puts them in force.
///
/// Nothing happens by itself: whoever has it polls [`run`](Self::run), or calls [`step`](Self::step)
/// again and again.
pub struct Acme {
    managed: Mutex<Vec<Arc<Managed>>>,
    directories: Directories,
    config: Arc<AcmeConfig>,
    pub(crate) place: Place,
    sharing: Arc<Sharing>,
    challenges: Challenges,
    demand: Option<Demand>,
    /// When there will be orders on demand again; held while they are counted.
    spent: tokio::sync::Mutex<Option<Duration>>,
    seats: Seats,
    /// What the deploy hook has been called for.
    handed_on: HandedOn,
    /// Wakes whoever calls [`step`](Self::step).
    wake: Notify,
}

impl Acme {
    pub(crate) fn new(
        managed: Vec<Arc<Managed>>,
        directories: Directories,
        config: Arc<AcmeConfig>,
        place: Place,
        (sharing, challenges): (Arc<Sharing>, Challenges),
    ) -> Self {
        Self {
            managed: Mutex::new(managed),
            directories,
            demand: config.on_demand.clone().map(Demand::new),
            config,
            place,
            sharing,
            challenges,
            spent: tokio::sync::Mutex::default(),
            seats: Seats::default(),
            handed_on: HandedOn::default(),
            wake: Notify::new(),
        }
    }

    /// Makes sure that what is ordered is still there after the next start.
    ///
    /// # Errors
    ///
    /// When the state directory ends with the container that this process runs in.
    pub fn ensure_lasting(&self) -> Result<(), Error> {
        let storage = &self.place.storage;
        if storage.is_temporary() && !self.config.temporary_state {
            let directory = storage.path("").display().to_string();
            return Err(Error::Temporary { directory });
        }
        Ok(())
    }

    /// Shares certificates, challenges and accounts with every node that does so too: one of them
    /// orders, all have what came of it, and any answers for it. A second call changes nothing.
    pub fn share(&self, nodes: Arc<Nodes>) {
        self.sharing.with(nodes);
    }

    /// How the certificates stand.
    pub fn states(&self) -> Vec<CertificateState> {
        self.all().iter().map(|managed| managed.state()).collect()
    }

    /// Writes down at once what is in memory alone, since the state directory did not take it.
    ///
    /// # Errors
    ///
    /// When it still does not; it is tried again by itself.
    pub fn write_down(&self) -> std::io::Result<()> {
        self.place.storage.write_all()
    }

    /// Revokes the certificate for `name`, and has another ordered in its place at once.
    ///
    /// # Errors
    ///
    /// When there is none, it is being ordered just now, or the directory refuses.
    pub async fn revoke(&self, name: &str, reason: Reason) -> Result<(), Failure> {
        let refused = |problem: String, advice| Err(Failure::new(Fault::Request, problem, advice));
        let found = self.find(name);
        let found = found.and_then(|managed| {
            let seen = managed.look();
            Some((managed, seen.kept?, seen.record, seen.is_foreign))
        });
        let Some((managed, kept, record, is_foreign)) = found else {
            let problem = format!("no certificate that was ordered is held for `{name}`");
            return refused(problem, "`panoply status` names those that are.");
        };
        if is_foreign {
            let directory = record.directory.unwrap_or_default();
            let problem = format!(
                "the certificate for `{name}` comes from {directory}, which is not asked any more"
            );
            let advice = "Another takes its place by itself; to revoke this one, name that \
                          directory in `acme.directories` again.";
            return refused(problem, advice);
        }
        let being = format!("a certificate for `{name}` is being ordered");
        let Ok(_turn) = Arc::clone(&managed.turn).try_lock_owned() else {
            return refused(being, "Try again in a minute.");
        };
        let Turn::Ours(_lock) = self.take_turn(&managed).await else {
            return refused(being, "Try again in a minute.");
        };
        let mut revoked = self.directories.revoke(&kept.pem, reason).await;
        if revoked.is_ok() {
            tracing::warn!(certificate = %kept.info, "a certificate was revoked by hand");
            let record = managed.record().revoked();
            if let Err(error) = managed.keep(&record) {
                let directory = self.place.storage.path("").display().to_string();
                let problem = format!(
                    "the certificate for `{name}` is revoked, but that cannot be written down in \
                     {directory}, and no other is ordered: {error}"
                );
                revoked = refused(problem, "Make room there, and revoke it once more.");
            }
        }
        self.end_turn(&managed).await;
        managed.hurry();
        managed.tell(managed.look(), None);
        self.wake.notify_one();
        revoked
    }

    fn all(&self) -> Vec<Arc<Managed>> {
        lock(&self.managed).clone()
    }

    fn find(&self, name: &str) -> Option<Arc<Managed>> {
        let managed = lock(&self.managed);
        let of = |managed: &&Arc<Managed>| managed.group.names.iter().any(|one| one == name);
        managed.iter().find(of).cloned()
    }
}

impl fmt::Debug for Acme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acme")
            .field("managed", &self.all())
            .field("directories", &self.directories)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
