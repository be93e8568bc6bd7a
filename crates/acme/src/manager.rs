//! What orders, keeps and renews.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use panoply_core::{Clock, StoreError};
use panoply_tls::{CertificateInfo, Challenges, Date, Nodes, Tls};
use zeroize::Zeroizing;

use crate::builder::{Error, Group};
use crate::config::ChallengeKind;
use crate::issuer::{Failure, Fault, Issued, Issuer, Order};
use crate::plan::{Due, Life, Record, dice, moment, seconds};
use crate::sharing::{LOOK, Sharing};
use crate::state::{CertificateState, Standing};
use crate::storage::Storage;

/// Longest for one order at one directory.
const PATIENCE: Duration = Duration::from_mins(15);

/// How soon to look again while another process orders.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// Orders certificates, keeps them in a state directory, renews them, and puts them in force.
///
/// Nothing happens by itself: whoever has it calls [`step`](Self::step) again and again.
pub struct Acme {
    groups: Vec<Group>,
    storage: Arc<Storage>,
    tls: Arc<Tls>,
    issuers: Vec<Arc<dyn Issuer>>,
    clock: Arc<dyn Clock>,
    sharing: Arc<Sharing>,
    challenges: Challenges,
    may_be_temporary: bool,
    states: Mutex<Vec<CertificateState>>,
    shown: Mutex<Vec<Option<Vec<u8>>>>,
}

/// What is kept of a certificate.
struct Kept {
    pem: Zeroizing<Vec<u8>>,
    info: CertificateInfo,
}

impl Kept {
    fn life(&self) -> Life {
        life(&self.info)
    }
}

fn life(info: &CertificateInfo) -> Life {
    Life {
        start: seconds(info.not_before()),
        end: seconds(info.not_after()),
    }
}

impl Acme {
    pub(crate) fn new(
        groups: Vec<Group>,
        storage: Arc<Storage>,
        tls: Arc<Tls>,
        issuers: Vec<Arc<dyn Issuer>>,
        clock: Arc<dyn Clock>,
        (sharing, challenges): (Arc<Sharing>, Challenges),
        may_be_temporary: bool,
    ) -> Self {
        let acme = Self {
            states: Mutex::default(),
            shown: Mutex::new(vec![None; groups.len()]),
            groups,
            storage,
            tls,
            issuers,
            clock,
            sharing,
            challenges,
            may_be_temporary,
        };
        let states = (0..acme.groups.len()).filter_map(|at| acme.look(at));
        let states = states.collect();
        *lock(&acme.states) = states;
        acme
    }

    /// Makes sure that what is ordered is still there after the next start.
    ///
    /// # Errors
    ///
    /// When the state directory ends with the container that this process runs in.
    pub fn ensure_lasting(&self) -> Result<(), Error> {
        if self.storage.is_temporary() && !self.may_be_temporary {
            let directory = self.storage.path("").display().to_string();
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
        lock(&self.states).clone()
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
        for at in 0..self.groups.len() {
            next = next.min(self.see_to(at).await);
        }
        next.max(Duration::from_secs(1))
    }

    /// Takes up what is kept, which another process may have renewed, and how it stands.
    fn look(&self, at: usize) -> Option<CertificateState> {
        let group = self.groups.get(at)?;
        let kept = self.kept(at);
        let record = self.record(group);
        let standing = match record.due(kept.as_ref().map(Kept::life), self.now()) {
            _ if record.trouble.is_some() => failed(&record),
            Due::Order => Standing::Ordering,
            Due::Ask | Due::Wait(_) => Standing::Held {
                renewal: moment(record.renew_at),
            },
        };
        Some(CertificateState {
            names: group.names.clone(),
            certificate: kept.map(|kept| kept.info),
            standing,
        })
    }

    fn tell(&self, at: usize, standing: Option<Standing>) {
        let Some(mut state) = self.look(at) else {
            return;
        };
        if let Some(standing) = standing {
            state.standing = standing;
        }
        if let Some(known) = lock(&self.states).get_mut(at) {
            *known = state;
        }
    }

    async fn see_to(&self, at: usize) -> Duration {
        let Some(group) = self.groups.get(at) else {
            return Duration::MAX;
        };
        if let Err(error) = self.sharing.pull(&self.storage, group).await {
            tracing::debug!(%error, "other nodes' certificates are not known");
        }
        let due = |kept: &Option<Kept>| {
            let record = self.record(group);
            record.due(kept.as_ref().map(Kept::life), self.now())
        };
        let kept = self.kept(at);
        let now = self.now();
        match due(&kept) {
            Due::Wait(until) => {
                self.tell(at, None);
                return Duration::from_secs(until.saturating_sub(now));
            }
            Due::Ask | Due::Order => {}
        }
        let _lock = match self.storage.try_lock() {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                self.tell(at, Some(Standing::Elsewhere));
                return ELSEWHERE;
            }
            Err(error) => {
                tracing::error!(%error, "certificates cannot be ordered");
                return Duration::from_mins(1);
            }
        };
        match self.take_turn(group).await {
            Ok(true) => {}
            Ok(false) => {
                self.tell(at, Some(Standing::Elsewhere));
                return ELSEWHERE;
            }
            Err(error) => {
                tracing::warn!(%error, "no certificate is ordered while the nodes' store is away");
                return Duration::from_mins(1);
            }
        }
        // Whoever had the lock before may have done it.
        let kept = self.kept(at);
        match (due(&kept), &kept) {
            (Due::Order, _) => {
                self.tell(at, Some(Standing::Ordering));
                tokio::select! {
                    () = self.order(at, group, kept.as_ref()) => {}
                    () = self.sharing.hold() => {}
                }
            }
            (Due::Ask, Some(kept)) => self.ask(group, kept).await,
            _ => {}
        }
        self.end_turn(group).await;
        self.tell(at, None);
        Duration::ZERO
    }

