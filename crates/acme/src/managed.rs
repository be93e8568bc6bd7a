//! One certificate that is looked after: what is kept of it, and how it stands.

use std::fmt;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use panoply_core::{CertificateSource, Clock};
use panoply_tls::{CertificateInfo, Date, Tls};
use zeroize::Zeroizing;

use crate::builder::Group;
use crate::command::Starting;
use crate::directories::is_rehearsal;
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
    /// The directories that are asked, by their URLs, and a short name of them all.
    pub(crate) directories: Arc<[String]>,
    pub(crate) asked: Arc<str>,
    pub(crate) starting: Starting,
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
    /// Held by the one task of this process that sees to it.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    /// When to see to it again.
    pub(crate) next: Mutex<Duration>,
    /// Until when nothing is tried, for a reason that is written down nowhere.
    rest: Mutex<Option<(Duration, Standing)>>,
    /// Whether the hook has just allowed it.
    pub(crate) allowed: AtomicBool,
}

/// What was on disk when it was looked at.
pub(crate) struct Seen {
    pub(crate) kept: Option<Kept>,
    pub(crate) record: Record,
    /// Whether what is kept comes from a directory that is not asked any more: another is to take its
    /// place.
    pub(crate) is_foreign: bool,
}

impl Seen {
    /// What is to be done at `now`.
    pub(crate) fn due(&self, now: u64) -> Due {
        self.record.due(self.life(), now)
    }

    /// The life of what is kept, if it is to stay.
    pub(crate) fn life(&self) -> Option<Life> {
        let kept = self.kept.as_ref().filter(|_| !self.is_foreign);
        kept.map(Kept::life)
    }

