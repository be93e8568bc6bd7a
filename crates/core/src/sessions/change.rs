//! What is done to a session.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use litemap::LiteMap;

use super::{SessionKey, UserKey};

/// What one commit changes, and nothing else: two that change different values both survive.
///
/// Without any call it is a touch: the session is seen now, and its idle time starts over.
///
/// ```
/// use std::time::Duration;
/// use panoply_core::SessionChange;
///
/// let first = SessionChange::create(Duration::from_secs(1800), Duration::from_secs(43_200))
///     .set("cart", "[1,2]");
/// assert!(first.creates());
/// let later = SessionChange::new().set("theme", "\"dark\"").remove("cart");
/// assert!(!later.is_touch());
/// assert!(SessionChange::new().is_touch());
/// ```
#[derive(Clone)]
pub struct SessionChange {
    create: bool,
    idle: Option<Duration>,
    lifetime: Option<Duration>,
    values: LiteMap<Arc<str>, Option<Bytes>>,
    user: UserChange,
    cycle: Option<Cycle>,
    if_version: Option<u64>,
    most_bytes: usize,
}

impl SessionChange {
    /// How large a session may be unless it is said: 64 KiB.
    pub const MOST_BYTES: usize = 64 * 1024;

    /// The longest time that a session can be given, a hundred years: beyond it a number of
    /// microseconds since 1970 is no longer exact in every language that a store speaks.
    pub const MOST_TIME: Duration = Duration::from_hours(100 * 365 * 24);

    /// A touch, to which more is added.
    pub const fn new() -> Self {
        Self {
            create: false,
            idle: None,
            lifetime: None,
            values: LiteMap::new_vec(),
            user: UserChange::Keep,
            cycle: None,
            if_version: None,
            most_bytes: Self::MOST_BYTES,
        }
    }

    /// Makes the session, which must not be there yet. It ends after `idle` without a commit, and
    /// after `lifetime` whatever happens.
    pub fn create(idle: Duration, lifetime: Duration) -> Self {
        let mut change = Self::new().idle(idle).lifetime(lifetime);
        change.create = true;
        change
    }

    /// The idle time from now on. Without it the session keeps the one that it has, so that a touch
    /// in flight does not undo what another request has set.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(whole(idle));
        self
    }

    /// Ends the session this long from now, whatever happens, in place of the end that it had.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(whole(lifetime));
        self
    }

    /// Sets a value.
    #[must_use]
    pub fn set(mut self, name: impl Into<Arc<str>>, value: impl Into<Bytes>) -> Self {
        self.values.insert(name.into(), Some(value.into()));
        self
    }

    /// Takes a value out; one that is not there stays so.
    #[must_use]
    pub fn remove(mut self, name: impl Into<Arc<str>>) -> Self {
        self.values.insert(name.into(), None);
        self
    }

    /// Whose session it becomes, or that it is nobody's any more.
    #[must_use]
    pub const fn user(mut self, user: UserChange) -> Self {
        self.user = user;
        self
    }

    /// Gives the session another key.
    #[must_use]
    pub fn cycle(mut self, cycle: Cycle) -> Self {
        self.cycle = Some(cycle);
        self
    }

    /// Only if nobody has changed the session since it was at this version. For a value that is
    /// made of its earlier self; without it, changes are merged.
    #[must_use]
    pub const fn if_version(mut self, version: u64) -> Self {
        self.if_version = Some(version);
        self
    }

    /// How large the session may become, [`MOST_BYTES`](Self::MOST_BYTES) by default, counted as
    /// [`SessionValues::bytes`](crate::SessionValues::bytes) does.
    #[must_use]
    pub const fn most_bytes(mut self, bytes: usize) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// Whether it makes the session.
    pub const fn creates(&self) -> bool {
        self.create
    }

    /// Whether neither values nor the user change, whatever becomes of times and keys. Then the
    /// version stays.
    pub fn is_touch(&self) -> bool {
        self.values.is_empty() && matches!(self.user, UserChange::Keep)
    }

    /// The idle time from now on, in whole microseconds, if it changes.
    pub const fn new_idle(&self) -> Option<Duration> {
        self.idle
    }

    /// How long until the session ends, in whole microseconds, if that changes.
    pub const fn new_lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// The values that change, in the order of their names' bytes; none is taken out.
    pub fn values(&self) -> impl Iterator<Item = (&Arc<str>, Option<&Bytes>)> {
        self.values
            .iter()
            .map(|(name, value)| (name, value.as_ref()))
    }

    /// What becomes of the user.
    pub const fn new_user(&self) -> UserChange {
        self.user
    }

    /// The other key.
    pub const fn new_key(&self) -> Option<&Cycle> {
        self.cycle.as_ref()
    }

    /// The version at which the session must be.
    pub const fn expected_version(&self) -> Option<u64> {
        self.if_version
    }

    /// How large the session may become.
    pub const fn limit(&self) -> usize {
        self.most_bytes
    }
}

