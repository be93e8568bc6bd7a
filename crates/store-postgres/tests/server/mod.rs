//! A PostgreSQL of the test's own, and a store on it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its own part of this, and says no by panicking"
)]

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