    /// Whether what is kept is good at `now` for whoever comes.
    pub(crate) fn serves(&self, now: u64) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.life().end > now)
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
            turn: Arc::default(),
            next: Mutex::default(),
            rest: Mutex::default(),
            allowed: AtomicBool::new(false),
        };
        managed.tell(managed.look(), None);
        managed
    }

    pub(crate) fn state(&self) -> CertificateState {
        lock(&self.state).clone()
    }

    /// Reads what is on disk, once for all that is asked of it.
    pub(crate) fn look(&self) -> Seen {
        let mut record = self.record();
        record.adapt(&self.place.asked, self.place.now());
        let directories = &self.place.directories;
        let is_foreign =
            { record.directory.as_ref() }.is_some_and(|url| !directories.contains(url));
        Seen {
            kept: self.kept(self.directory(&record)),
            record,
            is_foreign,
        }
    }

    /// The directory that has issued what is kept.
    fn directory<'a>(&'a self, record: &'a Record) -> &'a str {
        let first = self.place.directories.first();
        let directory = record.directory.as_ref().or(first);
        directory.map_or("", String::as_str)
    }

    /// Tries nothing for `time`; until then it stands so.
    pub(crate) fn rest(&self, time: Duration, standing: Standing) {
        let until = self.place.clock.monotonic() + time;
        *lock(&self.rest) = Some((until, standing.clone()));
        self.tell(self.look(), Some(standing));
    }

    /// How long nothing is tried, and how it stands so long.
    pub(crate) fn resting(&self) -> Option<(Duration, Standing)> {
        let mut rest = lock(&self.rest);
        let now = self.place.clock.monotonic();
        rest.take_if(|(until, _)| *until <= now);
        let (until, standing) = rest.as_ref()?;
        Some((until.saturating_sub(now), standing.clone()))
    }

    /// Sees to it at once.
    pub(crate) fn hurry(&self) {
        *lock(&self.rest) = None;
        *lock(&self.next) = Duration::ZERO;
    }

    /// The files of the certificate and of its record.
    pub(crate) fn files(&self) -> [String; 2] {
        [self.group.pem(), self.group.record()]
    }

    /// Takes it out of force; what is on disk stays there.
    pub(crate) fn withdraw(&self) {
        let path = self.place.storage.path(&self.group.pem());
        self.place.tls.withdraw(&path);
        *lock(&self.shown) = None;
        for name in self.files() {
            self.place.storage.let_go(&name);
        }
    }

    /// Notes how it stands: as what was seen says, or otherwise.
    pub(crate) fn tell(&self, seen: Seen, standing: Option<Standing>) {
        let due = seen.due(self.place.now());
        let standing = standing.unwrap_or_else(|| match (due, seen.life()) {
            _ if seen.record.trouble.is_some() => failed(&seen.record),
            (Due::Ask | Due::Wait(_), Some(life)) if !seen.record.revoked => {
                self.unwritten().unwrap_or_else(|| Standing::Held {
                    renewal: moment(seen.record.renewal(life)),
                })
            }
            // Whoever has begun is at it, or has died a moment ago.
            (Due::Wait(_), _) if seen.record.under_way > 0 => Standing::Elsewhere,
            (Due::Wait(again), _) => Standing::Failed {
                problem: "an order was broken off, by the end of a process or a reload".to_owned(),
                advice: "It goes on by itself; there is nothing to do.".to_owned(),
                again: moment(again),
            },
            (Due::Order | Due::Ask, _) => Standing::Ordering,
        });
        let kept = seen.kept;
        *lock(&self.state) = CertificateState {
            names: self.group.names.clone(),
            certificate: kept.map(|kept| kept.info),
            standing,
        };
    }

    /// How it stands where the state directory did not take it.
    fn unwritten(&self) -> Option<Standing> {
        let storage = &self.place.storage;
        let (problem, left) = storage.unwritten(&self.files())?;
        let directory = storage.path("").display().to_string();
        let (what, advice) = if storage.holds(&self.group.pem()) {
            ("it is in memory alone and", UNWRITTEN)
        } else {
            ("what is known of it", ROOM)
        };
        Some(Standing::Unwritten {
            problem: format!("{what} cannot be written in {directory}: {problem}"),
            advice: advice.to_owned(),
            again: moment(self.place.now().saturating_add(left.as_secs())),
        })
    }

    /// The certificate on disk, of that directory, in force from now on if it was not yet.
    fn kept(&self, directory: &str) -> Option<Kept> {
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
        let is_same = |(shown, info): &(Vec<u8>, CertificateInfo)| {
            *shown == hash(&pem) && info.source() == source(directory)
        };
        let shown = shown.filter(is_same);
        let info = if let Some((_, info)) = shown {
            Some(info)
        } else {
            let shown = self.show(&pem, directory);
            if let Err(error) = &shown {
                tracing::error!(%error, "a certificate that was kept cannot be used");
            }
            shown.ok()
        };
        let info = info.filter(|info| covers(info, names))?;
        Some(Kept { pem, info })
    }

    /// The hash of the one that is in force.
    pub(crate) fn in_force(&self) -> Option<Vec<u8>> {
        lock(&self.shown).as_ref().map(|(hash, _)| hash.clone())
    }

    /// What a certificate is; nothing is put in force.
    pub(crate) fn inspect(&self, pem: &[u8]) -> Result<CertificateInfo, panoply_tls::Error> {
        let path = self.place.storage.path(&self.group.pem());
        self.place.tls.inspect(&path, pem)
    }

    /// Puts a certificate of that directory in force, unless it is for other names.
    pub(crate) fn show(
        &self,
        pem: &[u8],
        directory: &str,
    ) -> Result<CertificateInfo, panoply_tls::Error> {
        let path = self.place.storage.path(&self.group.pem());
        let info = self.place.tls.inspect(&path, pem)?;
        if !covers(&info, &self.group.names) {
            return Ok(info);
        }
        let info = self.place.tls.install(&path, pem, source(directory))?;
        *lock(&self.shown) = Some((hash(pem), info.clone()));
        Ok(info)
    }

    pub(crate) fn record(&self) -> Record {
        let kept = self.place.storage.read(&self.group.record()).ok().flatten();
        Record::read(kept.as_ref().map(|text| text.as_slice()))
    }

    /// Writes a record down, as a newer one than what is there. That of a certificate which is in memory
    /// alone stays there too: whoever finds it without the certificate would order at once.
    pub(crate) fn keep(&self, record: &Record) -> io::Result<()> {
        let storage = &self.place.storage;
        if storage.holds(&self.group.pem()) {
            self.keep_if_it_can_be(record);
            return Ok(());
        }
        storage.write(&self.group.record(), &self.newer(record)?)
    }

    /// As [`keep`](Self::keep), where nothing else can be done: it is held in memory, and on disk is what
    /// was written before an order began, which says that it has failed.
    pub(crate) fn keep_if_it_can_be(&self, record: &Record) {
        let [pem, name] = self.files();
        let storage = &self.place.storage;
        let kept = { self.newer(record) }.and_then(|text| storage.keep(&name, &text, Some(&pem)));
        if let Err(error) = kept {
            tracing::error!(%error, "the state of a certificate is in memory alone: {ROOM}");
        }
    }

    fn newer(&self, record: &Record) -> io::Result<Vec<u8>> {
        let version = record.version.max(self.record().version);
        let record = Record {
            version: version.saturating_add(1),
            ..record.clone()
        };
        Ok(serde_json::to_vec_pretty(&record)?)
    }

    /// Notes that an order failed.
    pub(crate) fn failed(&self, mut record: Record, failure: &Failure) {
        record.fail(failure, self.place.now());
        self.keep_if_it_can_be(&record);
        tracing::warn!(
            names = self.group.names.join(", "),
            problem = failure.problem,
            again = %Date::from(moment(record.not_before)),
            "no certificate: {}",
            failure.advice
        );
    }
}

/// What to do about a disk that takes nothing.
const ROOM: &str = "Make room there, or give the directory back to its owner.";

/// What to do about a certificate that is in memory alone.
pub(crate) const UNWRITTEN: &str = "It is lost when this process ends, and another is ordered then: make room there, \
                                    or give the directory back to its owner.";

fn failed(record: &Record) -> Standing {
    let trouble = record.trouble.clone();
    let (mut problem, advice) = trouble.map_or_else(Default::default, |t| (t.problem, t.advice));
    if record.revoked {
        problem = format!("what is in force was revoked, and there is no other: {problem}");
    }
    Standing::Failed {
        problem,
        advice,
        again: moment(record.not_before),
    }
}

pub(crate) fn covers(info: &CertificateInfo, names: &[String]) -> bool {
    names
        .iter()
        .all(|name| info.covers(name) || info.names().contains(name))
}

fn source(directory: &str) -> CertificateSource {
    if is_rehearsal(directory) {
        CertificateSource::Staging
    } else {
        CertificateSource::Acme
    }
}

pub(crate) fn hash(pem: &[u8]) -> Vec<u8> {
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
