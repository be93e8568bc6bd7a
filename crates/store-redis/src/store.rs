//! The store: calls out, answers in.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use panoply_core::{Block, BlockId, CounterStore, Decision, Op, Release, Reply, StoreError};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, Value};

use crate::RedisStoreBuilder;
use crate::dial::{BLOCKS, DECIDE, Scripts, ask, evicts};
use crate::fault::{Fault, store_error};
use crate::keeper::Keeper;
use crate::sessions::{RedisDocuments, RedisSessionStore};
use crate::wire::{self, Names};

/// Counters in Redis or Valkey, shared by every node that uses the same prefix there.
///
/// Clones share the connection. It ends with the last of them.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    keeper: Keeper,
    names: Names,
    scripts: Scripts,
    address: String,
}

/// The longest page of blocks: the server does nothing else meanwhile.
const PAGE: usize = 1000;

impl RedisStore {
    /// A store at `url`: `redis://user:password@host:6379/0`, `rediss://` with TLS,
    /// `unix:///run/redis/redis.sock`; `valkey://` and `valkeys://` mean the same.
    pub fn builder(url: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url.into())
    }

    pub(crate) fn new(keeper: Keeper, names: Names, scripts: Scripts, address: String) -> Self {
        Self(Arc::new(Inner {
            keeper,
            names,
            scripts,
            address,
        }))
    }

    /// Where it is, without the login.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// Whether there is a connection at present.
    pub fn is_connected(&self) -> bool {
        self.0.keeper.is_up()
    }

    /// The policy (`maxmemory-policy`) by which the server may forget counters and locks once its memory is full,
    /// as it is now; none if it does not, or does not say. It is told in the log when a connection is made, and may
    /// be changed later.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn evicts(&self) -> Result<Option<String>, StoreError> {
        let mut connection = self.connection()?;
        let mut info = redis::cmd("INFO");
        match ask(&mut connection, info.arg("memory")).await {
            Ok(info) => Ok(evicts(&info)),
            // Whoever may not ask that goes without.
            Err(error) if error.code() == Some("NOPERM") => Ok(None),
            Err(error) => Err(store_error(error)),
        }
    }

    /// The store of sessions on the same connection.
    pub fn sessions(&self) -> RedisSessionStore {
        RedisSessionStore::new(self.clone())
    }

    /// The sessions of an Express app on the same server, as connect-redis keeps them under
    /// `prefix`, which is `sess:` there. In a cluster they have to be on the node that this store is
    /// on.
    pub fn documents(&self, prefix: impl Into<String>) -> RedisDocuments {
        RedisDocuments::new(self.clone(), prefix.into())
    }

    pub(crate) fn root(&self) -> &str {
        self.0.names.root()
    }

    pub(crate) fn scripts(&self) -> &Scripts {
        &self.0.scripts
    }

    pub(crate) fn connection(&self) -> Result<MultiplexedConnection, StoreError> {
        self.0.keeper.connection()
    }

    /// Commands in one round trip.
    pub(crate) async fn several(
        &self,
        calls: &Pipeline,
        many: usize,
    ) -> Result<Vec<Value>, StoreError> {
        let mut connection = self.connection()?;
        let answers = connection.send_packed_commands(calls, 0, many).await;
        let answers = answers.and_then(|all| all.into_iter().map(Value::extract_error).collect());
        answers.map_err(|error| {
            if Fault::of(&error).is_cured_by_dialling() {
                self.0.keeper.dial_again();
            }
            store_error(error)
        })
    }

    fn blocks_call(&self, what: &str, arguments: &[&[u8]]) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&*self.0.scripts.blocks).arg(1);
        call.arg(self.0.names.blocks()).arg(what).arg(arguments);
        call
    }

    pub(crate) async fn call(
        &self,
        mut connection: MultiplexedConnection,
        call: Cmd,
        script: &'static str,
    ) -> Result<Value, StoreError> {
        let answer = connection.send_packed_command(&call).await;
        let error = match answer.and_then(Value::extract_error) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        // Of all errors only this one says that nothing was done; anything else could count twice.
        let again = Fault::of(&error).is_before_it_began();
        let answer = if again {
            load_and_call(&mut connection, &call, script).await
        } else {
            Err(error)
        };
        answer.map_err(|error| {
            if Fault::of(&error).is_cured_by_dialling() {
                self.0.keeper.dial_again();
            }
            store_error(error)
        })
    }
}

/// Loads the script that the server does not know any more, and calls it in the same round trip.
async fn load_and_call(
    connection: &mut MultiplexedConnection,
    call: &Cmd,
    script: &str,
) -> Result<Value, RedisError> {
    let mut both = Pipeline::with_capacity(2);
    both.cmd("SCRIPT").arg("LOAD").arg(script);
    both.add_command(call.clone());
    let answers = connection.send_packed_commands(&both, 0, 2).await?;
    answers
        .into_iter()
        .last()
        .unwrap_or(Value::Nil)
        .extract_error()
}

pub(crate) const UNREADABLE: &str = "redis answered something else than the script does";

impl CounterStore for RedisStore {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        let connection = match self.0.keeper.connection() {
            Ok(connection) => connection,
            Err(error) => return Reply::ready(Err(error)),
        };
        let call = wire::decide(&self.0.names, &self.0.scripts.decide, ops);
        let many = ops.len();
        Reply::later(async move {
            let answer = self.call(connection, call, DECIDE).await?;
            let decision = match &answer {
                Value::BulkString(bytes) => wire::decision(bytes, many),
                _ => None,
            };
            decision.ok_or_else(|| StoreError::permanent(UNREADABLE))
        })
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        let connection = match self.0.keeper.connection() {
            Ok(connection) => connection,
            Err(error) => return Reply::ready(Err(error)),
        };
        let after = after.map_or_else(|| b"-".to_vec(), |id| wire::behind(id).to_vec());
        let most = most.min(PAGE).to_string();
        let call = self.blocks_call("list", &[&after, most.as_bytes()]);
        Reply::later(async move {
            let answer = self.call(connection, call, BLOCKS).await?;
            let Value::Array(listed) = answer else {
                return Err(StoreError::permanent(UNREADABLE));
            };
            let read = |value: &Value| match value {
                Value::BulkString(bytes) => wire::block(bytes),
                _ => None,
            };
            let blocks: Option<Vec<Block>> = listed.iter().map(read).collect();
            blocks.ok_or_else(|| StoreError::permanent(UNREADABLE))
        })
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        let connection = match self.0.keeper.connection() {
            Ok(connection) => connection,
            Err(error) => return Reply::ready(Err(error)),
        };
        let call = match which {
            Release::Id(id) => {
                let (first, last) = wire::keys_of(id);
                self.blocks_call("id", &[&first, &last])
            }
            Release::Client(IpAddr::V4(address)) => {
                self.blocks_call("client", &[&address.octets()])
            }
            Release::Client(IpAddr::V6(address)) => {
                self.blocks_call("client", &[&address.octets()])
            }
            _ => return Reply::ready(Ok(0)),
        };
        Reply::later(async move {
            match self.call(connection, call, BLOCKS).await? {
                Value::Int(released) => Ok(usize::try_from(released).unwrap_or(0)),
                _ => Err(StoreError::permanent(UNREADABLE)),
            }
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("address", &self.0.address)
            .field("keys", &self.0.names.root())
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
