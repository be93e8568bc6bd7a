//! Where sessions are kept.

use std::fmt;

use crate::Reply;

use super::{
    Committed, Destroy, Loaded, SessionChange, SessionFingerprint, SessionInfo, SessionKey, UserKey,
};

/// Keeps sessions.
///
/// Each method is one round trip and is done whole or not at all, whoever else calls at the same
/// time: callers that share a store see their calls happen one after another, in some order. What a
/// commit makes of one session is said by [`SessionRecord::apply`](crate::SessionRecord::apply); a
/// store applies it, or says the same in its own language and is held to it by a random walk.
///
/// Times are the store's affair. It is told how long, never when; what it tells is by its own clock,
/// which is the server's where nodes share one. A session that is over is as if it had never been:
/// it is not loaded, not listed, not counted, and its key can be used again.
///
/// An answer that was given survives whatever happens to the process, as far as the store survives
/// it at all. When the answer is an error, a commit may have been done all the same, so it is not to
/// be repeated blindly.
///
/// # Keys
///
/// A session is kept under the key that it was made with, its first, and has one current key: the
/// first until it is cycled. [`MOST_OLD_KEYS`](crate::SessionRecord::MOST_OLD_KEYS) earlier keys at
/// most are known: until the session ends while nobody has come by the current one, and for their grace
/// when somebody has ([`Cycle::settle`](crate::Cycle::settle)). The oldest beyond them end at once. All
/// of them lead to one session: a write by an old key lands in it, and destroying it by any key ends
/// every key.
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// The session that `key` leads to.
    ///
    /// Nothing is written by it: a read is no touch.
    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded>;

    /// Changes the session that `key` leads to, or makes one.
    ///
    /// What is checked, in this order, the first that fails being the answer:
    ///
    /// 1. A change that creates finds no session at `key`, neither by a current nor by an old key
    ///    ([`Taken`](Committed::Taken)), nor a tombstone ([`Gone`](Committed::Gone)). Any other
    ///    change finds one ([`Gone`](Committed::Gone)), and by a key that opens it: not by one that
    ///    was [replaced](crate::Cycle::replace).
    /// 2. The [version](SessionChange::if_version) is as expected ([`Stale`](Committed::Stale)).
    /// 3. The values do not become [too large](SessionChange::most_bytes).
    /// 4. The [new key](SessionChange::cycle), if it is to be taken, leads nowhere: to no session,
    ///    by no old key, to no tombstone ([`Taken`](Committed::Taken)). A
    ///    [settlement](crate::Cycle::settle) takes none.
    ///
    /// Then values are merged one by one, whoever changed others meanwhile; the user is set, and
    /// those of the user's other sessions destroyed that are too many, counting only sessions that
    /// are not over: those whose [`user_since`](crate::SessionRecord::user_since) is earliest go,
    /// by fingerprint where that is the same moment. Two logins of one user at once thus never
    /// leave more than the cap. The session is seen now, and what of it expires starts over.
    fn commit<'a>(&'a self, key: &'a SessionKey, change: &'a SessionChange)
    -> Reply<'a, Committed>;

    /// The sessions of a user in the order of their fingerprints, from the one behind `after`,
    /// `most` at most.
    fn sessions<'a>(
        &'a self,
        user: &'a UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Reply<'a, Vec<SessionInfo>>;

    /// Ends sessions and says how many there were.
    ///
    /// Each leaves a tombstone at its keys for as long as
    /// [`tombstone_end`](crate::SessionRecord::tombstone_end) says, and nothing else: the values are
    /// gone at once. No commit that is on its way revives it, by whichever key it comes, and though
    /// it be one that creates.
    ///
    /// A key that leads nowhere is not kept, so that nobody fills the store with tombstones.
    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize>;

    /// Whether loads and commits are always answered at once, as from memory
    /// ([`Reply::now`](crate::Reply::now)); no by default. Nobody then makes room for waiting.
    fn answers_at_once(&self) -> bool {
        false
    }
}
