//! The store: statements out, answers in.

use std::fmt;
use std::sync::Arc;

use panoply_core::{
    Committed, Destroy, Loaded, Reply, SessionChange, SessionFingerprint, SessionInfo, SessionKey,
    SessionSlot, SessionStore, StoreError, UserKey,
};
use tokio_postgres::types::ToSql;

use super::wire::{self, Asked};
use crate::keeper::Keeper;
use crate::store::{UNREADABLE, failed};

/// Sessions in PostgreSQL, shared by every node that uses the same schema there.
///
/// It is made by [`PostgresStore::sessions`](crate::PostgresStore::sessions) and uses the connections
/// of that store. A commit is one statement, and a session one row: its values are merged by the
/// server, one by one. What is answered is on the server's disk, but for a touch that does nothing
/// else: when the server crashes within a second, the session ends as if the touch had not been.
///
/// Clones share the connections, which end with the last of them.
#[derive(Clone)]
pub struct PostgresSessionStore(Arc<Keeper>);

/// The longest page of sessions.
const PAGE: usize = 1000;

impl PostgresSessionStore {
    pub(crate) const fn new(keeper: Arc<Keeper>) -> Self {
        Self(keeper)
    }

    /// Where it is, without the login.
    pub fn address(&self) -> &str {
        &self.0.address
    }
}

fn unreadable<T>(read: Option<T>) -> Result<T, StoreError> {
    read.ok_or_else(|| StoreError::permanent(UNREADABLE))
}

impl SessionStore for PostgresSessionStore {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded> {
        let live = match self.0.connection() {
            Ok(live) => live,
            Err(error) => return Reply::ready(Err(error)),
        };
        Reply::later(async move {
            let row = live
                .client
                .query_opt(&live.load, &[&key.hash().as_slice()])
                .await;
            let Some(row) = row.map_err(failed)? else {
                return Ok(Loaded::Absent);
            };
            let (record, now) = unreadable(wire::record(&row))?;
            Ok(SessionSlot::Live(Arc::new(record)).load(key, now))
        })
    }

    fn commit<'a>(
        &'a self,
        key: &'a SessionKey,
        change: &'a SessionChange,
    ) -> Reply<'a, Committed> {
        let live = match self.0.connection() {
            Ok(live) => live,
            Err(error) => return Reply::ready(Err(error)),
        };
        let asked = Asked::of(key, change);
        Reply::later(async move {
            let given: [&(dyn ToSql + Sync); 14] = [
                &asked.key,
                &asked.makes,
                &asked.idle,
                &asked.lifetime,
                &asked.names,
                &asked.values,
                &asked.user_does,
                &asked.user,
                &asked.most,
                &asked.new_key,
                &asked.grace,
                &asked.keeps,
                &asked.expected,
                &asked.room,
            ];
            let row = live.client.query_one(&live.commit, &given).await;
            let numbers: Vec<i64> = row.map_err(failed)?.try_get(0).map_err(failed)?;
            unreadable(wire::committed(&numbers))
        })
    }

    fn sessions<'a>(
        &'a self,
        user: &'a UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Reply<'a, Vec<SessionInfo>> {
        let live = match self.0.connection() {
            Ok(live) => live,
            Err(error) => return Reply::ready(Err(error)),
        };
        let after = after.map_or_else(Vec::new, |name| wire::keys_of(name).1);
        let most = i64::try_from(most.min(PAGE)).unwrap_or(0);
        Reply::later(async move {
            let user = user.hash().as_slice();
            let given: [&(dyn ToSql + Sync); 3] = [&user, &after, &most];
            let rows = live.client.query(&live.sessions, &given).await;
            let rows = rows.map_err(failed)?;
            unreadable(rows.iter().map(wire::info).collect())
        })
    }

    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize> {
        let live = match self.0.connection() {
            Ok(live) => live,
            Err(error) => return Reply::ready(Err(error)),
        };
        let (mut lowest, mut highest) = (Vec::new(), vec![0xff; 32]);
        let (key, user) = match which {
            Destroy::Key(key) => (Some(key), None),
            Destroy::One { user, fingerprint } => {
                (lowest, highest) = wire::keys_of(fingerprint);
                (None, Some(user))
            }
            Destroy::User { user, except } => (except, Some(user)),
            _ => return Reply::ready(Err(StoreError::permanent("postgres knows no such way"))),
        };
        Reply::later(async move {
            let key = key.map(|key| key.hash().as_slice());
            let user = user.map(|user| user.hash().as_slice());
            let given: [&(dyn ToSql + Sync); 4] = [&key, &user, &lowest, &highest];
            let row = live.client.query_one(&live.destroy, &given).await;
            let ended: i64 = row.map_err(failed)?.try_get(0).map_err(failed)?;
            Ok(usize::try_from(ended).unwrap_or(0))
        })
    }
}

impl fmt::Debug for PostgresSessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSessionStore")
            .field("address", &self.0.address)
            .finish_non_exhaustive()
    }
}
