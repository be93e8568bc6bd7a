//! How what a request has changed gets into the store.

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{
    Committed, Loaded, SessionRecord, SessionSlot, SessionStamp, StoreError, UserChange,
};

use super::answer::Answer;
use super::state::{Live, Out, Place, State};
use super::step::Step;
use crate::Error;
use crate::express::{COOKIE, ExpressCookie};
use crate::sealed::Sealed;
use crate::sessions::{Kind, Shared};

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
    pub(super) async fn commit(&mut self, shared: &Shared, answer: Answer) -> Result<(), Error> {
        if let Some(committed) = self.commit_now(shared, answer) {
            return committed;
        }
        let store = shared.store()?;
        self.make_sure(shared).await?;
        for _ in 0..TRIES {
            let Some(step) = self.step(shared, answer)? else {
                return Ok(());
            };
            let creates = step.change.creates().then_some(&step.id);
            self.unsure = step.to.as_ref().or(creates).cloned();
            let committed = store.commit(&step.key, &step.change).await;
            self.unsure = None;
            if let Some(settled) = self.settle(step, committed, shared, answer) {
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
        answer: Answer,
    ) -> Option<Result<(), Error>> {
        if matches!(&shared.kind, Kind::Stored(store) if !store.answers_at_once()) {
            return None;
        }
        if self.is_plain(shared, answer) {
            return self.commit_plain(shared);
        }
        for _ in 0..TRIES {
            let mut step = match self.step(shared, answer) {
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
            if let Some(settled) = self.settle(step, committed, shared, answer) {
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
        answer: Answer,
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
            Ok(_) if self.user != UserChange::Keep && answer != Answer::Gone => {
                // Somebody has shown who they are, so they get a session, of this request's
                // values and none of the old one's.
                self.place = Place::None;
                None
            }
            Ok(_) => {
                let name = self.record().map(SessionRecord::fingerprint);
                self.missed = name.map(|name| (name, step.key));
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
