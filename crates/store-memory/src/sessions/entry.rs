//! One session, which all of its keys share.

use std::mem::size_of;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use panoply_core::{
    Committed, Loaded, Moment, SessionChange, SessionKey, SessionRecord, SessionSlot,
};

/// What all keys of a session lead to.
#[derive(Debug)]
pub(super) struct Entry {
    /// The shard by which its bytes are counted.
    pub(super) home: usize,
    held: RwLock<Held>,
}

/// What is kept of a session at the moment.
#[derive(Debug)]
pub(super) struct Held {
    slot: SessionSlot,
    /// The keys at which a tombstone stands; an index may still lead here by others.
    keys: Vec<SessionKey>,
    bytes: usize,
}

/// Who has to make room first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// A tombstone, or what is over.
    Nothing,
    /// Nobody's session, last seen then.
    Nobody(Moment),
    /// A user's, last seen then.
    User(Moment),
}

impl Entry {
    pub(super) fn new(home: usize, record: SessionRecord) -> Self {
        let mut held = Held::empty();
        held.put(record);
        Self {
            home,
            held: RwLock::new(held),
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    const fn empty() -> Self {
        Self {
            slot: SessionSlot::Tombstone {
                until: Moment::ZERO,
            },
            keys: Vec::new(),
            bytes: 0,
        }
    }

    /// What `key` leads to, if anything is here for it.
    pub(super) fn at(&self, key: &SessionKey, now: Moment) -> Option<&SessionSlot> {
        let here = match &self.slot {
            SessionSlot::Live(_) => true,
            _ => self.keys.contains(key),
        };
        Some(&self.slot).filter(|slot| here && slot.holds(key, now))
    }

    pub(super) fn load(&self, key: &SessionKey, now: Moment) -> Loaded {
        self.slot.load(key, now)
    }

    /// The session, if it is not over.
    pub(super) fn live(&self, now: Moment) -> Option<&Arc<SessionRecord>> {
        match &self.slot {
            SessionSlot::Live(record) if !record.is_over(now) => Some(record),
            _ => None,
        }
    }

    pub(super) fn worth(&self, now: Moment) -> Worth {
        match self.live(now) {
            None => Worth::Nothing,
            Some(record) if record.user.is_some() => Worth::User(record.seen),
            Some(record) => Worth::Nobody(record.seen),
        }
    }

    /// How many bytes are held.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps the session as it is now.
    pub(super) fn put(&mut self, record: SessionRecord) {
        self.bytes = size(&record);
        self.slot = SessionSlot::Live(Arc::new(record));
    }

    /// Changes the session where it lies, see [`SessionRecord::amend`].
    pub(super) fn amend(
        &mut self,
        key: &SessionKey,
        change: &SessionChange,
        now: Moment,
    ) -> Committed {
        let SessionSlot::Live(record) = &mut self.slot else {
            return Committed::Gone;
        };
        let committed = record.amend(key, change, now);
        if matches!(committed, Committed::Done(_)) {
            self.bytes = size(record);
        }
        committed
    }

    /// Ends the session, to be remembered for as long as it must be.
    pub(super) fn destroy(&mut self, now: Moment) {
        let Some(record) = self.live(now) else { return };
        let until = record.tombstone_end(now);
        self.keys = record.keys(now).cloned().collect();
        self.slot = SessionSlot::Tombstone { until };
        self.bytes = 0;
    }

    /// Leaves nothing.
    pub(super) fn forget(&mut self) {
        *self = Self::empty();
    }
}

/// About how many bytes a session takes, with its places in the maps.
fn size(record: &SessionRecord) -> usize {
    const PLACES: usize = 256;
    const VALUE: usize = 96;
    let own = size_of::<Entry>() + size_of::<SessionRecord>() + PLACES;
    let old = record.old_keys.len() * size_of::<panoply_core::OldKey>();
    own + old + record.values.len() * VALUE + record.values.bytes()
}
