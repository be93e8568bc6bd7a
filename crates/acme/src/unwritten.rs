//! What the disk did not take: it is held in memory until it does.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

/// Certificates, what is to be remembered of them, and accounts that a directory has given and the disk
/// did not take. They are in force all the same, are written as soon as they can be, and until this
/// process ends nothing is ordered in their place.
///
/// Clones are the same. Whoever makes an [`Acme`](crate::Acme) anew for the same state directory, as for
/// a changed configuration, hands it on: [`AcmeBuilder::unwritten`](crate::AcmeBuilder::unwritten).
#[derive(Clone, Default)]
pub struct Unwritten(Arc<Mutex<BTreeMap<PathBuf, Held>>>);

/// The content of one file.
pub(crate) struct Held {
    pub(crate) content: Zeroizing<Vec<u8>>,
    /// What was on disk then, by its hash, where that could be read: whoever has written something else since has
    /// the newer one.
    pub(crate) before: io::Result<Option<Vec<u8>>>,
    /// The file that is to be there first.
    pub(crate) after: Option<PathBuf>,
    pub(crate) problem: String,
    tries: u32,
    /// When it is tried again, by the monotonic clock.
    pub(crate) next: Duration,
}

/// How long after the first try; twice as long after each further one, up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(15), Duration::from_mins(10));

impl Unwritten {
    /// Whether everything is on disk.
    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    pub(crate) fn all(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn content(&self, path: &Path) -> Option<Zeroizing<Vec<u8>>> {
        self.all().get(path).map(|held| held.content.clone())
    }

    pub(crate) fn forget(&self, path: &Path) {
        self.all().remove(path);
    }
}

impl Held {
    pub(crate) fn new(
        content: &[u8],
        before: io::Result<Option<Vec<u8>>>,
        after: Option<PathBuf>,
        problem: String,
        now: Duration,
    ) -> Self {
        Self {
            content: Zeroizing::new(content.to_vec()),
            before,
            after,
            problem,
            tries: 0,
            next: now.saturating_add(PAUSES.0),
        }
    }

    /// Notes that it could not be written again; what somebody has tried before its time changes no pause.
    pub(crate) fn failed(&mut self, error: &io::Error, now: Duration) {
        self.problem = error.to_string();
        if now < self.next {
            return;
        }
        self.tries = self.tries.saturating_add(1);
        let pause = PAUSES.0.saturating_mul(1 << self.tries.min(10));
        self.next = now.saturating_add(pause.min(PAUSES.1));
    }
}

impl fmt::Debug for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.all().keys()).finish()
    }
}
