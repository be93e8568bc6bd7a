//! A server that is killed at any moment: what was answered is there.

mod server;

use std::sync::{Arc, Mutex};

use panoply_store_test::sessions::crash::{Told, check, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_is_there() {
    let mut own = server::start().await;
    let told = Arc::new(Mutex::new(Told::new()));
    for (first, many) in [(0, 40), (8, 300)] {
        let store = server::store(&own).await;
        let workers = until(Arc::new(store.sessions()), first, many, &told).await;
        own.kill();
        workers.join_all().await;
        own.revive();
        let sessions = server::store(&own).await.sessions();
        let told = told.lock().unwrap().clone();
        check(&sessions, &told).await;
    }
}
