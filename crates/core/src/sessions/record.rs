//! What a commit means, for one session: the logic that every store follows.

use std::sync::Arc;
use std::time::Duration;

use crate::Moment;

use super::{
    Committed, Cycle, LiveSession, Loaded, SessionChange, SessionFingerprint, SessionKey,
    SessionStamp, SessionValues, UserChange, UserKey,
};

/// What a store keeps of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The values.
    pub values: SessionValues,
    /// Whose it is.
    pub user: Option<UserKey>,
    /// Since when it is the user's; meaningless without one.
    pub user_since: Moment,
    /// One, and one more with each commit that was more than a touch.
    pub version: u64,
    /// When it was made.
    pub created: Moment,
    /// When it was last committed to.
    pub seen: Moment,
    /// How long it lasts without a commit.
    pub idle: Duration,
    /// When it ends whatever happens.
    pub end: Moment,
    /// The key that it was made with, under which it is kept.
    pub first_key: SessionKey,
    /// The key that leads to it now.
    pub key: SessionKey,
    /// Since when that is so.
    pub key_since: Moment,
    /// Keys before it that are still known, the oldest first.
    pub old_keys: Vec<OldKey>,
}

/// A key that a session had before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OldKey {
    /// The key.
    pub key: SessionKey,
    /// Until when it is known.
    pub until: Moment,
    /// Whether it leads to the session; else it is only known to have been replaced.
    pub opens: bool,
}

impl OldKey {
    /// A key that is known until then.
    pub const fn new(key: SessionKey, until: Moment, opens: bool) -> Self {
        Self { key, until, opens }
    }
}

/// What is at a key: a session, or what is left of one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionSlot {
    /// A session, be it over or not.
    Live(Arc<SessionRecord>),
    /// One was destroyed, which is remembered until then.
    Tombstone {
        /// Until when.
        until: Moment,
    },
}

impl SessionSlot {
    /// What `key` leads to at `now`, this being what is kept at it.
    pub fn load(&self, key: &SessionKey, now: Moment) -> Loaded {
        let Self::Live(record) = self else {
            return Loaded::Absent;
        };
        if record.is_over(now) {
            return Loaded::Absent;
        }
        match record.way(key, now) {
            Way::Current => Loaded::Live(LiveSession::new(record.clone(), now, true)),
            Way::Old => Loaded::Live(LiveSession::new(record.clone(), now, false)),
            Way::Replaced => Loaded::Replaced,
            Way::None => Loaded::Absent,
        }
    }

    /// Whether `key` leads here in any way at `now`, so that no new session may have it. What does
    /// not can be forgotten.
    pub fn holds(&self, key: &SessionKey, now: Moment) -> bool {
        match self {
            Self::Live(record) => !record.is_over(now) && record.knows(key, now),
            Self::Tombstone { until } => *until > now,
        }
    }
}

/// How a key leads to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Current,
    Old,
    Replaced,
    None,
}

impl SessionRecord {
    /// How many old keys are known at most.
    pub const MOST_OLD_KEYS: usize = 8;

    /// The longest time for which a tombstone is kept; no write is on its way for longer.
    pub const MOST_TOMBSTONE: Duration = Duration::from_hours(24);

    /// A session that is made at `now`, empty, of no time.
    pub fn new(key: &SessionKey, now: Moment) -> Self {
        let key = key.without_id();
        Self {
            values: SessionValues::new(),
            user: None,
            user_since: now,
            version: 1,
            created: now,
            seen: now,
            idle: Duration::ZERO,
            end: now,
            first_key: key.clone(),
            key,
            key_since: now,
            old_keys: Vec::new(),
        }
    }

    /// What it is called, whatever its key is now.
    pub const fn fingerprint(&self) -> SessionFingerprint {
        self.first_key.fingerprint()
    }

    /// When it ends if nobody comes.
    pub fn idle_end(&self) -> Moment {
        self.seen.after(Some(self.idle)).min(self.end)
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Moment) -> bool {
        self.idle_end() <= now
    }

    /// Until when it is remembered that this session was destroyed, when that is `now`: until its
    /// end, for a [day](Self::MOST_TOMBSTONE) at most.
    pub fn tombstone_end(&self, now: Moment) -> Moment {
        self.end.min(now.after(Some(Self::MOST_TOMBSTONE)))
    }