    /// Takes the right to order among nodes, and looks what they have done.
    async fn take_turn(&self, group: &Group) -> Result<bool, StoreError> {
        if !self.sharing.begin().await? {
            return Ok(false);
        }
        self.sharing.pull(&self.storage, group).await?;
        Ok(true)
    }

    /// Hands out what was done, and gives the right back.
    async fn end_turn(&self, group: &Group) {
        if let Err(error) = self.sharing.push(&self.storage, group).await {
            tracing::warn!(%error, "the other nodes do not know of a certificate yet");
        }
        if let Err(error) = self.sharing.end().await {
            tracing::debug!(%error, "the right to order ends by itself");
        }
    }

    async fn ask(&self, group: &Group, kept: &Kept) {
        let mut window = None;
        for issuer in &self.issuers {
            let asked = tokio::time::timeout(Duration::from_mins(1), issuer.window(&kept.pem));
            match asked.await {
                Ok(Ok(Some(told))) => {
                    window = Some(told);
                    break;
                }
                Ok(Ok(None)) | Err(_) => {}
                Ok(Err(failure)) => tracing::debug!(%failure, "no word on the renewal"),
            }
        }
        let mut record = self.record(group);
        record.told(window, self.now(), dice());
        self.keep(group, &record);
    }

    async fn order(&self, at: usize, group: &Group, kept: Option<&Kept>) {
        let now = self.now();
        let mut record = self.record(group);
        let kinds = record.kinds(&group.kinds);
        let replaces = kept.filter(|_| record.window.is_some() && record.failed == 0);
        record.begin(kept.map(Kept::life), now, dice());
        if !self.keep(group, &record) {
            // What is not written down would be done in a loop by a process that dies in it.
            return;
        }
        if let Err(error) = self.sharing.push(&self.storage, group).await {
            return tracing::warn!(%error, "no certificate is ordered that other nodes do not know of");
        }
        let names = group.names.join(", ");
        tracing::info!(names, "a certificate is being ordered");
        match self.try_all(group, &kinds, replaces).await {
            Ok((issued, kind)) => {
                let path = self.storage.path(&group.pem());
                match self.tls.install(&path, &issued.pem) {
                    Ok(info) => {
                        if let Err(error) = self.storage.write(&group.pem(), &issued.pem) {
                            let problem = format!(
                                "a certificate was issued and cannot be kept in {}: {error}",
                                path.display()
                            );
                            let advice = "It is in force until this process ends; make room, or \
                                          give the directory back to its owner.";
                            let failure = Failure::new(Fault::Request, problem, advice);
                            return self.failed(group, record, &failure);
                        }
                        self.has_shown(at, &issued.pem);
                        tracing::info!(certificate = %info, "a certificate was issued");
                        let record = Record::issued(life(&info), kind, self.now(), dice());
                        self.keep(group, &record);
                    }
                    Err(error) => {
                        let advice = "It is tried again by itself.";
                        let failure = Failure::new(Fault::Directory, error.to_string(), advice);
                        self.failed(group, record, &failure);
                    }
                }
            }
            Err(failure) => self.failed(group, record, &failure),
        }
    }

