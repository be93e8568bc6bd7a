//! One transaction on the sessions: several commits, one after another.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use panoply_core::{
    Committed, Cycle, Loaded, Moment, SessionChange, SessionFingerprint, SessionKey, SessionRecord,
    SessionSlot, SessionStamp, UserChange, UserKey,
};
use rusqlite::Connection;

use super::blob::bytes_of;
use super::cache::{Cache, Hash, Kept};
use super::rows::{self, At, Totals, Trouble};

/// What a transaction has done to the sessions so far.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    pub(super) conn: &'a Connection,
    cache: &'a Cache,
    next_id: i64,
    pub(super) totals: Totals,
    /// Sessions as they are now; none for those that are no more.
    sessions: HashMap<i64, Option<Arc<SessionRecord>>>,
    /// All keys of theirs, before and after: here the cache is no longer right.
    keys: HashSet<Hash>,
}

/// What was found at a key.
#[derive(Debug)]
struct Found {
    slot: SessionSlot,
    /// The number of the session, if it is one.
    id: Option<i64>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(
        conn: &'a Connection,
        cache: &'a Cache,
        next_id: i64,
        totals: Totals,
    ) -> Self {
        Self {
            conn,
            cache,
            next_id,
            totals,
            sessions: HashMap::new(),
            keys: HashSet::new(),
        }
    }

    /// The number that the next new session gets.
    pub(super) const fn next_id(&self) -> i64 {
        self.next_id
    }

    /// Every key whose meaning may have changed.
    pub(super) const fn keys(&self) -> &HashSet<Hash> {
        &self.keys
    }

    /// The sessions that have changed and are still there.
    pub(super) fn kept(&self) -> impl Iterator<Item = Kept> {
        self.sessions.iter().filter_map(|(id, record)| {
            let record = record.clone()?;
            Some(Kept { id: *id, record })
        })
    }

    pub(super) fn commit(
        &mut self,
        key: &SessionKey,
        change: &SessionChange,
        now: Moment,
    ) -> Result<Committed, Trouble> {
        let found = self.find(key)?;
        let (mut taken, mut over_tombstone) = (false, false);
        if let Some(to) = change.new_key().map(Cycle::to)
            && let Some(found) = self.find(to)?
        {
            taken = found.slot.holds(to, now);
            over_tombstone = found.id.is_none();
        }
        let slot = found.as_ref().map(|found| found.slot.clone());
        let (record, committed) = SessionRecord::apply(slot, key, change, taken, now);
        let (Some(record), Committed::Done(mut stamp)) = (record, committed) else {
            return Ok(committed);
        };
        let record = Arc::new(record);
        match found {
            Some(found) if !change.creates() => {
                self.update(&found, &record, change)?;
                // One that is over, at the key that is new.
                self.totals.held -= i64::from(stamp.cycled && over_tombstone);
            }
            found => self.insert(found, &record, now)?,
        }
        if let UserChange::Set {
            user,
            most: Some(most),
        } = change.new_user()
        {
            let most = usize::try_from(most.get()).unwrap_or(usize::MAX);
            self.end_surplus(&user, &record, most, now, &mut stamp)?;
        }
        Ok(Committed::Done(stamp))
    }

    /// Ends the session that a key opens.
    pub(super) fn end_by_key(&mut self, key: &SessionKey, now: Moment) -> Result<usize, Trouble> {
        let found = self.find(key)?;
        match found {
            Some(Found { slot, id: Some(id) })
                if matches!(slot.load(key, now), Loaded::Live(_)) =>
            {
                self.end(id, now)
            }
            _ => Ok(0),
        }
    }

    /// Ends the sessions of a user's that are `wanted`.
    pub(super) fn end_of_user(
        &mut self,
        user: &UserKey,
        now: Moment,
        wanted: impl Fn(SessionFingerprint) -> bool,
    ) -> Result<usize, Trouble> {
        let mut ended = 0;
        for owned in rows::of_user(self.conn, user, now)? {
            if wanted(owned.fingerprint) {
                ended += self.end_if_whole(owned.id, now)?;
            }
        }
        Ok(ended)
    }

    /// What the session is called that a key opens.
    pub(super) fn name_of(
        &self,
        key: &SessionKey,
        now: Moment,
    ) -> Result<Option<SessionFingerprint>, Trouble> {
        let found = self.find(key)?;
        Ok(found.and_then(|found| match found.slot.load(key, now) {
            Loaded::Live(live) => Some(live.record.fingerprint()),
            _ => None,
        }))
    }

    /// Whether a session was changed here.
    pub(super) fn has_changed(&self, id: i64) -> bool {
        self.sessions.contains_key(&id)
    }

