//! A server that is killed at any moment, with an append-only file: what was answered is there.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use panoply_core::{
    Committed, Destroy, Loaded, SessionChange, SessionDocuments as _, SessionKey, SessionStore as _,
};
use panoply_store_redis::RedisStore;
use tokio::task::JoinSet;

use server::Server;

fn key(number: usize) -> SessionKey {
    let mut hash = [9; 32];
    for (place, byte) in hash.iter_mut().zip(number.to_be_bytes()) {
        *place = byte;
    }
    SessionKey::from_hash(hash)
}

/// What a client was told of its session last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Holds(u64),
    Ended,
}

/// Changes one session after another until the server is gone; the last answers.
async fn work(
    store: RedisStore,
    worker: usize,
    answers: Arc<AtomicUsize>,
) -> Vec<(SessionKey, Told, bool)> {
    let sessions = store.sessions();
    let hour = Duration::from_hours(1);
    let mut all = Vec::new();
    for round in 0.. {
        let key = key(worker << 32 | round);
        let create = SessionChange::create(hour, hour).set("n", "0");
        let Ok(Committed::Done(_)) = sessions.commit(&key, &create).await else {
            return all;
        };
        answers.fetch_add(1, Ordering::Relaxed);
        all.push((key.clone(), Told::Holds(0), false));
        for number in 1..5_u64 {
            let change = SessionChange::new().set("n", number.to_string());
            if sessions.commit(&key, &change).await.is_err() {
                // It may be done or not.
                all.last_mut().unwrap().2 = true;
                return all;
            }
            all.last_mut().unwrap().1 = Told::Holds(number);
        }
        if round % 3 == 0 {
            if sessions.destroy(Destroy::Key(&key)).await.is_err() {
                all.last_mut().unwrap().2 = true;
                return all;
            }
            all.last_mut().unwrap().1 = Told::Ended;
        }
    }
    all
}

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
    for moment in [30, 200, 700] {
        let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
        let store = server.store().await;
        let answers = Arc::new(AtomicUsize::new(0));
        let workers = (0..16).map(|worker| work(store.clone(), worker, Arc::clone(&answers)));
        let workers: JoinSet<_> = workers.collect();
        while answers.load(Ordering::Relaxed) < moment {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        let told: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
        assert!(told.len() >= moment);
        server.start_again().await;
        let sessions = reconnected(&server).await.sessions();
        for (key, told, unsure) in told {
            let found = match sessions.load(&key).await.unwrap() {
                Loaded::Live(live) => {
                    let value: &Bytes = live.record.values.get("n").unwrap();
                    Told::Holds(std::str::from_utf8(value).unwrap().parse().unwrap())
                }
                _ => Told::Ended,
            };
            let next = match told {
                Told::Holds(number) if number < 4 => Told::Holds(number + 1),
                _ => Told::Ended,
            };
            assert!(
                found == told || unsure && found == next,
                "{found:?}, told {told:?}"
            );
            if told == Told::Ended {
                let late = SessionChange::new().set("n", "9");
                let late = sessions.commit(&key, &late).await.unwrap();
                assert_eq!(late, Committed::Gone, "a tombstone too");
            }
        }
    }
}

#[tokio::test]
async fn texts_are_swapped() {
    let server = Server::start().await;
    let documents = server.store().await.documents("sess:");
    let hour = Duration::from_hours(1);
    assert_eq!(documents.read("a").await.unwrap(), None);
    assert!(
        !documents
            .swap("a", Some("x"), Some(("y", hour)))
            .await
            .unwrap()
    );
    assert!(documents.swap("a", None, Some(("{}", hour))).await.unwrap());
    assert!(!documents.swap("a", None, Some(("y", hour))).await.unwrap());
    assert!(
        documents
            .swap("a", Some("{}"), Some(("ü", hour)))
            .await
            .unwrap()
    );
    let found = documents.read("a").await.unwrap().unwrap();
    assert_eq!(found.text, "ü");
    let left = found.left.unwrap();
    assert!(left <= hour && left > hour / 2, "{left:?}");
    assert!(documents.touch("a", hour * 2).await.unwrap());
    assert!(documents.read("a").await.unwrap().unwrap().left.unwrap() > hour);
    assert!(documents.swap("a", Some("ü"), None).await.unwrap());
    assert!(!documents.touch("a", hour).await.unwrap());
    assert!(
        documents.swap("b", None, Some(("", hour))).await.unwrap(),
        "empty is something"
    );
    assert!(!documents.swap("b", None, Some(("z", hour))).await.unwrap());
    assert!(documents.remove("b").await.unwrap() && !documents.remove("b").await.unwrap());
}
