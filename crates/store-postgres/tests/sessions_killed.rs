//! A server that is killed at any moment: what was answered is there.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use panoply_core::SessionStore;
use panoply_store_test::sessions::crash::{Told, check, work};
use tokio::task::JoinSet;

/// Works until `told` has so many sessions, and goes on when this returns.
async fn until(
    sessions: Arc<dyn SessionStore>,
    first: u8,
    many: usize,
    told: &Arc<Mutex<Told>>,
) -> JoinSet<()> {
    let tell = |told: Arc<Mutex<Told>>| {
        move |name, stands| drop(told.lock().unwrap().insert(name, stands))
    };
    let workers = (first..first + 8).map(|worker| {
        work(
            Arc::clone(&sessions),
            worker,
            u32::MAX,
            tell(Arc::clone(told)),
        )
    });
    let workers = workers.collect();
    while told.lock().unwrap().len() < many {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    workers
}

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
