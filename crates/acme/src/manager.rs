//! What orders, keeps and renews.

mod on_demand;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use panoply_core::StoreError;
use panoply_tls::{Challenges, Nodes};
use tokio::sync::Notify;

use crate::builder::Error;
use crate::config::AcmeConfig;
use crate::demand::Demand;
use crate::directories::Directories;
use crate::issuer::{Failure, Fault, Reason};
use crate::managed::{Kept, Managed, Place, life, lock};
use crate::plan::{Due, Record, dice};
use crate::sharing::{LOOK, Sharing};
use crate::state::{CertificateState, Standing};

/// How soon to look again while another process orders.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// How often nodes look for a renewal of what was ordered on demand, in seconds: there may be a
/// thousand of them.
const PULL: u64 = 300;

/// Orders certificates, keeps them in a state directory, renews them, and puts them in force.
///
/// Nothing happens by itself: whoever has it calls [`step`](Self::step) again and again.
pub struct Acme {
    managed: Mutex<Vec<Arc<Managed>>>,
    directories: Directories,
    config: Arc<AcmeConfig>,
    pub(crate) place: Place,
    sharing: Arc<Sharing>,
    challenges: Challenges,
    demand: Option<Demand>,
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

    /// Does whatever is due; says how long nothing will be, if the clock runs as it should.
    pub async fn step(&self) -> Duration {
        let shared = self.sharing.nodes().is_some();
        let mut next = if shared {
            LOOK
        } else {
            Duration::from_hours(1)
        };
        if let Err(error) = self.sharing.answer(&self.challenges).await {
            tracing::debug!(%error, "other nodes' challenges are not known");
        }
        self.admit();
        for managed in self.all() {
            next = next.min(self.see_to(&managed).await);
            self.settle(&managed);
        }
        next.max(Duration::from_secs(1))
    }

    /// Revokes the certificate for `name`, and has another ordered in its place at once.
    ///
    /// # Errors
    ///
    /// When there is none, another process orders just now, or the directory refuses.
    pub async fn revoke(&self, name: &str, reason: Reason) -> Result<(), Failure> {
        let refused = |problem: String, advice| Failure::new(Fault::Request, problem, advice);
        let all = self.all();
        let of = |managed: &&Arc<Managed>| managed.group.names.iter().any(|one| one == name);
        let found = all.iter().find(of);
        let found = found.and_then(|managed| Some((managed, managed.kept()?)));
        let Some((managed, kept)) = found else {
            let problem = format!("no certificate that was ordered is held for `{name}`");
            return Err(refused(problem, "`panoply status` names those that are."));
        };
        let lock = self.place.storage.try_lock().ok().flatten();
        let is_turn = lock.is_some() && self.take_turn(managed).await.unwrap_or(false);
        if !is_turn {
            let problem = "certificates are being ordered".to_owned();
            return Err(refused(problem, "Try again in a minute."));
        }
        let revoked = self.directories.revoke(&kept.pem, reason).await;
        if revoked.is_ok() {
            tracing::warn!(certificate = %kept.info, "a certificate was revoked by hand");
            managed.keep(&Record::revoked());
            self.wake.notify_one();
        }
        self.end_turn(managed).await;
        managed.tell(managed.look(), None);
        revoked
    }

    fn all(&self) -> Vec<Arc<Managed>> {
        lock(&self.managed).clone()
    }

