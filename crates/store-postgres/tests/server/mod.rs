//! A PostgreSQL of the test's own, and a store on it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its own part of this, and says no by panicking"
)]

use panoply_core::{
    Block, BlockId, Committed, CounterStore, Decision, Destroy, Loaded, Op, Release, Reply,
    SessionChange, SessionFingerprint, SessionInfo, SessionKey, SessionStore, UserKey,
};
use panoply_store_postgres::PostgresStore;
use panoply_store_test::PostgresServer;

/// Starts a server without holding up the others.
pub(crate) async fn start() -> PostgresServer {
    let start = tokio::task::spawn_blocking(PostgresServer::start);
    start.await.unwrap()
}

pub(crate) async fn store(server: &PostgresServer) -> PostgresStore {
    let store = PostgresStore::builder(server.url()).connections(8);
    store.connect().await.unwrap()
}

/// A store together with the server that it needs.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) store: PostgresStore,
    pub(crate) server: PostgresServer,
}

impl CounterStore for Own {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        self.store.decide(ops)
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.store.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.store.release(which)
    }
}

/// A store of sessions together with the server that it needs.
#[derive(Debug)]
pub(crate) struct Kept<S> {
    pub(crate) sessions: S,
    pub(crate) _server: PostgresServer,
}

impl<S: SessionStore> SessionStore for Kept<S> {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded> {
        self.sessions.load(key)
    }

    fn commit<'a>(
        &'a self,
        key: &'a SessionKey,
        change: &'a SessionChange,
    ) -> Reply<'a, Committed> {
        self.sessions.commit(key, change)
    }

    fn sessions<'a>(
        &'a self,
        user: &'a UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Reply<'a, Vec<SessionInfo>> {
        self.sessions.sessions(user, after, most)
    }

    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize> {
        self.sessions.destroy(which)
    }
}
