//! A server that is killed at any moment, with an append-only file: what was answered is there.

mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use panoply_store_redis::RedisStore;
use panoply_store_test::sessions::crash::{Told, check, until};

use server::Server;

/// A store, once the server has read its file.
async fn reconnected(server: &Server) -> RedisStore {
    for _ in 0..1000 {
        match RedisStore::builder(server.url()).connect().await {
            Ok(store) => return store,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    server.store().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_is_there() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let told = Arc::new(Mutex::new(Told::new()));
    for (first, many) in [(0, 30), (8, 300), (16, 1000)] {
        let store = server.store().await;
        let workers = until(Arc::new(store.sessions()), first, many, &told).await;
        server.kill();
        workers.join_all().await;
        server.start_again().await;
        let sessions = reconnected(&server).await.sessions();
        let told = told.lock().unwrap().clone();
        check(&sessions, &told).await;
    }
}
