//! The store: keys in shards, sessions behind them, users beside them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use panoply_core::{
    Clock, Committed, Destroy, Loaded, Moment, Reply, SessionChange, SessionFingerprint,
    SessionInfo, SessionKey, SessionRecord, SessionStamp, SessionStore, StoreError, UserChange,
    UserKey,
};

use super::MemorySessionStoreBuilder;
use super::entry::{Entry, Held};
use super::shard::{Keys, Shard, Shards};
use super::users::{Part, Users};

/// Sessions in the memory of this process; they end with it.
///
/// A read takes no lock that keeps another read waiting, and copies nothing. Clones share the
/// sessions.
///
/// # Bounds
///
/// When there is no room for one more session, or one grows, room is made where it belongs (one of
/// 16 parts, each with its share of [`max_sessions`](MemorySessionStoreBuilder::max_sessions) and
/// [`max_bytes`](MemorySessionStoreBuilder::max_bytes)): first what is over or was destroyed goes,
/// then sessions of nobody, then those of users, of each kind the one that was last seen longest
/// ago. So nobody is logged out by a flood of sessions for which nobody needs to log in.
#[derive(Clone)]
pub struct MemorySessionStore(Arc<Inner>);

struct Inner {
    shards: Shards,
    users: Users,
    clock: Arc<dyn Clock>,
    /// How many keys a shard may have, and how many bytes the sessions at home in it.
    most: (usize, usize),
}

// Locks are taken in this order: a part of the users, shards by their numbers, one entry. Nobody
// holds two entries.

impl MemorySessionStore {
    /// Settings other than the defaults.
    pub fn builder() -> MemorySessionStoreBuilder {
        MemorySessionStoreBuilder::default()
    }

    pub(super) fn new(settings: MemorySessionStoreBuilder) -> Self {
        let keys = settings.max_sessions.max(LEAST_SESSIONS) / Shards::COUNT;
        let bytes = settings.max_bytes.max(LEAST_BYTES) / Shards::COUNT;
        Self(Arc::new(Inner {
            shards: Shards::new(),
            users: Users::new(),
            clock: settings.clock,
            most: (keys, bytes),
        }))
    }

    /// How many keys are kept: those of sessions, old ones in their grace, and those of sessions
    /// that were destroyed; also what is over, until it is swept out.
    pub fn len(&self) -> usize {
        self.0.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes the sessions take.
    pub fn bytes(&self) -> usize {
        let bytes = |shard: &Shard| shard.bytes.load(Ordering::Relaxed);
        self.0.shards.iter().map(bytes).sum()
    }

    /// Drops what is over. Commits do so by themselves, each shard once a minute; call it where
    /// sessions may stop coming and memory is dear.
    pub fn sweep(&self) {
        let now = self.0.now();
        self.0.users.sweep(now);
        for shard in self.0.shards.iter() {
            self.0.shards.sweep(&mut shard.write(), now);
        }
    }
}

const LEAST_SESSIONS: usize = 256;
const LEAST_BYTES: usize = 4 * 1024 * 1024;

impl Inner {
    fn now(&self) -> Moment {
        // Zero is what has always been over, so time starts behind it.
        Moment::from_micros(1).after(Some(self.clock.monotonic()))
    }

    fn find(&self, key: &SessionKey) -> Option<Arc<Entry>> {
        let shard = self.shards.get(Shards::number(key))?;
        shard.read().get(key).cloned()
    }

    fn load(&self, key: &SessionKey) -> Loaded {
        let Some(shard) = self.shards.get(Shards::number(key)) else {
            return Loaded::Absent;
        };
        let keys = shard.read();
        let entry = keys.get(key);
        entry.map_or(Loaded::Absent, |entry| entry.read().load(key, self.now()))
    }

    fn commit(&self, key: &SessionKey, change: &SessionChange) -> Committed {
        let logs_in = matches!(change.new_user(), UserChange::Set { .. });
        if !change.creates() && change.new_key().is_none() && !logs_in {
            return self.amend(key, change);
        }
        let now = self.now();
        let (user, most) = match change.new_user() {
            UserChange::Set { user, most } => (Some(user), most),
            _ => (None, None),
        };
        let mut part = user.as_ref().and_then(|user| self.users.lock(user));
        let done = if change.creates() {
            self.make(key, change)
        } else {
            self.change(key, change, now)
        };
        let (entry, first_key, mut stamp) = match done {
            Ok(done) => done,
            Err(refused) => return refused,
        };
        if let (Some(user), Some(part)) = (user, &mut part) {
            part.add(user, *first_key.hash(), &entry, now);
            if let Some(most) = most {
                let most = usize::try_from(most.get()).unwrap_or(usize::MAX);
                stamp.evicted = self.end_surplus(part, user, first_key.fingerprint(), most, now);
            }
        }
        drop(part);
        self.tidy(&entry, now);
        Committed::Done(stamp)
    }

