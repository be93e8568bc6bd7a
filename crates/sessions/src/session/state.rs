//! What one request knows of its session, and what it changes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use litemap::LiteMap;
use panoply_core::{
    Destroy, LiveSession, Loaded, Moment, SessionFingerprint, SessionKey, SessionRecord,
    SessionStamp, StoreError, UserChange, UserKey,
};

use crate::Error;
use crate::id::SessionId;
use crate::sessions::{Kind, Shared};

/// Where the user's name is kept.
pub(crate) const USER: &str = "panoply.user";

/// For how many seconds a session was asked to outlast the browser.
pub(super) const REMEMBER: &str = "panoply.remember";

/// What one request knows of its session.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
pub(crate) struct State {
    pub(super) place: Place,
    /// Values that are to be set or taken out, other than those that the session has.
    pub(super) changes: LiteMap<Arc<str>, Option<Bytes>>,
    pub(super) user: UserChange,
    pub(super) cycle: bool,
    pub(super) touch: bool,
    pub(super) idle: Option<Duration>,
    pub(super) lifetime: Option<Duration>,
    /// The id that a commit was to bring which nobody has waited for: it may be the session's by now.
    pub(super) unsure: Option<SessionId>,
    /// What the browser is to be told.
    pub(super) out: Option<Out>,
    /// Whether the session had a part in the answer.
    pub(super) involved: bool,
    /// Whether more than a touch was committed.
    pub(super) modified: bool,
    /// Whether the store failed the last time.
    pub(super) failed: bool,
    /// Whether what was to be ended was not, for the store failed, and has not been since.
    pub(super) unended: super::finish::Unended,
    /// Of which session, and by which key, a commit found nothing any more.
    pub(super) missed: Option<(SessionFingerprint, SessionKey)>,
    /// Whether the handler is through.
    pub(super) closing: bool,
    /// Whether the client came by HTTPS.
    pub(super) https: bool,
}

/// The session of a request.
#[derive(Debug)]
pub(super) enum Place {
    /// There is none, and one may be made.
    None,
    /// The request came with this id, at which nobody has looked.
    Unread(SessionId),
    /// It is this.
    Live(Live),
    /// It was there, and the end of the request has changed it since: who looks asks the store.
    Behind(SessionId),
    /// There is none any more; another request of this client has the new one, or ended it. None is
    /// made but by a login.
    Closed,
}

/// A session that was loaded.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: SessionId,
    pub(super) key: SessionKey,
    pub(super) record: Arc<SessionRecord>,
    pub(super) now: Moment,
    pub(super) current: bool,
    /// Whether the end of the request has changed it since: who looks at it still asks the store.
    pub(super) behind: bool,
}

impl Live {
    /// How long ago something was when the session was loaded.
    pub(super) fn since(&self, then: Moment) -> Duration {
        self.now.since(then).unwrap_or(Duration::MAX)
    }
}

/// What the browser is to be told.
#[derive(Debug)]
pub(super) enum Out {
    Set {
        id: SessionId,
        max_age: Option<Duration>,
    },
    Delete,
}

impl State {
    pub(super) fn new(id: Option<SessionId>, https: bool) -> Self {
        Self {
            place: match id {
                Some(id) => Place::Unread(id),
                None => Place::None,
            },
            changes: LiteMap::new_vec(),
            user: UserChange::Keep,
            cycle: false,
            touch: false,
            idle: None,
            lifetime: None,
            unsure: None,
            out: None,
            involved: false,
            modified: false,
            failed: false,
            unended: super::finish::Unended::default(),
            missed: None,
            closing: false,
            https,
        }
    }

    /// Looks the session up, if nobody has.
    pub(super) async fn load(&mut self, shared: &Shared) -> Result<(), Error> {
        let Some(id) = self.unseen().cloned() else {
            return Ok(());
        };
        let was_there = matches!(self.place, Place::Live(_) | Place::Behind(_));
        self.load_by(id, shared).await?;
        self.settle_absence(was_there);
        Ok(())
    }