    /// Whether the session has a key that nobody has come by yet, as far as is known at `now`: an older
    /// one still opens it for longer than `grace`. See [`Cycle::settle`].
    pub fn is_unsettled(&self, grace: Duration, now: Moment) -> bool {
        let soon = now.after(Some(grace));
        self.old_keys
            .iter()
            .any(|old| old.opens && old.until > soon)
    }

    /// Whether a client that comes by `key` at `now` has not got the current one, which is `grace` old and
    /// was never seen: the answer with it was lost. See [`Cycle::renew`].
    pub fn has_lost(&self, key: &SessionKey, grace: Duration, now: Moment) -> bool {
        let soon = now.after(Some(grace));
        let opens = |old: &OldKey| old.key == *key && old.opens && old.until > soon;
        let age = now.since(self.key_since);
        self.key != *key && age.is_some_and(|age| age >= grace) && self.old_keys.iter().any(opens)
    }

    /// Every key that leads here at `now` in any way.
    pub fn keys(&self, now: Moment) -> impl Iterator<Item = &SessionKey> {
        // The first key stays taken even when it opens nothing: the session is kept under it.
        let first = &self.first_key;
        let old = self.old_keys.iter().filter(move |old| old.until > now);
        let others = std::iter::once(&self.key).chain(old.map(|old| &old.key));
        std::iter::once(first).chain(others.filter(move |key| *key != first))
    }

    /// What `change`, coming by `key` at `now`, makes of what is kept at that key: the session
    /// afterwards, if anything is written, and what is answered.
    ///
    /// `taken` says whether the change's new key leads somewhere already. Which other sessions of
    /// the user have to go is not known here: the store finds them by [`too_many`](Self::too_many)
    /// and adds them to [`SessionStamp::evicted`]. A session that nobody else holds is not copied.
    pub fn apply(
        before: Option<SessionSlot>,
        key: &SessionKey,
        change: &SessionChange,
        taken: bool,
        now: Moment,
    ) -> (Option<Self>, Committed) {
        let found = before.filter(|slot| slot.holds(key, now));
        let record = match (found, change.creates()) {
            (None, true) => Arc::new(Self::new(key, now)),
            (Some(SessionSlot::Live(_)), true) => return (None, Committed::Taken),
            (Some(SessionSlot::Live(record)), false) if record.opens_to(key, now) => record,
            _ => return (None, Committed::Gone),
        };
        if let Some(refused) = record.refuses(change) {
            return (None, refused);
        }
        let asked = change.new_key().filter(|_| !change.creates());
        let settles = asked.filter(|cycle| cycle.settles(key));
        let settles = settles.filter(|_| record.key == *key);
        let cycle = asked.filter(|cycle| record.takes(cycle, key, now));
        if cycle.is_some() && taken {
            return (None, Committed::Taken);
        }
        let mut record = Arc::unwrap_or_clone(record);
        record.take_over(change, now);
        if let Some(cycle) = cycle {
            record.cycle(cycle, key, now);
        } else if let Some(settles) = settles {
            record.shorten(settles.grace(), now);
        }
        let stamp = SessionStamp::new(&record, now, cycle.is_some(), 0);
        (Some(record), Committed::Done(stamp))
    }

    /// The same where the session lies, for a change that neither makes it nor gives it another key;
    /// it is copied only while somebody else holds it. Nothing is changed unless it is done.
    pub fn amend(
        self: &mut Arc<Self>,
        key: &SessionKey,
        change: &SessionChange,
        now: Moment,
    ) -> Committed {
        let other = change.creates() || change.new_key().is_some();
        if other || self.is_over(now) || !self.opens_to(key, now) {
            return Committed::Gone;
        }
        if let Some(refused) = self.refuses(change) {
            return refused;
        }
        let record = Arc::make_mut(self);
        record.take_over(change, now);
        Committed::Done(SessionStamp::new(record, now, false, 0))
    }