    /// Commits to a session that is there, where it lies.
    fn amend(&self, key: &SessionKey, change: &SessionChange) -> Committed {
        let Some(entry) = self.find(key) else {
            return Committed::Gone;
        };
        let mut held = entry.write();
        // Only now, so that of two commits the later one is the later one.
        let now = self.now();
        let before = held.bytes();
        let committed = held.amend(key, change, now);
        self.shards.count(entry.home, before, held.bytes());
        drop(held);
        if matches!(committed, Committed::Done(_)) {
            self.tidy(&entry, now);
        }
        committed
    }

    /// Commits to a session that is there, and may give it another key.
    fn change(
        &self,
        key: &SessionKey,
        change: &SessionChange,
        now: Moment,
    ) -> Result<Done, Committed> {
        let entry = self.find(key).ok_or(Committed::Gone)?;
        let cycle = change.new_key().filter(|cycle| !cycle.settles(key));
        let Some(cycle) = cycle else {
            let (first_key, stamp) = self.apply(&entry, key, change, false)?;
            return Ok((entry, first_key, stamp));
        };
        let shard = self.shards.get(Shards::number(cycle.to()));
        let mut keys = shard.ok_or(Committed::Gone)?.write();
        let known = keys.get(cycle.to());
        let taken = known.is_some_and(|other| other.read().at(cycle.to(), now).is_some());
        self.make_room(&mut keys, Some(&entry), now);
        let (first_key, stamp) = self.apply(&entry, key, change, taken)?;
        if stamp.cycled {
            keys.insert(cycle.to().without_id(), entry.clone());
        }
        drop(keys);
        Ok((entry, first_key, stamp))
    }

    /// Makes a session.
    fn make(&self, key: &SessionKey, change: &SessionChange) -> Result<Done, Committed> {
        let home = Shards::number(key);
        let mut keys = self.shards.get(home).ok_or(Committed::Gone)?.write();
        let now = self.now();
        let known = keys.get(key);
        let slot = known.and_then(|known| known.read().at(key, now).cloned());
        let (record, committed) = SessionRecord::apply(slot, key, change, false, now);
        let (Some(record), Committed::Done(stamp)) = (record, committed) else {
            return Err(committed);
        };
        self.make_room(&mut keys, None, now);
        let entry = Arc::new(Entry::new(home, record));
        self.shards.count(home, 0, entry.read().bytes());
        keys.insert(key.without_id(), entry.clone());
        drop(keys);
        Ok((entry, key.without_id(), stamp))
    }

    fn apply(
        &self,
        entry: &Entry,
        key: &SessionKey,
        change: &SessionChange,
        taken: bool,
    ) -> Result<(SessionKey, SessionStamp), Committed> {
        let mut held = entry.write();
        // Only now, so that of two commits the later one is the later one.
        let now = self.now();
        let (record, committed) =
            SessionRecord::apply(held.at(key, now).cloned(), key, change, taken, now);
        let (Some(record), Committed::Done(stamp)) = (record, committed) else {
            return Err(committed);
        };
        let first_key = record.first_key.clone();
        let before = held.bytes();
        held.put(record);
        self.shards.count(entry.home, before, held.bytes());
        drop(held);
        Ok((first_key, stamp))
    }

    /// Ends the sessions of a user that are too many, and says how many.
    fn end_surplus(
        &self,
        part: &Part,
        user: UserKey,
        own: SessionFingerprint,
        most: usize,
        now: Moment,
    ) -> usize {
        let all: Vec<(Arc<Entry>, Arc<SessionRecord>)> = part.of(user, None, now).collect();
        let since = |record: &SessionRecord| (record.user_since, record.fingerprint());
        let surplus =
            SessionRecord::too_many(all.iter().map(|(_, record)| since(record)), own, most);
        let of_surplus = all
            .iter()
            .filter(|(_, record)| surplus.contains(&record.fingerprint()));
        of_surplus
            .filter(|(entry, _)| self.end(&mut entry.write(), entry.home, &user, now))
            .count()
    }