    fn find(&self, key: &SessionKey) -> Result<Option<Found>, Trouble> {
        let hash = key.hash();
        let live = |id, record| Found {
            slot: SessionSlot::Live(record),
            id: Some(id),
        };
        if !self.keys.contains(hash)
            && let Some(kept) = self.cache.get(hash)
        {
            return Ok(Some(live(kept.id, kept.record)));
        }
        match rows::at(self.conn, hash)? {
            At::Nothing => Ok(None),
            At::Tombstone(until) => Ok(Some(Found {
                slot: SessionSlot::Tombstone { until },
                id: None,
            })),
            At::Session(id) => {
                let record = match self.sessions.get(&id) {
                    Some(record) => record.clone(),
                    None => rows::read(self.conn, id)?.map(Arc::new),
                };
                Ok(record.map(|record| live(id, record)))
            }
        }
    }

    /// A session, perhaps without its values.
    pub(super) fn bare(&self, id: i64) -> Result<Option<Arc<SessionRecord>>, Trouble> {
        match self.sessions.get(&id) {
            Some(record) => Ok(record.clone()),
            None => Ok(rows::read_bare(self.conn, id)?.map(Arc::new)),
        }
    }

    fn insert(
        &mut self,
        found: Option<Found>,
        record: &Arc<SessionRecord>,
        now: Moment,
    ) -> Result<(), Trouble> {
        let id = self.next_id;
        self.totals.bytes += rows::put_values(self.conn, id, &record.values)?;
        match found {
            Some(Found {
                slot: SessionSlot::Live(over),
                id: Some(over_id),
            }) if over.is_over(now) => self.forget(over_id, &over)?,
            Some(Found { id: None, .. }) => self.totals.held -= 1,
            _ => {}
        }
        rows::put(self.conn, id, record, true)?;
        rows::put_key(self.conn, record.first_key.hash(), id)?;
        self.totals.held += 1;
        self.next_id += 1;
        self.note(record);
        self.sessions.insert(id, Some(record.clone()));
        Ok(())
    }

    fn update(
        &mut self,
        found: &Found,
        record: &Arc<SessionRecord>,
        change: &SessionChange,
    ) -> Result<(), Trouble> {
        let (SessionSlot::Live(before), Some(id)) = (&found.slot, found.id) else {
            return Err(Trouble::Damaged);
        };
        if change.values().next().is_some() {
            let bytes = rows::put_values(self.conn, id, &record.values)?;
            self.totals.bytes += bytes - bytes_of(&before.values);
        }
        rows::put(self.conn, id, record, false)?;
        if before.key != record.key {
            rows::put_key(self.conn, record.key.hash(), id)?;
            for key in all_keys(before) {
                if !all_keys(record).any(|known| known == key) {
                    rows::free_key(self.conn, key, id)?;
                }
            }
        }
        self.note(before);
        self.note(record);
        self.sessions.insert(id, Some(record.clone()));
        Ok(())
    }

    fn end_surplus(
        &mut self,
        user: &UserKey,
        own: &SessionRecord,
        most: usize,
        now: Moment,
        stamp: &mut SessionStamp,
    ) -> Result<(), Trouble> {
        let all = rows::of_user(self.conn, user, now)?;
        let since = all.iter().map(|owned| (owned.since, owned.fingerprint));
        let surplus = SessionRecord::too_many(since, own.fingerprint(), most);
        if surplus.is_empty() {
            return Ok(());
        }
        for owned in all {
            if surplus.contains(&owned.fingerprint) {
                stamp.evicted += self.end_if_whole(owned.id, now)?;
            }
        }
        Ok(())
    }

    /// Ends a session; one whose row is damaged can be used by nobody anyway.
    fn end_if_whole(&mut self, id: i64, now: Moment) -> Result<usize, Trouble> {
        match self.end(id, now) {
            Err(Trouble::Damaged) => Ok(0),
            other => other,
        }
    }

    /// Ends a session, and leaves tombstones at its keys.
    fn end(&mut self, id: i64, now: Moment) -> Result<usize, Trouble> {
        let Some(record) = self.bare(id)? else {
            return Ok(0);
        };
        let until = record.tombstone_end(now);
        for key in record.keys(now) {
            self.totals.held += rows::bury(self.conn, key.hash(), id, until)?;
        }
        self.forget(id, &record)?;
        Ok(1)
    }

    /// Deletes a session and the keys that lead to it.
    pub(super) fn forget(&mut self, id: i64, record: &SessionRecord) -> Result<(), Trouble> {
        for key in all_keys(record) {
            rows::free_key(self.conn, key, id)?;
        }
        self.note(record);
        self.delete(id)
    }

    /// Deletes a session of which nothing is known.
    pub(super) fn delete(&mut self, id: i64) -> Result<(), Trouble> {
        let (sessions, bytes) = rows::delete(self.conn, id)?;
        self.totals.held -= sessions;
        self.totals.bytes -= bytes;
        self.sessions.insert(id, None);
        Ok(())
    }

    fn note(&mut self, record: &SessionRecord) {
        self.keys.extend(all_keys(record));
    }
}

/// Every key that a session has had and still knows, in its grace or not.
fn all_keys(record: &SessionRecord) -> impl Iterator<Item = &Hash> {
    let own = [&record.first_key, &record.key];
    let old = record.old_keys.iter().map(|old| &old.key);
    own.into_iter().chain(old).map(SessionKey::hash)
}