    /// Why a change cannot be made to the session as it is, if it cannot.
    fn refuses(&self, change: &SessionChange) -> Option<Committed> {
        let expected = change.expected_version().filter(|_| !change.creates());
        if expected.is_some_and(|version| version != self.version) {
            return Some(Committed::Stale);
        }
        let before = self.values.bytes();
        let after = self.values.bytes_after(change.values());
        (after > change.limit() && after > before).then_some(Committed::TooLarge { bytes: after })
    }

    /// Takes over what changes, but for the key.
    fn take_over(&mut self, change: &SessionChange, now: Moment) {
        for (name, value) in change.values() {
            match value {
                Some(value) => self.values.set(name.clone(), value.clone()),
                None => drop(self.values.remove(name)),
            }
        }
        match change.new_user() {
            UserChange::Keep => {}
            UserChange::Set { user, .. } => {
                self.user = Some(user);
                self.user_since = now;
            }
            UserChange::Clear => self.user = None,
        }
        if !change.creates() && !change.is_touch() {
            self.version = self.version.saturating_add(1);
        }
        self.seen = now;
        if let Some(idle) = change.new_idle() {
            self.idle = idle;
        }
        if let Some(lifetime) = change.new_lifetime() {
            self.end = now.after(Some(lifetime));
        }
    }

    /// Which of a user's sessions are too many, when `most` may stay and the one called `own` is
    /// one of them: those that are the user's for longest.
    ///
    /// `all` names the user's sessions that are not over, with the moment since which they are the
    /// user's. They may come in any order, `own` among them or not.
    pub fn too_many(
        all: impl IntoIterator<Item = (Moment, SessionFingerprint)>,
        own: SessionFingerprint,
        most: usize,
    ) -> Vec<SessionFingerprint> {
        let others = all.into_iter().filter(|(_, other)| *other != own);
        let mut others: Vec<(Moment, SessionFingerprint)> = others.collect();
        let surplus = (others.len() + 1).saturating_sub(most.max(1));
        others.sort_unstable();
        others.truncate(surplus);
        others.into_iter().map(|(_, other)| other).collect()
    }

    /// Whether a cycle that comes by `key` is done, or left out.
    fn takes(&self, cycle: &Cycle, key: &SessionKey, now: Moment) -> bool {
        let renews = || self.key == *key || self.has_lost(key, cycle.grace(), now);
        !cycle.keeps_old() || (!cycle.settles(key) && renews())
    }

    fn cycle(&mut self, cycle: &Cycle, by: &SessionKey, now: Moment) {
        let (grace, opens) = (cycle.grace(), cycle.keeps_old());
        let is_lost = opens && self.key != *by;
        if !is_lost {
            self.shorten(grace, now);
        }
        self.old_keys.retain(|old| old.until > now);
        for old in &mut self.old_keys {
            old.opens &= opens;
        }
        let old = std::mem::replace(&mut self.key, cycle.to().without_id());
        let soon = now.after(Some(grace));
        let until = if opens && soon > now { self.end } else { soon };
        if until > now {
            self.old_keys.push(OldKey::new(old, until, opens));
        }
        if is_lost {
            // Stable: the one that the client has comes last, and is the last to be forgotten.
            self.old_keys.sort_by_key(|old| old.key == *by);
        }
        let surplus = self.old_keys.len().saturating_sub(Self::MOST_OLD_KEYS);
        self.old_keys.drain(..surplus);
        self.key_since = now;
    }

    /// Lets no old key be known for longer than `grace` from now on.
    fn shorten(&mut self, grace: Duration, now: Moment) {
        let soon = now.after(Some(grace));
        for old in &mut self.old_keys {
            old.until = old.until.min(soon);
        }
    }

    fn way(&self, key: &SessionKey, now: Moment) -> Way {
        if self.key == *key {
            return Way::Current;
        }
        let known = |old: &&OldKey| old.key == *key && old.until > now;
        match self.old_keys.iter().find(known) {
            Some(old) if old.opens => Way::Old,
            Some(_) => Way::Replaced,
            None => Way::None,
        }
    }

    fn opens_to(&self, key: &SessionKey, now: Moment) -> bool {
        matches!(self.way(key, now), Way::Current | Way::Old)
    }

    fn knows(&self, key: &SessionKey, now: Moment) -> bool {
        self.first_key == *key || self.way(key, now) != Way::None
    }
}
