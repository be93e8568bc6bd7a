//! The commit that most requests end with that change anything: values of the app's own, alone.

use panoply_core::{Committed, SessionChange, UserChange};

use super::answer::Answer;
use super::state::{Place, State, is_reserved};
use super::step::{renews, settles};
use crate::Error;
use crate::sessions::{Kind, Shared};

impl State {
    /// Whether the request is over and has changed values of the app's own alone, and nothing that
    /// the browser is told of.
    pub(super) fn is_plain(&self, shared: &Shared, answer: Answer) -> bool {
        let Place::Live(live) = &self.place else {
            return false;
        };
        self.closing
            && !self.changes.is_empty()
            && !self.changes.keys().any(|name| is_reserved(name))
            && self.user == UserChange::Keep
            && !self.cycle
            && self.idle.is_none()
            && self.lifetime.is_none()
            && shared.settings.express.is_none()
            && matches!(shared.kind, Kind::Stored(_))
            && !renews(live, shared, answer)
            && !settles(live, shared)
            && self.max_age(shared).is_none()
    }

    /// Commits those. The session is let go of first, so that the store can change it where it lies.
    pub(super) fn commit_plain(&mut self, shared: &Shared) -> Option<Result<(), Error>> {
        let Kind::Stored(store) = &shared.kind else {
            return None;
        };
        let (name, key) = match std::mem::replace(&mut self.place, Place::Closed) {
            Place::Live(live) => {
                self.place = Place::Behind(live.id);
                (live.record.fingerprint(), live.key)
            }
            other => {
                self.place = other;
                return None;
            }
        };
        let most = shared.settings.most_bytes;
        let mut change = SessionChange::new().most_bytes(most);
        for (name, value) in std::mem::take(&mut self.changes) {
            change = match value {
                Some(value) => change.set(name, value),
                None => change.remove(name),
            };
        }
        self.forget_changes();
        Some(match store.commit_now(&key, &change)? {
            Ok(Committed::Done(_)) => {
                self.modified = true;
                self.involved = true;
                self.failed = false;
                Ok(())
            }
            Ok(Committed::TooLarge { bytes }) => Err(Error::TooLarge { bytes, most }),
            Ok(_) => {
                self.place = Place::Closed;
                self.missed = Some((name, key));
                Err(Error::Gone)
            }
            Err(error) => Err(self.fail(error)),
        })
    }
}
