//! The reports' evidence across restarts: one file in the state directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::book::Book;
use super::evidence::CspEvidence;
use super::parse::Report;

const FILE: &str = "csp-reports.json";

/// A full book has less than a third of this.
const MOST_BYTES: u64 = 4 << 20;

/// The evidence of a gateway, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Kept {
    state: PathBuf,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    book: Option<Book>,
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
        }
    }

    /// Takes up what an earlier run has left.
    pub(super) fn open(&self, now: SystemTime) {
        let book = read(&self.state).unwrap_or_else(|error| {
            tracing::warn!(
                %error,
                file = %self.state.join(FILE).display(),
                "the evidence of earlier reports cannot be read and begins anew"
            );
            None
        });
        self.pages().book = Some(book.unwrap_or_else(|| Book::new(now)));
    }

    pub(super) fn note(&self, report: &Report, client: Option<IpAddr>, now: SystemTime) {
        let mut pages = self.pages();
        pages.changed = true;
        pages
            .book
            .get_or_insert_with(|| Book::new(now))
            .note(report, client, now);
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

    /// Begins anew.
    pub(crate) fn forget(&self, now: SystemTime) {
        let mut pages = self.pages();
        pages.book = Some(Book::new(now));
        pages.changed = true;
    }

    /// Writes what has changed.
    pub(super) fn save(&self, now: SystemTime) {
        let text = {
            let mut pages = self.pages();
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
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, state.join(FILE))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn report() -> Report {
        Report {
            page: "/p".to_owned(),
            directive: "img-src".to_owned(),
            blocked: "https://a.test".to_owned(),
            enforced: false,
            of_extension: false,
        }
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
        kept.note(&report(), Some([10, 0, 0, 1].into()), NOW);
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
        again.note(&report(), Some([10, 0, 0, 1].into()), NOW);
        assert_eq!(again.evidence(NOW).clients, 1);

        again.forget(NOW + Duration::from_secs(5));
        again.save(NOW);
        let left = CspEvidence::read(state.path()).unwrap().unwrap();
        assert_eq!((left.since, left.sightings.len()), (5, 0));
    }

    #[test]
    fn a_file_that_is_broken_stops_nothing() {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join(FILE), "{\"key\":").unwrap();
        let kept = Kept::new(state.path());
        kept.open(NOW);
        assert_eq!(kept.evidence(NOW).reports, 0);
        assert!(CspEvidence::read(state.path()).is_err());
        kept.note(&report(), None, NOW);
        kept.save(NOW);
        assert!(CspEvidence::read(state.path()).unwrap().is_some());
    }
}