    /// The id of what has to be looked up.
    const fn unseen(&self) -> Option<&SessionId> {
        match &self.place {
            Place::Unread(id) | Place::Behind(id) => Some(id),
            Place::Live(live) if live.behind => Some(&live.id),
            _ => None,
        }
    }

    /// What was there and is no more was ended.
    fn settle_absence(&mut self, was_there: bool) {
        if was_there && matches!(self.place, Place::None) {
            self.place = Place::Closed;
        }
    }

    /// The same at once; none if that takes waiting.
    pub(super) fn load_now(&mut self, shared: &Shared) -> Option<Result<(), Error>> {
        let Some(id) = self.unseen() else {
            return Some(Ok(()));
        };
        let (loaded, key) = match &shared.kind {
            Kind::Stored(store) if store.answers_at_once() => {
                let key = id.key();
                match store.load_now(&key)? {
                    Ok(loaded) => (loaded, Some(key)),
                    Err(error) => return Some(Err(self.fail(error))),
                }
            }
            Kind::Stored(_) => return None,
            Kind::Sealed(sealed) => {
                let (loaded, again) = sealed.load(id);
                self.touch |= again;
                (loaded, None)
            }
        };
        match std::mem::replace(&mut self.place, Place::None) {
            Place::Unread(id) => self.found(id, key, loaded),
            Place::Live(Live { id, .. }) | Place::Behind(id) => {
                self.found(id, key, loaded);
                self.settle_absence(true);
            }
            other => self.place = other,
        }
        Some(Ok(()))
    }

    /// Looks the session up once more.
    pub(super) async fn reload(&mut self, shared: &Shared) -> Result<(), Error> {
        self.forget_changes();
        let id = match &self.place {
            Place::Unread(id) | Place::Behind(id) | Place::Live(Live { id, .. }) => id.clone(),
            Place::None | Place::Closed => return Ok(()),
        };
        let was_there = matches!(self.place, Place::Live(_) | Place::Behind(_));
        self.load_by(id, shared).await?;
        self.settle_absence(was_there);
        Ok(())
    }

    async fn load_by(&mut self, id: SessionId, shared: &Shared) -> Result<(), Error> {
        let (loaded, key) = match &shared.kind {
            Kind::Stored(store) => {
                let key = id.key();
                let loaded = store.load(&key).await;
                (loaded.map_err(|error| self.fail(error))?, Some(key))
            }
            Kind::Sealed(sealed) => {
                let (loaded, again) = sealed.load(&id);
                self.touch |= again;
                (loaded, None)
            }
        };
        self.found(id, key, loaded);
        Ok(())
    }

    /// Takes over what was found by an id.
    pub(super) fn found(&mut self, id: SessionId, key: Option<SessionKey>, loaded: Loaded) {
        self.failed = false;
        self.place = match loaded {
            Loaded::Live(LiveSession {
                record,
                now,
                current,
                ..
            }) => {
                self.involved = true;
                Place::Live(Live {
                    key: key.unwrap_or_else(|| record.key.clone()),
                    id,
                    record,
                    now,
                    current,
                    behind: false,
                })
            }
            Loaded::Replaced => Place::Closed,
            _ => Place::None,
        };
    }

    /// Looks the session up once more, and keeps what this request has changed.
    pub(super) async fn look_again(&mut self, shared: &Shared) -> Result<(), Error> {
        let Place::Live(live) = &self.place else {
            return Ok(());
        };
        let id = live.id.clone();
        self.load_by(id, shared).await?;
        if !matches!(self.place, Place::Live(_)) {
            self.place = Place::Closed;
            return Err(Error::Gone);
        }
        Ok(())
    }

    /// Takes over a value that was committed alone.
    pub(super) fn took(&mut self, name: &str, json: Bytes, stamp: SessionStamp) {
        self.modified = true;
        if let Place::Live(live) = &mut self.place {
            let record = Arc::make_mut(&mut live.record);
            record.values.set(name.into(), json);
            record.version = stamp.version;
            record.seen = stamp.now;
            live.now = stamp.now;
        }
    }

