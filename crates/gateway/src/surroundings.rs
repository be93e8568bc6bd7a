//! What settings are built from besides the configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use panoply::{Clock, Nonce};
use panoply_acme::Unwritten;
use panoply_tls::Lasting;
use tokio::sync::Notify;
use tower_service::Service;

use crate::handover::{Heir, Program};
use crate::keys::Keys;
use crate::own::{Incoming, Own};
use crate::reports::{Kept, Report, Watcher};
use crate::started::Started;
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
    /// Which key seals cookies.
    pub(crate) keys: Keys,
    /// Certificates that the state directory did not take.
    pub(crate) unwritten: Unwritten,
    /// What is started for an upgrade, where there can be one.
    pub(crate) program: Option<Program>,
    /// What the gateway before this one hands over.
    pub(crate) heir: Option<Heir>,
    /// What browsers have reported.
    pub(crate) reports: Arc<Kept>,
    /// Which apps this gateway would end.
    pub(crate) started: Started,
    /// Who is shown each of them.
    pub(crate) watcher: Watcher,
    /// Whether SIGHUP ends it, in place of a reload.
    pub(crate) ends_with_terminal: bool,
    /// What answers in the place of an app.
    pub(crate) own: Option<Own>,
    /// Stops it, as SIGTERM does.
    pub(crate) stop: Arc<Notify>,
}

impl Surroundings {
    /// State in `state`, time from `clock`.
    pub fn new(state: &Path, clock: Arc<dyn Clock>) -> Self {
        // Without random bytes no policy with a nonce can be sent either.
        let placeholder = placeholder();
        Self {
            state: state.to_owned(),
            clock,
            store: Arc::default(),
            placeholder,
            lasting: Lasting::default(),
            keys: Keys::default(),
            unwritten: Unwritten::default(),
            program: None,
            heir: None,
            reports: Arc::new(Kept::new(state)),
            started: Started::new(state),
            watcher: Watcher::default(),
            ends_with_terminal: false,
            own: None,
            stop: Arc::default(),
        }
    }

    /// Ends the gateway at SIGHUP, which whoever closes a terminal sends; otherwise that is a reload.
    #[must_use]
    pub const fn ends_with_terminal(mut self) -> Self {
        self.ends_with_terminal = true;
        self
    }

    /// Has `service` answer, in this process, in the place of an app; [`Server`](crate::Server) is the short way.
    #[must_use]
    pub fn around<S, B>(mut self, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: 'static,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.own = Some(Own::new(service));
        self
    }

    /// Shows `see` each report of the Content-Security-Policy that comes in, the ones that the log
    /// has told of already too.
    ///
    /// It is called on the gateway's own thread, so it must not wait. Reports are what strangers send:
    /// short and printable, and not to be believed.
    #[must_use]
    pub fn on_report(mut self, see: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.watcher = Watcher::new(see);
        self
    }

    /// Lets this gateway be replaced by the `program` that is installed when it is asked to.
    #[must_use]
    pub fn upgradable(mut self, program: Program) -> Self {
        self.program = Some(program);
        self
    }

    /// Takes over from the gateway that has started this one.
    #[must_use]
    pub fn succeeding(mut self, heir: Heir) -> Self {
        // The app that runs knows no other.
        self.placeholder = heir.placeholder().or(self.placeholder);
        let tickets = &self.lasting.tickets;
        tickets.take_over(heir.tickets(), &*self.clock);
        self.heir = Some(heir);
        self
    }

    /// What an app of ours is told to write where a nonce belongs.
    pub(crate) fn placeholder(&self) -> Option<&str> {
        self.placeholder.as_deref()
    }
}

/// Of letters and digits alone: templates write `+` and `/` as entities (Go's `html/template`, Mustache), and JSON of
/// PHP has a backslash before each `/`, so that nobody would know it again.
fn placeholder() -> Option<Arc<str>> {
    let nonce = Nonce::random().ok()?;
    Some(nonce.as_str().replace('+', "A").replace('/', "B").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_template_writes_the_placeholder_otherwise() {
        for _ in 0..100 {
            let placeholder = placeholder().unwrap();
            assert_eq!(placeholder.len(), Nonce::LEN);
            let plain = placeholder.bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(plain, "{placeholder}");
        }
    }
}
