//! The store: statements out, answers in.

use std::fmt;
use std::sync::Arc;

use panoply_core::{Block, BlockId, CounterStore, Decision, Op, Release, Reply, StoreError};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::keeper::Keeper;
use crate::wire::{self, Asked};
use crate::{PostgresDocuments, PostgresSessionStore, PostgresStoreBuilder};

/// Counters in PostgreSQL, shared by every node that uses the same schema there.
///
/// Clones share the connections, which end with the last of them.
#[derive(Clone)]
pub struct PostgresStore(Arc<Keeper>);

/// The longest page of blocks.
const PAGE: usize = 1000;

pub(crate) const UNREADABLE: &str = "postgres answered something else than the function does";

impl PostgresStore {
    /// A store at `url`: `postgres://user:password@host:5432/database`, with `?sslmode=require` for
    /// TLS, or `postgres:///database?host=/run/postgresql&user=panoply` over a socket.
    pub fn builder(url: impl Into<String>) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(url.into())
    }

    pub(crate) fn new(keeper: Keeper) -> Self {
        Self(Arc::new(keeper))
    }

    /// The sessions in the same schema, over the same connections.
    pub fn sessions(&self) -> PostgresSessionStore {
        PostgresSessionStore::new(Arc::clone(&self.0))
    }

    /// The sessions of an Express app in the same database, as connect-pg-simple keeps them in
    /// `table`, which is `session` there; a schema may stand before it: `app.session`.
    ///
    /// # Errors
    ///
    /// When that can be no table.
    pub fn documents(&self, table: &str) -> Result<PostgresDocuments, crate::Error> {
        PostgresDocuments::new(Arc::clone(&self.0), table)
    }

    /// Where it is, without the login.
    pub fn address(&self) -> &str {
        &self.0.address
    }
}

/// What an error means to whoever asked.
pub(crate) fn failed(error: tokio_postgres::Error) -> StoreError {
    let what = meaning(error.code());
    match error.as_db_error() {
        // The library's own words for it are "db error".
        Some(said) => what.because(format!("{} ({})", said.message(), said.code().code())),
        None => what.because(error),
    }
}

fn meaning(code: Option<&SqlState>) -> StoreError {
    let passes = |code: &SqlState| {
        // Connections, resources, conflicts, and an operator who intervenes.
        let class = code.code().get(..2).unwrap_or("");
        matches!(class, "08" | "40" | "53" | "55" | "57" | "58")
    };
    let lacks = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
    ];
    let elsewhere = [
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::DUPLICATE_PSTATEMENT,
    ];
    match code {
        // A standby, until it is promoted, or a primary whose operator has it so.
        Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::transient(
            "postgres takes no writes: name its primary in `store.url`, or have it take them again \
             (`default_transaction_read_only = off`)",
        ),
        code if code.is_none_or(passes) => StoreError::transient("postgres failed"),
        Some(code) if lacks.contains(code) => StoreError::permanent(
            "postgres has lost what this store made there: a restart makes it again, empty",
        ),
        Some(code) if elsewhere.contains(code) => StoreError::permanent(
            "a pooler stands before postgres and sends one connection to several of the server's: name \
             PostgreSQL itself in `store.url`, or a pool that keeps sessions (PgBouncer: `pool_mode = session`)",
        ),
        _ => StoreError::permanent("postgres refuses"),
    }
}

impl CounterStore for PostgresStore {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        let live = match self.0.connection() {
            Ok(live) => live,
            Err(error) => return Reply::ready(Err(error)),
        };
        let asked = Asked::of(ops);
        let many = ops.len();
        Reply::later(async move {
            let given = asked.given();
            let row = live.client.query_one(&live.decide, &given);
            let row = row.await.map_err(failed)?;
            let numbers: Vec<i64> = row.try_get(0).map_err(failed)?;
            wire::decision(&numbers, many).ok_or_else(|| StoreError::permanent(UNREADABLE))
        })
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        let live = match self.0.connection() {
            Ok(live) => live,
            Err(error) => return Reply::ready(Err(error)),
        };
        let after = after.map_or_else(Vec::new, |id| wire::keys_of(id).1.to_vec());
        let most = i64::try_from(most.min(PAGE)).unwrap_or(0);
        Reply::later(async move {
            let given: [&(dyn ToSql + Sync); 2] = [&after, &most];
            let rows = live.client.query(&live.blocks, &given);
            let rows = rows.await.map_err(failed)?;
            let blocks: Option<Vec<Block>> = rows.iter().map(wire::block).collect();
            blocks.ok_or_else(|| StoreError::permanent(UNREADABLE))
        })
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        let live = match self.0.connection() {
            Ok(live) => live,
            Err(error) => return Reply::ready(Err(error)),
        };
        let (lowest, highest, client) = match which {
            Release::Id(id) => {
                let (lowest, highest) = wire::keys_of(id);
                (lowest.to_vec(), highest.to_vec(), None)
            }
            Release::Client(client) => (vec![0; 16], vec![0xff; 16], Some(client.to_string())),
            _ => return Reply::ready(Ok(0)),
        };
        Reply::later(async move {
            let given: [&(dyn ToSql + Sync); 3] = [&lowest, &highest, &client];
            let row = live.client.query_one(&live.release, &given);
            let released: i64 = row.await.map_err(failed)?.try_get(0).map_err(failed)?;
            Ok(usize::try_from(released).unwrap_or(0))
        })
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("address", &self.0.address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pooler_does_to_a_connection_is_said() {
        for code in ["26000", "42P05"] {
            let error = meaning(Some(&SqlState::from_code(code)));
            assert!(!error.is_transient(), "{code}");
            assert!(
                error.to_string().contains("a pool that keeps sessions"),
                "{code}: {error}"
            );
        }
        assert!(meaning(Some(&SqlState::from_code("57P01"))).is_transient());
        assert!(meaning(None).is_transient());
    }
}
