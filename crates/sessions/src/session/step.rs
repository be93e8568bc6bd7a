//! What there is to commit.

use panoply_core::{Cycle, SessionChange, SessionKey, UserChange};

use super::answer::Answer;
use super::state::{Live, Place, State, is_reserved};
use crate::Error;
use crate::express::{COOKIE, ExpressCookie};
use crate::id::SessionId;
use crate::sessions::{Kind, Shared};

/// One commit to be made.
pub(super) struct Step {
    pub(super) id: SessionId,
    pub(super) key: SessionKey,
    pub(super) change: SessionChange,
    /// The id to come, if it is cycled.
    pub(super) to: Option<SessionId>,
}

impl Step {
    /// Whether it changes values of the app's own alone, and so nothing that the browser is told of.
    pub(super) fn is_plain(&self, shared: &Shared) -> bool {
        let change = &self.change;
        matches!(shared.kind, Kind::Stored(_))
            && shared.settings.express.is_none()
            && !change.creates()
            && change.new_key().is_none()
            && change.new_user() == UserChange::Keep
            && change.new_idle().is_none()
            && change.new_lifetime().is_none()
            && !change.values().any(|(name, _)| is_reserved(name))
    }
}

impl State {
    /// The next commit, if one is needed.
    pub(super) fn step(&mut self, shared: &Shared, answer: Answer) -> Result<Option<Step>, Error> {
        match &self.place {
            Place::Unread(_) | Place::Behind(_) => Ok(None),
            Place::Live(live) => {
                let step = self.step_of(live, shared, answer);
                if matches!(step, Err(Error::Late)) {
                    self.forget_changes();
                }
                step
            }
            Place::Closed if self.user == UserChange::Keep => {
                let lost = self.is_dirty();
                self.forget_changes();
                if lost { Err(Error::Gone) } else { Ok(None) }
            }
            Place::None | Place::Closed => {
                let something = self.changes.values().any(Option::is_some);
                let saves = shared.settings.save_uninitialized && answer == Answer::Open;
                if !something && !saves {
                    self.forget_changes();
                    return Ok(None);
                }
                if answer == Answer::Gone {
                    self.forget_changes();
                    return Err(Error::Late);
                }
                if answer == Answer::Insecure {
                    shared.tell_of_plain_http();
                    self.forget_changes();
                    return Ok(None);
                }
                let id = shared.settings.id()?;
                let mut change =
                    SessionChange::create(shared.settings.idle, shared.settings.lifetime);
                if let Some(express) = &shared.settings.express {
                    let cookie = ExpressCookie::new(&express.cookie, self.https);
                    change = change.set(COOKIE, cookie.json());
                }
                Ok(Some(Step {
                    key: id.key(),
                    id,
                    change: self.with_all(change, shared),
                    to: None,
                }))
            }
        }
    }

    /// Whether there is nothing to commit.
    pub(super) fn is_settled(&self, shared: &Shared, answer: Answer) -> bool {
        if self.is_dirty() {
            return false;
        }
        match &self.place {
            Place::Live(live) => {
                !renews(live, shared, answer)
                    && !settles(live, shared)
                    && !self.touches(live, shared)
            }
            Place::Unread(_) | Place::Behind(_) | Place::None | Place::Closed => true,
        }
    }

    /// Whether the session's time is to start over.
    fn touches(&self, live: &Live, shared: &Shared) -> bool {
        let settings = &shared.settings;
        // Express touches with each request; where the cookie is sent each time, that is seen.
        let rolls = settings.rolling && settings.express.is_some();
        let asked = self.touch || self.idle.is_some() || self.lifetime.is_some();
        asked || rolls || live.since(live.record.seen) >= settings.touch
    }

    /// The next commit to a session that is there.
    fn step_of(&self, live: &Live, shared: &Shared, answer: Answer) -> Result<Option<Step>, Error> {
        let settings = &shared.settings;
        let stored = matches!(shared.kind, Kind::Stored(_));
        let replaces = stored && self.cycle;
        let renews = renews(live, shared, answer);
        let settles = settles(live, shared);
        if !self.is_dirty() && !renews && !settles && !self.touches(live, shared) {
            return Ok(None);
        }
        if answer == Answer::Gone && (replaces || !stored) {
            return if self.is_dirty() {
                Err(Error::Late)
            } else {
                Ok(None)
            };
        }
        let mut change = self.with_all(SessionChange::new(), shared);
        let mut to = None;
        if replaces || renews {
            let id = settings.id()?;
            let cycle = if replaces {
                Cycle::replace
            } else {
                Cycle::renew
            };
            change = change.cycle(cycle(id.key(), settings.grace));
            to = Some(id);
        } else if settles {
            // Needs no cookie, and so may come behind the head.
            change = change.cycle(Cycle::settle(live.key.clone(), settings.grace));
        }
        Ok(Some(Step {
            id: live.id.clone(),
            key: live.key.clone(),
            change,
            to,
        }))
    }

    fn with_all(&self, mut change: SessionChange, shared: &Shared) -> SessionChange {
        change = change
            .most_bytes(shared.settings.most_bytes)
            .user(self.user);
        for (name, value) in &self.changes {
            change = match value {
                Some(value) => change.set(name.clone(), value.clone()),
                None => change.remove(name.clone()),
            };
        }
        if let Some(idle) = self.idle {
            change = change.idle(idle);
        }
        if let Some(lifetime) = self.lifetime {
            change = change.lifetime(lifetime);
        }
        change
    }
}

/// Whether the store is to be told that the client has the current id, so that those before it end.
pub(super) fn settles(live: &Live, shared: &Shared) -> bool {
    matches!(shared.kind, Kind::Stored(_))
        && live.current
        && live.record.is_unsettled(shared.settings.grace, live.now)
}

/// Whether the id is due for another: the current one for its age, an old one that still opens the
/// session when the answer with its successor was lost.
pub(super) fn renews(live: &Live, shared: &Shared, answer: Answer) -> bool {
    let (record, grace) = (&live.record, shared.settings.grace);
    let is_due = |renew| {
        if live.current {
            live.since(record.key_since) >= renew
        } else {
            record.has_lost(&live.key, grace, live.now)
        }
    };
    matches!(shared.kind, Kind::Stored(_))
        && answer == Answer::Open
        && shared.settings.renew.is_some_and(is_due)
}
