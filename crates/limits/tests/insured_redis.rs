//! An insured store on a real server that stops answering.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

#[path = "../../store-redis/tests/server/mod.rs"]
mod server;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{CounterKey, CounterStore as _, Op, Rule};
use panoply_limits::{Insured, InsuredConfig};
use panoply_store_memory::MemoryStore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use server::Server;

const DEADLINE: Duration = Duration::from_millis(50);

/// What a deadline may take on a busy machine; without one it is the store's own, which is 3 s.
const BUSY: Duration = Duration::from_secs(2);

async fn insured(server: &Server, nodes: u32) -> Arc<Insured> {
    let store = Arc::new(server.store().await);
    let config = InsuredConfig::new()
        .nodes(NonZeroU32::new(nodes).unwrap())
        .deadline(DEADLINE)
        .pause(Duration::from_millis(200));
    Arc::new(config.build(store, Arc::new(MemoryStore::default())))
}

/// How many of a hundred at once are granted, and the longest that one of them waited.
async fn hundred(insured: &Arc<Insured>) -> (usize, Duration) {
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let insured = Arc::clone(insured);
        tasks.spawn(async move {
            let rule = Rule::new("r", 10, Duration::from_hours(1));
            let begun = Instant::now();
            let op = [Op::reserve(CounterKey::from_bits(1), &rule)];
            let decision = insured.decide(&op).await.unwrap();
            (decision.is_granted(), begun.elapsed())
        });
    }
    let answers = tasks.join_all().await;
    let granted = answers.iter().filter(|(granted, _)| *granted).count();
    let longest = answers.iter().map(|(_, waited)| *waited).max();
    (granted, longest.unwrap())
}

async fn is_back(insured: &Arc<Insured>) {
    let begun = Instant::now();
    while insured.is_away() {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "it does not recover"
        );
        tokio::time::sleep(DEADLINE).await;
        hundred(insured).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_hangs_and_nobody_more_gets_in() {
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let nodes = [insured(&server, 2).await, insured(&server, 2).await];
    assert_eq!(hundred(&nodes[0]).await.0, 10);

    server.pause();
    for insured in &nodes {
        let mut granted = 0;
        let begun = Instant::now();
        // What was refused just now is refused for a while without asking.
        while !insured.is_away() {
            assert!(begun.elapsed() < Duration::from_mins(1), "it was not asked");
            granted += hundred(insured).await.0;
        }
        for _ in 0..5 {
            let (more, waited) = hundred(insured).await;
            granted += more;
            assert!(waited < BUSY, "{waited:?}");
        }
        assert!(insured.is_away() && insured.decided_instead() >= 500);
        assert_eq!(granted, 5, "a half of ten");
    }
    server.resume();
    for insured in &nodes {
        is_back(insured).await;
        assert_eq!(hundred(insured).await.0, 0);
    }

    server.kill();
    for insured in &nodes {
        let (granted, waited) = hundred(insured).await;
        assert_eq!(granted, 0, "the insurance has let in its half already");
        assert!(waited < BUSY, "{waited:?}");
    }
    server.start_again().await;
    for insured in &nodes {
        is_back(insured).await;
        assert_eq!(hundred(insured).await.0, 0);
    }
}
