//! The sessions of an Express app, as a store.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use panoply_core::{
    Clock, Committed, Destroy, LiveSession, Loaded, Moment, Reply, SessionChange, SessionDocuments,
    SessionFingerprint, SessionInfo, SessionKey, SessionRecord, SessionSlot, SessionStamp,
    SessionStore, StoreError, UserKey,
};

use super::document;

/// Sessions in the store of an Express app that runs beside.
///
/// Each change is put into what is there at that moment, and written only if nobody has written
/// meanwhile: what Express has changed is never overwritten. The other way round Express writes
/// whole sessions, and the last wins, as it does among its own requests.
pub(crate) struct ExpressStore {
    documents: Arc<dyn SessionDocuments>,
    /// How long a session lasts whose cookie has no `maxAge`.
    otherwise: Duration,
    clock: Arc<dyn Clock>,
}

/// How often a change is put into what is there; one of those at once is done each time.
const TRIES: usize = 1000;

impl ExpressStore {
    pub(crate) const fn new(
        documents: Arc<dyn SessionDocuments>,
        otherwise: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            documents,
            otherwise,
            clock,
        }
    }

    fn now(&self) -> Moment {
        let since = self.clock.wall().duration_since(UNIX_EPOCH);
        Moment::ZERO.after(Some(since.unwrap_or_default()))
    }

    async fn load_by(&self, key: &SessionKey) -> Result<Loaded, StoreError> {
        let Some(document) = self.documents.read(id(key)?).await? else {
            return Ok(Loaded::Absent);
        };
        let now = self.now();
        let record = document::read(&document, key, now, self.otherwise)?;
        if record.is_over(now) {
            return Ok(Loaded::Absent);
        }
        Ok(Loaded::Live(LiveSession::new(Arc::new(record), now, true)))
    }

    async fn commit_by(
        &self,
        key: &SessionKey,
        change: &SessionChange,
    ) -> Result<Committed, StoreError> {
        let own = id(key)?;
        let bare = change.new_key().is_none() && change.new_idle().is_none();
        let touches = change.is_touch() && bare && change.new_lifetime().is_none();
        for _ in 0..TRIES {
            // One that is to be made is not there, or is found to be when it is written.
            let found = if change.creates() {
                None
            } else {
                self.documents.read(own).await?
            };
            let now = self.now();
            let slot = match &found {
                Some(found) => {
                    let record = document::read(found, key, now, self.otherwise)?;
                    Some(SessionSlot::Live(Arc::new(record)))
                }
                None => None,
            };
            let (after, committed) = SessionRecord::apply(slot, key, change, false, now);
            let (Some(record), Committed::Done(stamp)) = (after, committed) else {
                return Ok(committed);
            };
            if touches {
                let lasts = document::lasts(&record, now, self.otherwise);
                if !self.documents.touch(own, lasts).await? {
                    return Ok(Committed::Gone);
                }
                let version = found.map_or(0, |found| document::version(&found.text));
                return Ok(done(stamp, version));
            }
            // Express knows one time for both: that of the cookie.
            let max_age = change.new_idle().filter(|_| !change.creates());
            let (text, lasts) = document::write(&record, max_age, now, self.otherwise)?;
            let done = done(stamp, document::version(&text));
            let before = found.as_ref().map(|found| found.text.as_str());
            let swap = |id, before, after| self.documents.swap(id, before, after);
            if !stamp.cycled {
                if swap(own, before, Some((&text, lasts))).await? {
                    return Ok(done);
                }
                if change.creates() {
                    return Ok(Committed::Taken);
                }
                continue;
            }
            let Some(cycle) = change.new_key() else {
                return Ok(Committed::Gone);
            };
            let new = id(cycle.to())?;
            if !swap(new, None, Some((&text, lasts))).await? {
                return Ok(Committed::Taken);
            }
            // The new one first: a crash between the two leaves the session.
            if swap(own, before, None).await? {
                return Ok(done);
            }
            self.documents.remove(new).await?;
        }
        Err(StoreError::transient(
            "others changed the session at every try",
        ))
    }
}

impl SessionStore for ExpressStore {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded> {
        Reply::later(self.load_by(key))
    }

    fn commit<'a>(
        &'a self,
        key: &'a SessionKey,
        change: &'a SessionChange,
    ) -> Reply<'a, Committed> {
        Reply::later(self.commit_by(key, change))
    }

    fn sessions<'a>(
        &'a self,
        _: &'a UserKey,
        _: Option<SessionFingerprint>,
        _: usize,
    ) -> Reply<'a, Vec<SessionInfo>> {
        Reply::ready(Err(cannot()))
    }

    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize> {
        let Destroy::Key(key) = which else {
            return Reply::ready(Err(cannot()));
        };
        Reply::later(async move { Ok(usize::from(self.documents.remove(id(key)?).await?)) })
    }
}

/// What is told of a commit: the version is one of the text.
const fn done(mut stamp: SessionStamp, version: u64) -> Committed {
    stamp.version = version;
    Committed::Done(stamp)
}

/// What Express's stores are not laid out for.
fn cannot() -> StoreError {
    StoreError::permanent("the sessions of Express can be neither listed nor ended by their user")
}

fn id(key: &SessionKey) -> Result<&str, StoreError> {
    key.id()
        .ok_or_else(|| StoreError::permanent("a session of Express is kept by its id"))
}

impl fmt::Debug for ExpressStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpressStore")
            .field("documents", &self.documents)
            .finish_non_exhaustive()
    }
}
