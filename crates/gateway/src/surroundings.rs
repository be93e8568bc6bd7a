//! What settings are built from besides the configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use panoply::{Clock, Nonce};
use panoply_tls::Lasting;

use crate::reports::{Report, Watcher};
use crate::store::Deferred;

/// What settings are built from besides the configuration.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Surroundings {
    /// The directory that holds what must last.
    pub state: PathBuf,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// Where is counted; open once the gateway runs.
    pub(crate) store: Arc<Deferred>,
    /// The placeholder that an app of ours is told at start, the same across reloads.
    pub(crate) placeholder: Option<Arc<str>>,
    /// What goes on across reloads: orders of certificates, and sessions.
    pub(crate) lasting: Lasting,
    /// Who is shown what browsers report.
    pub(crate) reports: Watcher,
}

impl Surroundings {
    /// State in `state`, time from `clock`.
    pub fn new(state: &Path, clock: Arc<dyn Clock>) -> Self {
        // Without random bytes no policy with a nonce can be sent either.
        let placeholder = Nonce::random().ok().map(|nonce| Arc::from(nonce.as_str()));
        Self {
            state: state.to_owned(),
            clock,
            store: Arc::default(),
            placeholder,
            lasting: Lasting::default(),
            reports: Watcher::default(),
        }
    }

    /// Shows `see` each report of the Content-Security-Policy that comes in, the ones that the log
    /// has told of already too.
    ///
    /// It is called on the gateway's own thread, so it must not wait. Reports are what strangers send:
    /// short and printable, and not to be believed.
    #[must_use]
    pub fn on_report(mut self, see: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.reports = Watcher::new(see);
        self
    }
}
