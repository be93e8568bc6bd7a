//! The sessions of an Express app, as connect-redis lays them out.

use std::fmt;
use std::time::Duration;

use panoply_core::{Reply, SessionDocument, SessionDocuments, StoreError};
use redis::Value;

use super::DOCUMENTS;
use crate::RedisStore;
use crate::store::UNREADABLE;

/// The sessions that connect-redis keeps: JSON under `sess:` and the id, see
/// [`RedisStore::documents`].
#[derive(Clone)]
pub struct RedisDocuments {
    store: RedisStore,
    prefix: String,
}

impl RedisDocuments {
    pub(crate) const fn new(store: RedisStore, prefix: String) -> Self {
        Self { store, prefix }
    }

    fn key(&self, id: &str) -> String {
        format!("{}{id}", self.prefix)
    }
}

impl SessionDocuments for RedisDocuments {
    fn read<'a>(&'a self, id: &'a str) -> Reply<'a, Option<SessionDocument>> {
        let mut both = redis::Pipeline::with_capacity(2);
        both.cmd("GET").arg(self.key(id));
        both.cmd("PTTL").arg(self.key(id));
        Reply::later(async move {
            let answers = self.store.several(&both, 2).await?;
            match answers.as_slice() {
                [Value::Nil, _] => Ok(None),
                [Value::BulkString(bytes), Value::Int(left)] => {
                    let text = String::from_utf8(bytes.clone()).map_err(|error| {
                        StoreError::permanent("a session in redis is no text").because(error)
                    })?;
                    let left = u64::try_from(*left).ok().map(Duration::from_millis);
                    Ok(Some(SessionDocument::new(text, left)))
                }
                _ => Err(StoreError::permanent(UNREADABLE)),
            }
        })
    }

    fn swap<'a>(
        &'a self,
        id: &'a str,
        before: Option<&'a str>,
        after: Option<(&'a str, Duration)>,
    ) -> Reply<'a, bool> {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&*self.store.scripts().documents)
            .arg(1)
            .arg(self.key(id));
        let lasts = after.map_or(Duration::ZERO, |(_, lasts)| lasts);
        call.arg(u8::from(before.is_some()))
            .arg(before.unwrap_or_default());
        call.arg(u8::from(after.is_some()));
        call.arg(after.map_or("", |(text, _)| text))
            .arg(millis(lasts));
        Reply::later(async move {
            let connection = self.store.connection()?;
            match self.store.call(connection, call, DOCUMENTS).await? {
                Value::Int(done) => Ok(done == 1),
                _ => Err(StoreError::permanent(UNREADABLE)),
            }
        })
    }

    fn touch<'a>(&'a self, id: &'a str, lasts: Duration) -> Reply<'a, bool> {
        let mut call = redis::Pipeline::with_capacity(1);
        call.cmd("PEXPIRE").arg(self.key(id)).arg(millis(lasts));
        Reply::later(async move { self.one_of(&call).await })
    }

    fn remove<'a>(&'a self, id: &'a str) -> Reply<'a, bool> {
        let mut call = redis::Pipeline::with_capacity(1);
        call.cmd("DEL").arg(self.key(id));
        Reply::later(async move { self.one_of(&call).await })
    }
}

impl RedisDocuments {
    async fn one_of(&self, call: &redis::Pipeline) -> Result<bool, StoreError> {
        match self.store.several(call, 1).await?.as_slice() {
            [Value::Int(done)] => Ok(*done == 1),
            _ => Err(StoreError::permanent(UNREADABLE)),
        }
    }
}

/// Redis refuses a time that is none.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, 1 << 52)
}

impl fmt::Debug for RedisDocuments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisDocuments")
            .field("prefix", &self.prefix)
            .field("store", &self.store)
            .finish()
    }
}