    async fn see_to(&self, managed: &Arc<Managed>) -> Duration {
        let now = self.place.now();
        let pulled = *lock(&managed.pulled);
        if !managed.on_demand || now.saturating_sub(pulled) >= PULL {
            *lock(&managed.pulled) = now;
            if let Err(error) = self.sharing.pull(&self.place.storage, &managed.group).await {
                tracing::debug!(%error, "other nodes' certificates are not known");
            }
        }
        let seen = managed.look();
        let due = seen.due(self.place.now());
        if let Due::Wait(until) = due {
            managed.tell(seen, None);
            return Duration::from_secs(until.saturating_sub(now));
        }
        if due == Due::Order && !self.may_order(managed).await {
            self.dismiss(managed);
            return Duration::MAX;
        }
        let _lock = match self.place.storage.try_lock() {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                managed.tell(seen, Some(Standing::Elsewhere));
                return ELSEWHERE;
            }
            Err(error) => {
                tracing::error!(%error, "certificates cannot be ordered");
                return Duration::from_mins(1);
            }
        };
        match self.take_turn(managed).await {
            Ok(true) => {}
            Ok(false) => {
                managed.tell(seen, Some(Standing::Elsewhere));
                return ELSEWHERE;
            }
            Err(error) => {
                tracing::warn!(%error, "no certificate is ordered while the nodes' store is away");
                return Duration::from_mins(1);
            }
        }
        // Whoever had the lock before may have done it.
        let seen = managed.look();
        let wait = match (seen.due(self.place.now()), &seen.kept) {
            (Due::Order, kept) => match self.spend(managed).await {
                Ok(()) => {
                    managed.tell(managed.look(), Some(Standing::Ordering));
                    tokio::select! {
                        () = self.order(managed, kept.as_ref()) => {}
                        () = self.sharing.hold() => {}
                    }
                    Duration::ZERO
                }
                Err(wait) => wait,
            },
            (Due::Ask, Some(kept)) => {
                self.ask(managed, kept).await;
                Duration::ZERO
            }
            _ => Duration::ZERO,
        };
        self.end_turn(managed).await;
        if wait.is_zero() {
            managed.tell(managed.look(), None);
        }
        wait
    }

    /// Takes the right to order among nodes, and looks what they have done.
    async fn take_turn(&self, managed: &Managed) -> Result<bool, StoreError> {
        if !self.sharing.begin().await? {
            return Ok(false);
        }
        self.sharing
            .pull(&self.place.storage, &managed.group)
            .await?;
        Ok(true)
    }

    /// Hands out what was done, and gives the right back.
    async fn end_turn(&self, managed: &Managed) {
        if let Err(error) = self.sharing.push(&self.place.storage, &managed.group).await {
            tracing::warn!(%error, "the other nodes do not know of a certificate yet");
        }
        if let Err(error) = self.sharing.end().await {
            tracing::debug!(%error, "the right to order ends by itself");
        }
    }

    async fn ask(&self, managed: &Managed, kept: &Kept) {
        let window = self.directories.window(&kept.pem).await;
        let mut record = managed.record();
        record.told(window, self.place.now(), dice());
        managed.keep(&record);
    }

    async fn order(&self, managed: &Managed, kept: Option<&Kept>) {
        let group = &managed.group;
        let mut record = managed.record();
        let kinds = record.kinds(&group.kinds);
        let again = record.failed > 0;
        let replaces = kept.filter(|_| record.window.is_some() && !again);
        record.begin(kept.map(Kept::life), self.place.now(), dice());
        if !managed.keep(&record) {
            // What is not written down would be done in a loop by a process that dies in it.
            return;
        }
        if let Err(error) = self.sharing.push(&self.place.storage, group).await {
            return tracing::warn!(%error, "no certificate is ordered that other nodes do not know of");
        }
        let names = group.names.join(", ");
        tracing::info!(names, "a certificate is being ordered");
        let replaces = replaces.map(|kept| kept.pem.as_slice());
        let ordered = self
            .directories
            .order(&group.names, &kinds, replaces, again);
        let (issued, kind) = match ordered.await {
            Ok(issued) => issued,
            Err(failure) => return managed.failed(record, &failure),
        };
        let info = match managed.show(&issued.pem) {
            Ok(info) => info,
            Err(error) => {
                let advice = "It is tried again by itself.";
                let failure = Failure::new(Fault::Directory, error.to_string(), advice);
                return managed.failed(record, &failure);
            }
        };
        if let Err(error) = self.place.storage.write(&group.pem(), &issued.pem) {
            let path = self.place.storage.path(&group.pem());
            let problem = format!(
                "a certificate was issued and cannot be kept in {}: {error}",
                path.display()
            );
            let advice = "It is in force until this process ends; make room, or give the directory \
                          back to its owner.";
            return managed.failed(record, &Failure::new(Fault::Request, problem, advice));
        }
        tracing::info!(certificate = %info, "a certificate was issued");
        let record = Record::issued(life(&info), kind, self.place.now(), dice());
        managed.keep(&record);
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