    /// Ends a session if it is still the user's.
    fn end(&self, held: &mut Held, home: usize, user: &UserKey, now: Moment) -> bool {
        let record = held.live(now);
        if record.is_none_or(|record| record.user.as_ref() != Some(user)) {
            return false;
        }
        self.destroy(held, home, now);
        true
    }

    fn destroy(&self, held: &mut Held, home: usize, now: Moment) {
        let before = held.bytes();
        held.destroy(now);
        self.shards.count(home, before, held.bytes());
    }

    /// Sees to it that one more key fits in.
    fn make_room(&self, keys: &mut Keys, spared: Option<&Arc<Entry>>, now: Moment) {
        let (most, _) = self.most;
        if keys.len() >= most {
            self.shards
                .evict(keys, spared, now, |keys| keys.len() < most);
        }
    }

    /// Sees to it that what `entry` takes fits in, and sweeps where it is time.
    fn tidy(&self, entry: &Arc<Entry>, now: Moment) {
        let Some(home) = self.shards.get(entry.home) else {
            return;
        };
        let (_, most) = self.most;
        let fits = || home.bytes.load(Ordering::Relaxed) <= most;
        if !fits() {
            let mut keys = home.write();
            self.shards.evict(&mut keys, Some(entry), now, |_| fits());
        } else if home.is_due(now) {
            self.shards.sweep(&mut home.write(), now);
        }
    }

    fn end_all(&self, user: &UserKey, except: Option<&SessionKey>, now: Moment) -> usize {
        let Some(part) = self.users.lock(user) else {
            return 0;
        };
        let except = except.and_then(|key| match self.load(key) {
            Loaded::Live(live) => Some(live.record.fingerprint()),
            _ => None,
        });
        let others = part
            .of(*user, None, now)
            .filter(|(_, record)| Some(record.fingerprint()) != except);
        others
            .filter(|(entry, _)| self.end(&mut entry.write(), entry.home, user, now))
            .count()
    }
}

/// A commit that is done: where, under which first key, and how it stands.
type Done = (Arc<Entry>, SessionKey, SessionStamp);

impl Default for MemorySessionStore {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl fmt::Debug for MemorySessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessionStore")
            .field("keys", &self.len())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

impl SessionStore for MemorySessionStore {
    fn answers_at_once(&self) -> bool {
        true
    }

    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded> {
        Reply::ready(Ok(self.0.load(key)))
    }

    fn commit<'a>(
        &'a self,
        key: &'a SessionKey,
        change: &'a SessionChange,
    ) -> Reply<'a, Committed> {
        Reply::ready(Ok(self.0.commit(key, change)))
    }

    fn sessions<'a>(
        &'a self,
        user: &'a UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Reply<'a, Vec<SessionInfo>> {
        let now = self.0.now();
        let part = self.0.users.lock(user);
        let found = part.map(|part| {
            let sessions = part.of(*user, after, now).take(most);
            sessions
                .map(|(_, record)| SessionInfo::new(&record, now))
                .collect()
        });
        Reply::ready(Ok(found.unwrap_or_default()))
    }

    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize> {
        let (inner, now) = (&*self.0, self.0.now());
        let ended = match which {
            Destroy::Key(key) => inner.find(key).map_or(0, |entry| {
                let mut held = entry.write();
                let opens = matches!(held.load(key, now), Loaded::Live(_));
                if opens {
                    inner.destroy(&mut held, entry.home, now);
                }
                usize::from(opens)
            }),
            Destroy::One { user, fingerprint } => {
                let part = inner.users.lock(user);
                let ends = |(entry, record): &(Arc<Entry>, Arc<SessionRecord>)| {
                    record.fingerprint() == fingerprint
                        && inner.end(&mut entry.write(), entry.home, user, now)
                };
                part.map_or(0, |part| part.of(*user, None, now).filter(ends).count())
            }
            Destroy::User { user, except } => inner.end_all(user, except, now),
            // An enum of the crate below may know more some day.
            _ => return Reply::ready(Err(StoreError::permanent("this cannot be destroyed"))),
        };
        Reply::ready(Ok(ended))
    }
}
