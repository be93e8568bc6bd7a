//! How a manager sees to one certificate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::StoreError;
use panoply_tls::CertificateInfo;

use super::Acme;
use crate::directories::Shown;
use crate::issuer::{Failure, Fault, Issued};
use crate::managed::{Kept, Managed, Place, Seen, UNWRITTEN, covers, life, lock};
use crate::plan::{Due, Record, dice, moment};
use crate::state::Standing;
use crate::storage::Lock;

/// How soon to look again while another process orders.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// How soon to try again what this machine or the store did not let happen.
const LATER: Duration = Duration::from_mins(1);

/// How often nodes look for a renewal of what was ordered on demand, in seconds: there may be a
/// thousand of them.
const PULL: u64 = 300;

/// Whose turn it is to order a certificate.
pub(super) enum Turn {
    /// Ours, for as long as this is held.
    Ours(Lock),
    /// Another process's, or node's.
    Others,
    /// It cannot be told.
    Unknown(Standing),
}

/// What became of an order.
enum Done {
    /// It is written down.
    Decided,
    /// Another node is at it.
    Lost,
    /// It did not begin.
    Not(Standing),
}

/// An order that is under way: broken off, it is none that has failed.
struct UnderWay<'a> {
    managed: &'a Managed,
    before: Option<(Record, Record)>,
    place: &'a Place,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some((before, begun)) = self.before.take() {
            let record = before.broken_off(&begun, self.place.now());
            self.managed.keep_if_it_can_be(&record);
        }
    }
}

impl Acme {
    pub(super) async fn see_to(&self, managed: &Arc<Managed>) -> Duration {
        self.place.storage.write_due();
        let now = self.place.now();
        let pulled = *lock(&managed.pulled);
        if !managed.on_demand || now.saturating_sub(pulled) >= PULL {
            *lock(&managed.pulled) = now;
            self.pull(managed).await;
        }
        let seen = managed.look();
        let due = seen.due(now);
        if let Due::Wait(until) = due {
            managed.tell(seen, None);
            return Duration::from_secs(until.saturating_sub(now));
        }
        if let Some((rest, standing)) = managed.resting() {
            managed.tell(seen, Some(standing));
            return rest;
        }
        if due == Due::Order
            && let Err(wait) = self.may_order(managed, &seen).await
        {
            return wait;
        }
        let seats = &self.seats;
        let seats = if managed.on_demand {
            &seats.on_demand
        } else {
            &seats.named
        };
        // They are never closed.
        let _seat = seats.acquire().await;
        let lock = match self.take_turn(managed).await {
            Turn::Ours(lock) => lock,
            Turn::Others => {
                managed.tell(seen, Some(Standing::Elsewhere));
                return ELSEWHERE;
            }
            Turn::Unknown(standing) => {
                managed.rest(LATER, standing);
                return LATER;
            }
        };
        let wait = self.do_what_is_due(managed).await;
        drop(lock);
        wait
    }

    /// Does what is due when it is our turn; whoever had it before may have done it.
    async fn do_what_is_due(&self, managed: &Managed) -> Duration {
        let seen = managed.look();
        let mut rest = None;
        match (seen.due(self.place.now()), &seen.kept) {
            (Due::Order, kept) => match self.spend(managed).await {
                Ok(()) => {
                    managed.tell(managed.look(), Some(Standing::Ordering));
                    match self.order(managed, &seen, kept.as_ref()).await {
                        Done::Decided => {}
                        Done::Lost => {
                            tracing::warn!(
                                names = managed.group.names.join(", "),
                                "another node has begun to order this certificate"
                            );
                            managed.tell(managed.look(), Some(Standing::Elsewhere));
                            // What it has written down is newer than what is here.
                            return ELSEWHERE;
                        }
                        Done::Not(standing) => rest = Some((LATER, standing)),
                    }
                }
                Err(spent) => rest = Some(spent),
            },
            (Due::Ask, Some(kept)) => {
                self.ask(managed, kept).await;
            }
            _ => {}
        }
        self.end_turn(managed).await;
        if let Some((time, standing)) = rest {
            managed.rest(time, standing);
            return time;
        }
        managed.tell(managed.look(), None);
        Duration::ZERO
    }

    pub(super) async fn pull(&self, managed: &Managed) {
        if let Err(error) = self.sharing.pull(&self.place.storage, &managed.group).await {
            tracing::debug!(%error, "other nodes' certificates are not known");
        }
    }

