//! The store of sessions.

use std::fmt;

use panoply_core::{
    Committed, Destroy, Loaded, Reply, SessionChange, SessionFingerprint, SessionInfo, SessionKey,
    SessionSlot, SessionStore, StoreError, UserKey,
};
use panoply_store_memory::MemoryStore;

use super::cache::Cache;
use super::clerk::{Write, Written};
use super::desk::{Answer, Desk};
use super::reader::{Read, Seen};
use crate::SqliteStore;

/// Sessions in the file of a [`SqliteStore`], see [`SqliteStore::sessions`].
///
/// A load is answered from memory, or else by a thread that reads beside the one that writes. A
/// commit is answered when it is written: with all others that wait, in one transaction. Clones
/// share the sessions, and the file is open as long as one of them or of the counters' is there.
#[derive(Clone)]
pub struct SqliteSessionStore(SqliteStore);

/// What the store and its threads share.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(super) cache: Cache,
    pub(super) writes: Desk<Write, Written>,
    pub(super) reads: Desk<Read, Seen>,
    /// The clock of the file.
    pub(super) memory: MemoryStore,
}

impl Sessions {
    pub(crate) fn new(cache_bytes: usize, memory: MemoryStore) -> Self {
        Self {
            cache: Cache::new(cache_bytes),
            writes: Desk::new(),
            reads: Desk::new(),
            memory,
        }
    }

    /// Sends those away who have waited for too long; whether there were any.
    pub(crate) fn give_up(&self) -> bool {
        // Both, whatever the first says.
        self.writes.give_up() | self.reads.give_up()
    }

    /// Lets the thread that reads end.
    pub(crate) fn close_reader(&self) {
        self.reads.close();
    }
}

impl SqliteSessionStore {
    pub(crate) const fn new(store: SqliteStore) -> Self {
        Self(store)
    }

    /// About how many bytes the sessions in memory take, which are those that were wanted last.
    pub fn cached_bytes(&self) -> usize {
        self.shared().cache.bytes()
    }

    fn shared(&self) -> &Sessions {
        self.0.shared_sessions()
    }

    fn write(&self, write: Write) -> Result<Answer<Written>, StoreError> {
        let bytes = write.bytes();
        let answer = self.shared().writes.ask(write, bytes)?;
        self.0.call_writer();
        Ok(answer)
    }

    /// The session as it is in memory.
    fn cached(&self, key: &SessionKey) -> Option<Loaded> {
        let sessions = self.shared();
        let kept = sessions.cache.get(key.hash())?;
        let slot = SessionSlot::Live(kept.record);
        Some(slot.load(key, sessions.memory.moment()))
    }
}

impl SessionStore for SqliteSessionStore {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded> {
        if let Some(loaded) = self.cached(key) {
            return Reply::ready(Ok(loaded));
        }
        match self.shared().reads.ask(Read::Load(key.without_id()), 0) {
            Err(error) => Reply::ready(Err(error)),
            Ok(answer) => Reply::later(async move {
                match answer.come().await? {
                    Seen::Loaded(loaded) => Ok(loaded),
                    Seen::List(_) => Err(mistaken()),
                }
            }),
        }
    }

    fn commit<'a>(
        &'a self,
        key: &'a SessionKey,
        change: &'a SessionChange,
    ) -> Reply<'a, Committed> {
        match self.write(Write::Commit(key.without_id(), change.clone())) {
            Err(error) => Reply::ready(Err(error)),
            Ok(answer) => Reply::later(async move {
                match answer.come().await? {
                    Written::Committed(committed) => Ok(committed),
                    Written::Ended(_) => Err(mistaken()),
                }
            }),
        }
    }

    fn sessions<'a>(
        &'a self,
        user: &'a UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Reply<'a, Vec<SessionInfo>> {
        let user = *user;
        match self.shared().reads.ask(Read::List { user, after, most }, 0) {
            Err(error) => Reply::ready(Err(error)),
            Ok(answer) => Reply::later(async move {
                match answer.come().await? {
                    Seen::List(all) => Ok(all),
                    Seen::Loaded(_) => Err(mistaken()),
                }
            }),
        }
    }

    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize> {
        let write = match which {
            Destroy::Key(key) => Write::EndKey(key.without_id()),
            Destroy::One { user, fingerprint } => Write::EndOne(*user, fingerprint),
            Destroy::User { user, except } => {
                Write::EndAll(*user, except.map(SessionKey::without_id))
            }
            // An enum of the crate below may know more some day.
            _ => return Reply::ready(Err(StoreError::permanent("this cannot be destroyed"))),
        };
        match self.write(write) {
            Err(error) => Reply::ready(Err(error)),
            Ok(answer) => Reply::later(async move {
                match answer.come().await? {
                    Written::Ended(sessions) => Ok(sessions),
                    Written::Committed(_) => Err(mistaken()),
                }
            }),
        }
    }
}

impl fmt::Debug for SqliteSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSessionStore")
            .field("cached_bytes", &self.cached_bytes())
            .finish_non_exhaustive()
    }
}

/// An answer to another question, which no thread gives.
fn mistaken() -> StoreError {
    StoreError::permanent("the store of the sessions has answered another question")
}