    fn failed(&self, group: &Group, mut record: Record, failure: &Failure) {
        record.fail(failure, self.now());
        self.keep(group, &record);
        tracing::warn!(
            names = group.names.join(", "),
            problem = failure.problem,
            again = %Date::from(moment(record.not_before)),
            "no certificate: {}",
            failure.advice
        );
    }

    /// Each directory with each kind of challenge, until one issues.
    async fn try_all(
        &self,
        group: &Group,
        kinds: &[ChallengeKind],
        replaces: Option<&Kept>,
    ) -> Result<(Issued, ChallengeKind), Failure> {
        let nothing = "there is no way to show that the names are ours";
        let mut last = Failure::new(Fault::Request, nothing, "Look at `acme.challenges`.");
        for issuer in &self.issuers {
            for kind in kinds {
                let order = Order {
                    names: &group.names,
                    kind: *kind,
                    replaces: replaces.map(|kept| kept.pem.as_slice()),
                };
                let ordered = tokio::time::timeout(PATIENCE, issuer.order(&order)).await;
                match ordered {
                    Ok(Ok(issued)) => return Ok((issued, *kind)),
                    Ok(Err(failure)) => {
                        tracing::info!(problem = %failure, %kind, "this way there is no certificate");
                        let goes_on = failure.fault == Fault::Validation;
                        last = failure;
                        if !goes_on {
                            break;
                        }
                    }
                    Err(_) => {
                        let problem = format!("{issuer:?} did not answer for 15 minutes");
                        let advice = "Can this machine reach it?";
                        last = Failure::new(Fault::Directory, problem, advice);
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    /// The certificate on disk, in force from now on if it was not yet.
    fn kept(&self, at: usize) -> Option<Kept> {
        let group = self.groups.get(at)?;
        let pem = match self.storage.read(&group.pem()) {
            Ok(pem) => pem?,
            Err(error) => {
                tracing::error!(%error, "a certificate cannot be read");
                return None;
            }
        };
        let path = self.storage.path(&group.pem());
        // What is in force already is only looked at.
        let info = if self.is_shown(at, &pem) {
            let all = self.tls.certificates();
            all.into_iter().find(|info| covers(info, &group.names))
        } else {
            match self.tls.install(&path, &pem) {
                Ok(info) => {
                    self.has_shown(at, &pem);
                    Some(info)
                }
                Err(error) => {
                    tracing::error!(%error, "a certificate that was kept cannot be used");
                    None
                }
            }
        };
        let info = info.filter(|info| covers(info, &group.names))?;
        Some(Kept { pem, info })
    }

    fn is_shown(&self, at: usize, pem: &[u8]) -> bool {
        let hash = hash(pem);
        lock(&self.shown)
            .get(at)
            .is_some_and(|shown| shown.as_ref() == Some(&hash))
    }

    fn has_shown(&self, at: usize, pem: &[u8]) {
        if let Some(shown) = lock(&self.shown).get_mut(at) {
            *shown = Some(hash(pem));
        }
    }

    fn record(&self, group: &Group) -> Record {
        let kept = self.storage.read(&group.record()).ok().flatten();
        // One that is damaged is as good as none: it only says when.
        let record = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        record.unwrap_or_default()
    }

    /// Writes a record down; says whether that could be done.
    fn keep(&self, group: &Group, record: &Record) -> bool {
        let written = serde_json::to_vec_pretty(record)
            .map_err(io::Error::from)
            .and_then(|text| self.storage.write(&group.record(), &text));
        if let Err(error) = &written {
            tracing::error!(%error, "the state of a certificate cannot be kept");
        }
        written.is_ok()
    }

    fn now(&self) -> u64 {
        seconds(self.clock.wall())
    }
}

fn failed(record: &Record) -> Standing {
    let trouble = record.trouble.clone();
    let (problem, advice) = trouble.map_or_else(Default::default, |t| (t.problem, t.advice));
    Standing::Failed {
        problem,
        advice,
        again: moment(record.not_before),
    }
}

fn covers(info: &CertificateInfo, names: &[String]) -> bool {
    info.source() == panoply_core::CertificateSource::Acme
        && names
            .iter()
            .all(|name| info.covers(name) || info.names().contains(name))
}

fn hash(pem: &[u8]) -> Vec<u8> {
    digest(&SHA256, pem).as_ref().to_vec()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Acme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acme")
            .field("groups", &self.groups)
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
