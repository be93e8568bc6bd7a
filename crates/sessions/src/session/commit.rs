//! How what a request has changed gets into the store.

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{
    Committed, Cycle, Loaded, SessionChange, SessionKey, SessionRecord, SessionSlot, SessionStamp,
    StoreError, UserChange,
};

use super::state::{Live, Out, Place, State, is_reserved};
use crate::Error;
use crate::express::{COOKIE, ExpressCookie};
use crate::id::SessionId;
use crate::sealed::Sealed;
use crate::sessions::{Kind, Shared};

/// One commit to be made.
struct Step {
    id: SessionId,
    key: SessionKey,
    change: SessionChange,
    /// The id to come, if it is cycled.
    to: Option<SessionId>,
}

impl Step {
    /// Whether it changes values of the app's own alone, and so nothing that the browser is told of.
    fn is_plain(&self, shared: &Shared) -> bool {
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

/// How many fresh ids are tried; the second is needed only where somebody else makes them.
const TRIES: usize = 3;

fn only_taken() -> Error {
    Error::Value {
        key: "genid",
        problem: format!("made {TRIES} ids one after another that are taken"),
        example: "at least 128 random bits into each",
    }
}

impl State {
    /// Commits what there is to commit, in one round trip.
    pub(super) async fn commit(
        &mut self,
        shared: &Shared,
        sends_cookies: bool,
    ) -> Result<(), Error> {
        if let Some(committed) = self.commit_now(shared, sends_cookies) {
            return committed;
        }
        let store = shared.store()?;
        self.make_sure(shared).await?;
        for _ in 0..TRIES {
            let Some(step) = self.step(shared, sends_cookies)? else {
                return Ok(());
            };
            let creates = step.change.creates().then_some(&step.id);
            self.unsure = step.to.as_ref().or(creates).cloned();
            let committed = store.commit(&step.key, &step.change).await;
            self.unsure = None;
            if let Some(settled) = self.settle(step, committed, shared) {
                return settled;
            }
        }
        Err(only_taken())
    }

    /// Whether a commit that the handler did not wait for was made: the session has another id then, and what
    /// was in it is lost to who goes on by the old one.
    async fn make_sure(&mut self, shared: &Shared) -> Result<(), Error> {
        let (Some(id), Kind::Stored(store)) = (self.unsure.clone(), &shared.kind) else {
            return Ok(());
        };
        let key = id.key();
        let loaded = store.load(&key).await.map_err(|error| self.fail(error))?;
        if matches!(loaded, Loaded::Live(_)) {
            self.found(id, Some(key), loaded);
            self.send_again(shared);
        }
        self.unsure = None;
        Ok(())
    }

    /// The same at once; none if that takes waiting.
    pub(super) fn commit_now(
        &mut self,
        shared: &Shared,
        sends_cookies: bool,
    ) -> Option<Result<(), Error>> {
        if matches!(&shared.kind, Kind::Stored(store) if !store.answers_at_once()) {
            return None;
        }
        if self.is_plain(shared, sends_cookies) {
            return self.commit_plain(shared);
        }
        for _ in 0..TRIES {
            let mut step = match self.step(shared, sends_cookies) {
                Ok(Some(step)) => step,
                Ok(None) => return Some(Ok(())),
                Err(error) => return Some(Err(error)),
            };
            let committed = match &shared.kind {
                Kind::Stored(store) => store.commit_now(&step.key, &step.change)?,
                Kind::Sealed(sealed) => match self.seal(sealed, &mut step) {
                    Ok(sealed) => Ok(sealed),
                    Err(_) if self.is_spared(&step.change) => return Some(Ok(())),
                    Err(error) => return Some(Err(error)),
                },
            };
            if let Some(settled) = self.settle(step, committed, shared) {
                return Some(settled);
            }
        }
        Some(Err(only_taken()))
    }

    /// What becomes of a commit; none if it is to be tried with another id.
    fn settle(
        &mut self,
        step: Step,
        committed: Result<Committed, StoreError>,
        shared: &Shared,
    ) -> Option<Result<(), Error>> {
        match committed {
            Ok(Committed::Done(stamp)) => {
                self.done(step, stamp, shared);
                Some(Ok(()))
            }
            Ok(Committed::Gone) if step.change.creates() => None,
            Ok(Committed::Taken) => None,
            Ok(Committed::TooLarge { bytes }) => {
                let most = shared.settings.most_bytes;
                Some(Err(Error::TooLarge { bytes, most }))
            }
            Ok(_) if self.user != UserChange::Keep && !self.finished => {
                // Somebody has shown who they are, so they get a session, of this request's
                // values and none of the old one's.
                self.place = Place::None;
                None
            }
            Ok(_) => {
                self.place = Place::Closed;
                let lost = self.is_dirty();
                self.forget_changes();
                Some(if lost { Err(Error::Gone) } else { Ok(()) })
            }
            // Nothing is lost by it but some of the session's time.
            Err(_) if self.is_spared(&step.change) => Some(Ok(())),
            Err(error) => Some(Err(self.fail(error))),
        }
    }

    /// Commits into a cookie; its value then stands in the place of an id.
    fn seal(&self, sealed: &Sealed, step: &mut Step) -> Result<Committed, Error> {
        let record = match &self.place {
            Place::Live(live) => Some(&live.record),
            _ => None,
        };
        let (committed, value) = sealed.commit(record, &step.key, &step.change)?;
        if let Some(value) = value {
            step.id = value;
        }
        Ok(committed)
    }

    /// The next commit, if one is needed.
    fn step(&mut self, shared: &Shared, sends_cookies: bool) -> Result<Option<Step>, Error> {
        match &self.place {
            Place::Unread(_) | Place::Behind(_) => Ok(None),
            Place::Live(live) => self.step_of(live, shared, sends_cookies),
            Place::Closed if self.user == UserChange::Keep => {
                let lost = self.is_dirty();
                self.forget_changes();
                if lost { Err(Error::Gone) } else { Ok(None) }
            }
            Place::None | Place::Closed => {
                let something = self.changes.values().any(Option::is_some);
                let saves = shared.settings.save_uninitialized && sends_cookies;
                if !something && !saves {
                    self.forget_changes();
                    return Ok(None);
                }
                if self.finished {
                    self.forget_changes();
                    return Err(Error::Late);
                }
                if !sends_cookies {
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
    pub(super) fn is_settled(&self, shared: &Shared, sends_cookies: bool) -> bool {
        if self.is_dirty() {
            return false;
        }
        match &self.place {
            Place::Live(live) => {
                !self.renews(live, shared, sends_cookies) && !self.touches(live, shared)
            }
            Place::Unread(_) | Place::Behind(_) | Place::None | Place::Closed => true,
        }
    }

    /// Whether the id is due for another.
    pub(super) fn renews(&self, live: &Live, shared: &Shared, sends_cookies: bool) -> bool {
        let is_old = |renew| live.since(live.record.key_since) >= renew;
        matches!(shared.kind, Kind::Stored(_))
            && live.current
            && sends_cookies
            && !self.finished
            && shared.settings.renew.is_some_and(is_old)
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
    fn step_of(
        &self,
        live: &Live,
        shared: &Shared,
        sends_cookies: bool,
    ) -> Result<Option<Step>, Error> {
        let settings = &shared.settings;
        let stored = matches!(shared.kind, Kind::Stored(_));
        let replaces = stored && self.cycle && !self.finished;
        let renews = self.renews(live, shared, sends_cookies);
        if !self.is_dirty() && !renews && !self.touches(live, shared) {
            return Ok(None);
        }
        if !stored && self.finished {
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

    /// Takes over what a commit has made of the session.
    fn done(&mut self, step: Step, stamp: SessionStamp, shared: &Shared) {
        if self.closing && step.is_plain(shared) {
            // Nobody may look again, so what it has become is not worked out a second time.
            if let Place::Live(live) = &mut self.place {
                live.now = stamp.now;
                live.behind = true;
            }
            self.modified |= !step.change.is_touch();
            self.involved = true;
            self.failed = false;
            self.forget_changes();
            return;
        }
        let Step {
            mut id,
            mut key,
            change,
            to,
        } = step;
        let (slot, current) = match std::mem::replace(&mut self.place, Place::Closed) {
            Place::Live(live) => (Some(SessionSlot::Live(live.record)), live.current),
            _ => (None, true),
        };
        let after = SessionRecord::apply(slot, &key, &change, false, stamp.now).0;
        let Some(mut record) = after else {
            // Over by the time that the store's clock shows, which is as good as gone.
            self.forget_changes();
            return;
        };
        record.version = stamp.version;
        let sealed = matches!(shared.kind, Kind::Sealed(_));
        let fresh = sealed || change.creates() || stamp.cycled;
        self.modified |= !change.is_touch();
        self.involved = true;
        self.failed = false;
        self.forget_changes();
        if let Some(to) = to
            && stamp.cycled
        {
            key = to.key();
            id = to;
        }
        self.place = Place::Live(Live {
            key: if sealed { record.key.clone() } else { key },
            id,
            record: Arc::new(record),
            now: stamp.now,
            current: fresh || current,
            behind: false,
        });
        if fresh {
            self.send_again(shared);
        }
        if stamp.evicted > 0 {
            tracing::debug!(ended = stamp.evicted, "the user had too many sessions");
        }
    }

    /// Notes that the browser is to be sent the cookie, unless it is about to get a newer one.
    pub(super) fn send_again(&mut self, shared: &Shared) {
        let max_age = self.max_age(shared);
        if let Place::Live(live) = &self.place
            && live.current
        {
            let id = live.id.clone();
            self.out = Some(Out::Set { id, max_age });
        }
    }

    /// How long the browser is to keep the cookie; none means until it is closed.
    pub(super) fn max_age(&self, shared: &Shared) -> Option<Duration> {
        let Place::Live(live) = &self.place else {
            return None;
        };
        if shared.settings.express.is_some() {
            // The session says it itself.
            return ExpressCookie::parse(self.value(COOKIE)?)?.max_age();
        }
        let kept = self.remembered().or(shared.settings.cookie.max_age())?;
        let left = live.record.end.since(live.now).unwrap_or(kept);
        Some(kept.min(left))
    }
}