    /// Takes the right to order among processes and nodes, and looks what they have done.
    pub(super) async fn take_turn(&self, managed: &Managed) -> Turn {
        let (storage, group) = (&self.place.storage, &managed.group);
        let lock = match storage.try_lock(group.name()) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Turn::Others,
            Err(error) => return Turn::Unknown(self.unwritten(&error)),
        };
        let begun = match self.sharing.begin(group.name()).await {
            Ok(true) => self.sharing.pull(storage, group).await,
            Ok(false) => return Turn::Others,
            Err(error) => Err(error),
        };
        match begun {
            Ok(()) => Turn::Ours(lock),
            Err(error) => Turn::Unknown(self.unshared(&error)),
        }
    }

    /// Hands out what was done, and gives the right back.
    pub(super) async fn end_turn(&self, managed: &Managed) {
        let group = &managed.group;
        if let Err(error) = self.sharing.push(&self.place.storage, group).await {
            tracing::warn!(%error, "the other nodes do not know of a certificate yet");
        }
        self.sharing.end(group.name()).await;
    }

    async fn ask(&self, managed: &Managed, kept: &Kept) {
        let window = self.directories.window(&kept.pem).await;
        let mut record = managed.record();
        record.told(window, self.place.now(), dice());
        managed.keep_if_it_can_be(&record);
    }

    async fn order(&self, managed: &Managed, seen: &Seen, kept: Option<&Kept>) -> Done {
        let group = &managed.group;
        let mut record = seen.record.clone();
        let kinds = record.kinds(&group.kinds);
        let again = record.failed > 0;
        let replaces = kept.filter(|_| record.window.is_some() && !again && !seen.is_foreign);
        let now = self.place.now();
        record.asks(&group.asked, now);
        record.begin(seen.life(), now, dice());
        // What is not written down would be done in a loop by a process that dies in it, and what comes of
        // it is to be written as well.
        let storage = &self.place.storage;
        let begun = { storage.write_now(&managed.files()) }
            .and_then(|()| storage.ensure_room())
            .and_then(|()| managed.keep(&record));
        if let Err(error) = begun {
            return Done::Not(self.unwritten(&error));
        }
        let mut under_way = UnderWay {
            managed,
            before: Some((seen.record.clone(), record.clone())),
            place: &self.place,
        };
        if let Err(error) = self.sharing.push(&self.place.storage, group).await {
            return Done::Not(self.unshared(&error));
        }
        let names = group.names.join(", ");
        tracing::info!(names, "a certificate is being ordered");
        let replaces = replaces.map(|kept| kept.pem.as_slice());
        let ordered = self
            .directories
            .order(&group.names, &kinds, replaces, again);
        let ordered = tokio::select! {
            ordered = ordered => Some(ordered),
            () = self.sharing.hold(group.name()) => None,
        };
        under_way.before = None;
        match ordered {
            Some(Ok((issued, shown))) => self.take_in(managed, record, &issued, shown),
            Some(Err(failure)) => managed.failed(record, &failure),
            None => return Done::Lost,
        }
        Done::Decided
    }

    /// Keeps what was issued, and puts it in force, if it is what was ordered.
    fn take_in(&self, managed: &Managed, mut record: Record, issued: &Issued, shown: Shown<'_>) {
        let now = self.place.now();
        let (directory, _) = shown;
        let info = match usable(managed, issued, directory, now) {
            Ok(info) => info,
            Err(failure) => return managed.failed(record, &failure),
        };
        if let Err(error) = managed.show(&issued.pem, directory) {
            return managed.failed(record, &unusable(error.to_string()));
        }
        let (storage, file) = (&self.place.storage, managed.group.pem());
        if let Err(error) = storage.keep(&file, &issued.pem, None) {
            tracing::error!(
                certificate = %info,
                path = %storage.path(&file).display(),
                %error,
                "a certificate was issued and cannot be written, and is in force from memory: {UNWRITTEN}"
            );
        }
        if !life(&info).lasts(now) {
            // It is better than none, but would be renewed at once, and the next one too.
            record.directory = Some(directory.to_owned());
            (record.renew_at, record.revoked, record.window) = (0, false, None);
            let problem = format!(
                "{directory} has issued a certificate that is to be renewed already: {info}"
            );
            let advice = "Is the clock of this machine right?";
            return managed.failed(record, &Failure::new(Fault::Request, problem, advice));
        }
        tracing::info!(certificate = %info, "a certificate was issued");
        managed.keep_if_it_can_be(&record.issued(life(&info), shown, now, dice()));
    }

    /// Nothing is ordered that could not be written down.
    fn unwritten(&self, error: &io::Error) -> Standing {
        let directory = self.place.storage.path("").display().to_string();
        let problem = format!("nothing can be written in {directory}: {error}");
        self.later(
            problem,
            "Make room there, or give the directory back to its owner.",
        )
    }

    /// Nothing is ordered that other nodes do not know of.
    fn unshared(&self, error: &StoreError) -> Standing {
        let problem =
            format!("the nodes' store is away, and nothing is ordered without it: {error}");
        self.later(
            problem,
            "It is tried again by itself when the store is back.",
        )
    }

    fn later(&self, problem: String, advice: &str) -> Standing {
        tracing::warn!(problem, "no certificate: {advice}");
        Standing::Failed {
            problem,
            advice: advice.to_owned(),
            again: moment(self.place.now().saturating_add(LATER.as_secs())),
        }
    }
}

fn unusable(problem: String) -> Failure {
    // Asked again, it may do better; but it was asked, and that counts.
    Failure::new(Fault::Request, problem, "It is tried again by itself.")
}

/// What was issued, if it can be put in force.
fn usable(
    managed: &Managed,
    issued: &Issued,
    directory: &str,
    now: u64,
) -> Result<CertificateInfo, Failure> {
    let info = managed.inspect(&issued.pem);
    let info = info.map_err(|error| unusable(error.to_string()))?;
    if !covers(&info, &managed.group.names) {
        let ordered = managed.group.names.join(", ");
        let problem =
            format!("{directory} has issued a certificate for others than {ordered}: {info}");
        return Err(unusable(problem));
    }
    if life(&info).end <= now {
        let problem = format!("{directory} has issued a certificate that has expired: {info}");
        let advice = "Is the clock of this machine right?";
        return Err(Failure::new(Fault::Request, problem, advice));
    }
    Ok(info)
}