/// A time as every store can keep it.
fn whole(time: Duration) -> Duration {
    let time = time.min(SessionChange::MOST_TIME);
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros)
}

impl Default for SessionChange {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SessionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionChange")
            .field("create", &self.create)
            .field("values", &self.values.len())
            .field("user", &self.user)
            .field("cycle", &self.cycle)
            .finish_non_exhaustive()
    }
}

/// What a commit makes of a session's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UserChange {
    /// Nothing.
    #[default]
    Keep,
    /// The session is this user's since now, even if it was so before.
    Set {
        /// The user.
        user: UserKey,
        /// How many sessions the user may have with this one. The others that are the user's for
        /// longest are destroyed in the same step; never this one. None means as many as there are.
        most: Option<NonZeroU32>,
    },
    /// The session is nobody's.
    Clear,
}

/// Another key for the same session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    to: SessionKey,
    grace: Duration,
    opens: bool,
}

impl Cycle {
    /// A new key because the old one is of some age.
    ///
    /// The old key leads to the session too, until somebody has come by the new one and said so
    /// ([`settle`](Self::settle)), and for `grace` after that: requests are on their way, and the answer
    /// that brings the new key may be lost. With a `grace` of zero it ends at once.
    ///
    /// The current key is renewed: of two that try at once the later one comes by a key that is old
    /// by then, its other changes are done, and the new key is not taken, since the client is about
    /// to get the first one's. An old key is renewed only when the answer with the current one was lost
    /// ([`SessionRecord::has_lost`](crate::SessionRecord::has_lost)): `grace` has passed since, and nobody
    /// has come by it. The current one then leads to the session as the old one does, for its answer may
    /// still arrive.
    pub fn renew(to: SessionKey, grace: Duration) -> Self {
        Self {
            to,
            grace: whole(grace),
            opens: true,
        }
    }

    /// No new key: the client has come by `current`, so the keys before it lead to the session for
    /// `grace` from now on and no longer.
    ///
    /// It is a [`renew`](Self::renew) to the key by which the commit comes. By a key that is the current
    /// one no more nothing comes of it, and the rest of the commit is done.
    pub fn settle(current: SessionKey, grace: Duration) -> Self {
        Self::renew(current, grace)
    }

    /// A new key because the session may do more than before, as after a login.
    ///
    /// Every other key stops leading to the session at once: somebody may have planted it. For
    /// `grace` it is known as replaced ([`Loaded::Replaced`](crate::Loaded::Replaced)), so that a
    /// request on its way with it is not given a session of its own, whose cookie would take the
    /// place of the new one.
    pub fn replace(to: SessionKey, grace: Duration) -> Self {
        Self {
            to,
            grace: whole(grace),
            opens: false,
        }
    }

    /// The new key.
    pub const fn to(&self) -> &SessionKey {
        &self.to
    }

    /// How long the old key is known, in whole microseconds.
    pub const fn grace(&self) -> Duration {
        self.grace
    }

    /// Whether it [settles](Self::settle) the key by which the commit comes.
    pub fn settles(&self, key: &SessionKey) -> bool {
        self.opens && self.to == *key
    }

    /// Whether the old key leads to the session meanwhile: it is a [`renew`](Self::renew).
    pub const fn keeps_old(&self) -> bool {
        self.opens
    }
}
