//! The reports' evidence across restarts: one file in the state directory, which one gateway at a time
//! reads and writes.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::Received;
use super::book::Book;
use super::evidence::CspEvidence;

const FILE: &str = "csp-reports.json";

/// A full book has less than a third of this.
const MOST_BYTES: u64 = 4 << 20;

/// Reports that wait while the file is another gateway's; more are dropped.
const MOST_LATE: usize = 256;

/// The evidence of a gateway, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Kept {
    state: PathBuf,
    pages: Mutex<Pages>,
    /// Held by whoever writes the file.
    pen: Mutex<()>,
}

#[derive(Debug, Default)]
struct Pages {
    book: Option<Book>,
    /// Whether the file is this gateway's to read and write.
    open: bool,
    /// What has come while it is not.
    late: Vec<Received>,
    /// Whether the file is behind.
    changed: bool,
    /// Whether it has been told that the file cannot be written.
    told: bool,
}

impl Kept {
    /// That of the gateway with this state directory; nothing is read or written yet.
    pub(crate) fn new(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
            pages: Mutex::default(),
            pen: Mutex::default(),
        }
    }

    /// Takes up what an earlier run has left, or another gateway that has not come to take over.
    pub(crate) fn open(&self, now: SystemTime) {
        let mut pages = self.pages();
        if std::mem::replace(&mut pages.open, true) {
            return;
        }
        // What could not be written down is known here alone.
        if pages.book.is_none() || !pages.changed {
            pages.book = Some(self.read(now));
        }
        for received in std::mem::take(&mut pages.late) {
            pages.note(&received, now);
        }
    }

    /// Writes everything down, and nothing more from then on: another gateway is to have the file.
    pub(crate) fn close(&self, now: SystemTime) {
        let _pen = self.pen();
        self.write(now, false);
    }

    fn read(&self, now: SystemTime) -> Book {
        let book = read(&self.state).unwrap_or_else(|error| {
            tracing::warn!(
                %error,
                file = %self.state.join(FILE).display(),
                "the evidence of earlier reports cannot be read and begins anew"
            );
            None
        });
        book.unwrap_or_else(|| Book::new(now))
    }

    pub(super) fn note(&self, received: Received, now: SystemTime) {
        let mut pages = self.pages();
        if pages.open {
            pages.note(&received, now);
        } else if pages.late.len() < MOST_LATE {
            pages.late.push(received);
        }
    }

    /// What the gateway before this one was still sent.
    pub(crate) fn note_all(&self, reports: &[Received], now: SystemTime) {
        let mut pages = self.pages();
        for received in reports.iter().take(MOST_LATE) {
            pages.note(received, now);
        }
    }

    /// What has come since the file is another gateway's.
    pub(super) fn late(&self) -> Vec<Received> {
        std::mem::take(&mut self.pages().late)
    }

    /// What is known.
    pub(crate) fn evidence(&self, now: SystemTime) -> CspEvidence {
        self.pages()
            .book
            .get_or_insert_with(|| Book::new(now))
            .evidence()
    }

    /// How many reports there have been.
    pub(crate) fn count(&self) -> u64 {
        self.pages().book.as_ref().map_or(0, Book::count)
    }

    /// Begins anew, unless the file is another gateway's.
    pub(crate) fn forget(&self, now: SystemTime) -> bool {
        let mut pages = self.pages();
        if pages.open {
            pages.book = Some(Book::new(now));
            pages.changed = true;
        }
        pages.open
    }

    /// Writes what has changed.
    pub(super) fn save(&self, now: SystemTime) {
        let _pen = self.pen();
        self.write(now, true);
    }

    /// Writes, if the file is ours; whether it `stays` so is decided with what is written.
    fn write(&self, now: SystemTime, stays: bool) {
        let text = {
            let mut pages = self.pages();
            if !pages.open {
                return;
            }
            pages.open = stays;
            let expired = pages.book.as_mut().is_some_and(|book| book.expire(now));
            if !std::mem::take(&mut pages.changed) && !expired {
                return;
            }
            let Some(book) = &pages.book else { return };
            serde_json::to_vec(book)
        };
        let written = text
            .map_err(io::Error::from)
            .and_then(|text| write(&self.state, &text));
        let mut pages = self.pages();
        match written {
            Ok(()) => pages.told = false,
            Err(error) => {
                pages.changed = true;
                if !std::mem::replace(&mut pages.told, true) {
                    tracing::warn!(%error, "the evidence of reports cannot be written down");
                }
            }
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pen(&self) -> MutexGuard<'_, ()> {
        self.pen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn note(&mut self, Received { report, client }: &Received, now: SystemTime) {
        self.changed = true;
        self.book
            .get_or_insert_with(|| Book::new(now))
            .note(report, *client, now);
    }
}

/// What is in the state directory, if anything.
pub(super) fn read(state: &Path) -> io::Result<Option<Book>> {
    let file = match File::open(state.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

/// Whole or not at all.
fn write(state: &Path, text: &[u8]) -> io::Result<()> {
    let new = state.join(format!(".{FILE}.{}", std::process::id()));
    let mut file = crate::privilege::anew(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, state.join(FILE))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, UNIX_EPOCH};

    use std::net::IpAddr;

    use super::super::parse::Report;
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn report(client: Option<IpAddr>) -> Received {
        let report = Report {
            page: "/p".to_owned(),
            directive: "img-src".to_owned(),
            blocked: "https://a.test".to_owned(),
            enforced: false,
            of_extension: false,
        };
        Received { report, client }
    }

    #[test]
    fn what_was_seen_outlives_a_restart() {
        let state = tempfile::tempdir().unwrap();
        let kept = Kept::new(state.path());
        kept.open(NOW);
        kept.save(NOW);
        assert_eq!(
            fs::read_dir(state.path()).unwrap().count(),
            0,
            "nothing to say"
        );
        kept.note(report(Some([10, 0, 0, 1].into())), NOW);
        kept.save(NOW);
        let before = kept.evidence(NOW);
        assert_eq!(before.sightings.len(), 1);
        let mode = fs::metadata(state.path().join(FILE)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);

        let again = Kept::new(state.path());
        again.open(NOW);
        assert_eq!(again.evidence(NOW), before);
        assert_eq!(CspEvidence::read(state.path()).unwrap(), Some(before));
        // The same client is the same after a restart.
        again.note(report(Some([10, 0, 0, 1].into())), NOW);
        assert_eq!(again.evidence(NOW).clients, 1);

        assert!(again.forget(NOW + Duration::from_secs(5)));
        again.save(NOW);
        let left = CspEvidence::read(state.path()).unwrap().unwrap();
        assert_eq!((left.since, left.sightings.len()), (5, 0));
    }

    #[test]
    fn one_gateway_at_a_time_has_the_file() {
        let state = tempfile::tempdir().unwrap();
        let told = |kept: &Kept| kept.evidence(NOW).reports;
        let (one, other) = (Kept::new(state.path()), Kept::new(state.path()));
        one.open(NOW);
        one.note(report(None), NOW);
        one.close(NOW);
        other.open(NOW);
        assert_eq!(told(&other), 1, "written down before");
        other.note(report(None), NOW);
        other.save(NOW);
        one.note(report(None), NOW);
        one.save(NOW);
        assert!(!one.forget(NOW));
        one.save(NOW);
        let left = CspEvidence::read(state.path()).unwrap().unwrap();
        assert_eq!(left.reports, 2, "the first writes no more");

        // It goes on: what came meanwhile is added to what the other has left.
        other.close(NOW);
        one.open(NOW);
        assert_eq!(told(&one), 3);
        assert_eq!(one.late(), []);
        one.save(NOW);

        // It does not: the other is told.
        one.close(NOW);
        other.open(NOW);
        (0..2 * MOST_LATE).for_each(|_| one.note(report(None), NOW));
        other.note_all(&one.late(), NOW);
        assert_eq!(told(&other), 3 + MOST_LATE as u64);
        assert_eq!(one.late(), []);
    }

    #[test]
    fn what_cannot_be_written_down_is_not_lost_when_it_goes_on() {
        let state = tempfile::tempdir().unwrap();
        let kept = Kept::new(&state.path().join("none"));
        kept.open(NOW);
        kept.note(report(None), NOW);
        kept.close(NOW);
        kept.open(NOW);
        assert_eq!(kept.evidence(NOW).reports, 1);
    }

    #[test]
    fn a_file_that_is_broken_stops_nothing() {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join(FILE), "{\"key\":").unwrap();
        let kept = Kept::new(state.path());
        kept.open(NOW);
        assert_eq!(kept.evidence(NOW).reports, 0);
        assert!(CspEvidence::read(state.path()).is_err());
        kept.note(report(None), NOW);
        kept.save(NOW);
        assert!(CspEvidence::read(state.path()).unwrap().is_some());
    }
}
