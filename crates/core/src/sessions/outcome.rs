//! What a store answers.

use std::sync::Arc;
use std::time::Duration;

use crate::Moment;

use super::{SessionFingerprint, SessionKey, SessionRecord, UserKey};

/// What a key leads to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Loaded {
    /// A session.
    Live(LiveSession),
    /// Nothing any more: a privilege change has given the session another key a moment ago, see
    /// [`Cycle::replace`](crate::Cycle::replace).
    Replaced,
    /// Nothing: there never was a session, it is over, or it was destroyed.
    Absent,
}

/// A session as it was at one moment by the store's clock.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LiveSession {
    /// The session.
    pub record: Arc<SessionRecord>,
    /// When that was.
    pub now: Moment,
    /// Whether the key is the session's own; else it is an old one in its grace.
    pub current: bool,
}

impl LiveSession {
    /// A session as it is `now`.
    pub const fn new(record: Arc<SessionRecord>, now: Moment, current: bool) -> Self {
        Self {
            record,
            now,
            current,
        }
    }
}

/// What came of a commit. But for [`Done`](Self::Done), nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Committed {
    /// All of it is done.
    Done(SessionStamp),
    /// The key leads to no session, and none was to be made, or one of this key was destroyed.
    Gone,
    /// The session has been changed since the version that was expected.
    Stale,
    /// The key that was to be new leads somewhere already.
    Taken,
    /// The session would be larger than it may be. A change that makes it no larger is never
    /// refused.
    TooLarge {
        /// How large it would be.
        bytes: usize,
    },
}

/// How a session stands after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionStamp {
    /// The version, one for a session that was just made, and one more with each commit that is
    /// more than a touch.
    pub version: u64,
    /// When it was done, by the store's clock.
    pub now: Moment,
    /// When the session ends if nobody comes.
    pub idle_end: Moment,
    /// When it ends whatever happens.
    pub end: Moment,
    /// Whether the session has the new key; false too where none was asked for.
    pub cycled: bool,
    /// How many sessions of the user were destroyed, since there were too many.
    pub evicted: usize,
}

impl SessionStamp {
    /// How `record` stands after a commit at `now`.
    pub fn new(record: &SessionRecord, now: Moment, cycled: bool, evicted: usize) -> Self {
        Self {
            version: record.version,
            now,
            idle_end: record.idle_end(),
            end: record.end,
            cycled,
            evicted,
        }
    }
}

/// A session of a user's, for a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// What it is called.
    pub fingerprint: SessionFingerprint,
    /// How long ago it was made.
    pub age: Duration,
    /// How long it is the user's: how long ago the login was.
    pub since_login: Duration,
    /// How long ago it was last seen, to within the interval of touches.
    pub since_seen: Duration,
}

impl SessionInfo {
    /// What a list says of `record` at `now`.
    pub fn new(record: &SessionRecord, now: Moment) -> Self {
        let ago = |then| now.since(then).unwrap_or(Duration::MAX);
        Self {
            fingerprint: record.fingerprint(),
            age: ago(record.created),
            since_login: ago(record.user_since),
            since_seen: ago(record.seen),
        }
    }
}

/// Which sessions to destroy.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Destroy<'a> {
    /// The one that this key leads to, be it the current one or an old one in its grace.
    Key(&'a SessionKey),
    /// The one of this user's that is called so.
    One {
        /// The user.
        user: &'a UserKey,
        /// What it is called.
        fingerprint: SessionFingerprint,
    },
    /// All of this user's, but the one that the key `except` leads to.
    User {
        /// The user.
        user: &'a UserKey,
        /// A key of the session that stays.
        except: Option<&'a SessionKey>,
    },
}
