//! The store of sessions: calls out, answers in.

use std::fmt;

use panoply_core::{
    Committed, Destroy, Loaded, Reply, SessionChange, SessionFingerprint, SessionInfo, SessionKey,
    SessionStore, StoreError, UserKey,
};
use redis::{Cmd, Value};

use super::{SESSIONS, wire};
use crate::RedisStore;
use crate::store::UNREADABLE;

/// Sessions in Redis or Valkey beside the counters, see [`RedisStore::sessions`].
///
/// Each method is one call of one script. Clones share the connection.
#[derive(Clone)]
pub struct RedisSessionStore(RedisStore);

/// The longest page of a user's sessions: the server does nothing else meanwhile.
const PAGE: usize = 1000;

impl RedisSessionStore {
    pub(crate) const fn new(store: RedisStore) -> Self {
        Self(store)
    }

    /// A call about what lies under one letter and 32 bytes.
    fn call(&self, letter: u8, hash: &[u8; 32]) -> Cmd {
        let key = [self.0.root().as_bytes(), &[letter], hash].concat();
        let mut call = redis::cmd("EVALSHA");
        call.arg(&*self.0.scripts().sessions).arg(1).arg(key);
        call
    }

    fn ask<'a, T: Send>(
        &'a self,
        call: Cmd,
        read: impl FnOnce(&Value) -> Option<T> + Send + 'a,
    ) -> Reply<'a, T> {
        let connection = match self.0.connection() {
            Ok(connection) => connection,
            Err(error) => return Reply::ready(Err(error)),
        };
        Reply::later(async move {
            let answer = self.0.call(connection, call, SESSIONS).await?;
            read(&answer).ok_or_else(|| StoreError::permanent(UNREADABLE))
        })
    }

    fn ended(&self, call: Cmd) -> Reply<'_, usize> {
        self.ask(call, |answer| match answer {
            Value::Int(ended) => usize::try_from(*ended).ok(),
            _ => None,
        })
    }
}

impl SessionStore for RedisSessionStore {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded> {
        let mut call = self.call(b's', key.hash());
        call.arg("load").arg(&key.hash()[..]);
        self.ask(call, wire::loaded)
    }

    fn commit<'a>(
        &'a self,
        key: &'a SessionKey,
        change: &'a SessionChange,
    ) -> Reply<'a, Committed> {
        let mut call = self.call(b's', key.hash());
        wire::commit(&mut call, key, change);
        self.ask(call, wire::committed)
    }

    fn sessions<'a>(
        &'a self,
        user: &'a UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Reply<'a, Vec<SessionInfo>> {
        let mut call = self.call(b'u', user.hash());
        let from = after.map_or_else(|| b"-".to_vec(), |after| bound(b'(', after, 0xff));
        call.arg("list").arg(&user.hash()[..]).arg(from);
        call.arg(most.min(PAGE));
        self.ask(call, wire::listed)
    }

    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize> {
        match which {
            Destroy::Key(key) => {
                let mut call = self.call(b's', key.hash());
                call.arg("end").arg(&key.hash()[..]);
                self.ended(call)
            }
            Destroy::One { user, fingerprint } => {
                let mut call = self.call(b'u', user.hash());
                call.arg("end-all").arg(&user.hash()[..]);
                call.arg(bound(b'[', fingerprint, 0))
                    .arg(bound(b'[', fingerprint, 0xff))
                    .arg("");
                self.ended(call)
            }
            Destroy::User { user, except } => {
                let mut call = self.call(b'u', user.hash());
                call.arg("end-all").arg(&user.hash()[..]).arg("-").arg("+");
                call.arg(except.map_or(&[][..], |key| SessionKey::hash(key)));
                self.ended(call)
            }
            // An enum of the crate below may know more some day.
            _ => Reply::ready(Err(StoreError::permanent("this cannot be destroyed"))),
        }
    }
}

/// Where the first keys of a fingerprint begin or end.
fn bound(kind: u8, fingerprint: SessionFingerprint, rest: u8) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(fingerprint.to_bits().to_be_bytes());
    bytes.resize(33, rest);
    bytes
}

impl fmt::Debug for RedisSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisSessionStore").field(&self.0).finish()
    }
}
