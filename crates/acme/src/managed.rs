//! One certificate that is looked after: what is kept of it, and how it stands.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use panoply_core::{CertificateSource, Clock};
use panoply_tls::{CertificateInfo, Date, Tls};
use zeroize::Zeroizing;

use crate::builder::Group;
use crate::issuer::Failure;
use crate::plan::{Due, Life, Record, moment, seconds};
use crate::state::{CertificateState, Standing};
use crate::storage::Storage;

/// Where certificates are kept and put in force.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) storage: Arc<Storage>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Place {
    pub(crate) fn now(&self) -> u64 {
        seconds(self.clock.wall())
    }
}

/// One certificate that is looked after.
pub(crate) struct Managed {
    pub(crate) group: Group,
    /// Whether it was asked for by a handshake, and not named by anybody.
    pub(crate) on_demand: bool,
    place: Place,
    /// The one that was put in force, by its hash.
    shown: Mutex<Option<(Vec<u8>, CertificateInfo)>>,
    state: Mutex<CertificateState>,
    /// When other nodes were last asked about it.
    pub(crate) pulled: Mutex<u64>,
}

/// What was on disk when it was looked at.
pub(crate) struct Seen {
    pub(crate) kept: Option<Kept>,
    record: Record,
}

impl Seen {
    /// What is to be done at `now`.
    pub(crate) fn due(&self, now: u64) -> Due {
        self.record.due(self.kept.as_ref().map(Kept::life), now)
    }
}

/// What is kept of a certificate.
pub(crate) struct Kept {
    pub(crate) pem: Zeroizing<Vec<u8>>,
    pub(crate) info: CertificateInfo,
}

impl Kept {
    pub(crate) fn life(&self) -> Life {
        life(&self.info)
    }
}

pub(crate) fn life(info: &CertificateInfo) -> Life {
    Life {
        start: seconds(info.not_before()),
        end: seconds(info.not_after()),
    }
}

impl Managed {
    /// What is kept is put in force.
    pub(crate) fn new(group: Group, on_demand: bool, place: Place) -> Self {
        let state = CertificateState {
            names: group.names.clone(),
            certificate: None,
            standing: Standing::Ordering,
        };
        let managed = Self {
            group,
            on_demand,
            place,
            shown: Mutex::default(),
            state: Mutex::new(state),
            pulled: Mutex::default(),
        };
        managed.tell(managed.look(), None);
        managed
    }

    pub(crate) fn state(&self) -> CertificateState {
        lock(&self.state).clone()
    }

    /// Reads what is on disk, once for all that is asked of it.
    pub(crate) fn look(&self) -> Seen {
        Seen {
            kept: self.kept(),
            record: self.record(),
        }
    }

    /// Notes how it stands: as what was seen says, or otherwise.
    pub(crate) fn tell(&self, seen: Seen, standing: Option<Standing>) {
        let standing = standing.unwrap_or_else(|| match seen.due(self.place.now()) {
            _ if seen.record.trouble.is_some() => failed(&seen.record),
            Due::Order => Standing::Ordering,
            Due::Ask | Due::Wait(_) => Standing::Held {
                renewal: moment(seen.record.renew_at),
            },
        });
        let kept = seen.kept;
        *lock(&self.state) = CertificateState {
            names: self.group.names.clone(),
            certificate: kept.map(|kept| kept.info),
            standing,
        };
    }

    /// The certificate on disk, in force from now on if it was not yet.
    pub(crate) fn kept(&self) -> Option<Kept> {
        let names = &self.group.names;
        let pem = match self.place.storage.read(&self.group.pem()) {
            Ok(pem) => pem?,
            Err(error) => {
                tracing::error!(%error, "a certificate cannot be read");
                return None;
            }
        };
        // What is in force already is only looked at.
        let shown = lock(&self.shown).clone();
        let shown = shown.filter(|(shown, _)| *shown == hash(&pem));
        let info = if let Some((_, info)) = shown {
            Some(info)
        } else {
            let shown = self.show(&pem);
            if let Err(error) = &shown {
                tracing::error!(%error, "a certificate that was kept cannot be used");
            }
            shown.ok()
        };
        let info = info.filter(|info| covers(info, names))?;
        Some(Kept { pem, info })
    }

    /// Puts a certificate in force.
    pub(crate) fn show(&self, pem: &[u8]) -> Result<CertificateInfo, panoply_tls::Error> {
        let path = self.place.storage.path(&self.group.pem());
        let info = self.place.tls.install(&path, pem)?;
        *lock(&self.shown) = Some((hash(pem), info.clone()));
        Ok(info)
    }

    pub(crate) fn record(&self) -> Record {
        let kept = self.place.storage.read(&self.group.record()).ok().flatten();
        // One that is damaged is as good as none: it only says when.
        let record = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        record.unwrap_or_default()
    }

    /// Writes a record down; says whether that could be done.
    pub(crate) fn keep(&self, record: &Record) -> bool {
        let storage = &self.place.storage;
        let written = serde_json::to_vec_pretty(record)
            .map_err(io::Error::from)
            .and_then(|text| storage.write(&self.group.record(), &text));
        if let Err(error) = &written {
            tracing::error!(%error, "the state of a certificate cannot be kept");
        }
        written.is_ok()
    }

    /// Notes that an order failed.
    pub(crate) fn failed(&self, mut record: Record, failure: &Failure) {
        record.fail(failure, self.place.now());
        self.keep(&record);
        tracing::warn!(
            names = self.group.names.join(", "),
            problem = failure.problem,
            again = %Date::from(moment(record.not_before)),
            "no certificate: {}",
            failure.advice
        );
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

pub(crate) fn covers(info: &CertificateInfo, names: &[String]) -> bool {
    info.source() == CertificateSource::Acme
        && names
            .iter()
            .all(|name| info.covers(name) || info.names().contains(name))
}

fn hash(pem: &[u8]) -> Vec<u8> {
    digest(&SHA256, pem).as_ref().to_vec()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Managed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}