    /// Notes that the store failed.
    pub(super) fn fail(&mut self, error: StoreError) -> Error {
        self.failed = true;
        Error::store(error)
    }

    pub(super) fn record(&self) -> Option<&SessionRecord> {
        match &self.place {
            Place::Live(live) => Some(&live.record),
            _ => None,
        }
    }

    /// The value, as this request sees it.
    pub(super) fn value(&self, name: &str) -> Option<&Bytes> {
        match self.changes.get(name) {
            Some(change) => change.as_ref(),
            None => self.record()?.values.get(name),
        }
    }

    /// Sets a value or takes it out; nothing changes if it is so already.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<Bytes>,
        most: usize,
    ) -> Result<(), Error> {
        let kept = self.record().and_then(|record| record.values.entry(name));
        if kept.map(|(_, kept)| kept) == value.as_ref() {
            self.changes.remove(name);
            return Ok(());
        }
        let name: Arc<str> = kept.map_or_else(|| name.into(), |(name, _)| name.clone());
        let before = self.changes.insert(name.clone(), value);
        let (bytes, kept) = (self.bytes(), self.record().map_or(0, |r| r.values.bytes()));
        if bytes > most && bytes > kept {
            match before {
                Some(before) => self.changes.insert(name, before),
                None => self.changes.remove(&*name),
            };
            return Err(Error::TooLarge { bytes, most });
        }
        Ok(())
    }

    /// How large the session will be, as far as this request knows.
    fn bytes(&self) -> usize {
        let kept = self.record().map_or(0, |record| record.values.bytes());
        let changes = self
            .changes
            .iter()
            .fold((0, 0), |(more, less), (name, to)| {
                let earlier = self.record().and_then(|record| record.values.get(name));
                let size =
                    |value: Option<&Bytes>| value.map_or(0, |value| name.len() + value.len());
                (more + size(to.as_ref()), less + size(earlier))
            });
        (kept + changes.0).saturating_sub(changes.1)
    }

    /// Gives the session to a user, under a new id and for a new lifetime.
    pub(super) fn log_in(
        &mut self,
        user: UserKey,
        name: Bytes,
        shared: &Shared,
    ) -> Result<(), Error> {
        self.set(USER, Some(name.clone()), shared.settings.most_bytes)?;
        // Even if it stands there already: the session may be gone when this is committed, and
        // another one be made.
        self.changes.insert(USER.into(), Some(name));
        self.user = UserChange::Set {
            user,
            most: shared.settings.most_per_user,
        };
        self.cycle = true;
        if self.lifetime.is_none() {
            self.lifetime = Some(self.remembered().unwrap_or(shared.settings.lifetime));
        }
        Ok(())
    }

    /// Ends the session at once; what comes then is another one.
    pub(super) async fn destroy(&mut self, shared: &Shared) -> Result<(), Error> {
        self.forget_changes();
        let id = match &self.place {
            Place::Unread(id) | Place::Behind(id) | Place::Live(Live { id, .. }) => id.clone(),
            Place::None | Place::Closed => return Ok(()),
        };
        if let Kind::Stored(store) = &shared.kind {
            self.unended.own = true;
            let destroyed = store.destroy(Destroy::Key(&id.key())).await;
            self.ended(destroyed)?;
        }
        self.failed = false;
        self.involved = true;
        self.place = Place::None;
        self.out = Some(Out::Delete);
        Ok(())
    }

    /// For how long the session was asked to outlast the browser.
    pub(super) fn remembered(&self) -> Option<Duration> {
        let seconds = serde_json::from_slice(self.value(REMEMBER)?).ok()?;
        Some(Duration::from_secs(seconds))
    }

    pub(super) fn forget_changes(&mut self) {
        self.changes.clear();
        self.user = UserChange::Keep;
        self.cycle = false;
        self.touch = false;
        self.idle = None;
        self.lifetime = None;
    }
}

/// Whether a name is the layer's own.
pub(super) fn is_reserved(name: &str) -> bool {
    name.starts_with("panoply.")
}
