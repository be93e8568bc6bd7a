//! Certificates that do not wait for each other.

use panoply_core::Secret;
use panoply_store_memory::MemorySessionStore;

use super::*;

impl Process {
    /// Runs until something is there.
    async fn run_until(&self, there: impl Fn() -> bool) {
        let looked = async {
            while !there() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = self.acme.run() => {}
            looked = tokio::time::timeout(Duration::from_secs(30), looked) => looked.unwrap(),
        }
    }
}

fn silent(clock: &ManualClock, name: &str) -> Arc<Scripted> {
    let directory = Scripted::new(clock, 90 * DAY);
    *lock(&directory.silent) = Some(name.to_owned());
    directory
}

#[tokio::test]
async fn an_order_that_is_never_decided_keeps_no_other_waiting() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = silent(&clock, "a.example");
    let issuers = std::slice::from_ref(&directory);
    let names = ["a.example", "b.example", "c.example"];
    let process = start(&state, &clock, issuers, &names);
    process
        .run_until(|| {
            let there = |name| process.left(name, &clock).is_some();
            there("b.example") && there("c.example") && directory.count() == 3
        })
        .await;
    assert_eq!(process.left("a.example", &clock), None);
    // Nor is it in the way of a revocation.
    clock.advance(Duration::from_mins(1));
    let revoke = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        process.acme.revoke("b.example", Reason::Superseded).await
    };
    let replaced = process.run_until(|| directory.count() == 5);
    let ((), revoked) = tokio::join!(replaced, revoke);
    revoked.unwrap();
}

#[tokio::test]
async fn an_order_that_is_broken_off_has_not_failed() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = silent(&clock, "shop.example");
    for times in 1..4 {
        let process = start_one(&state, &clock, &directory);
        process.run_until(|| directory.count() == times).await;
        let managed = &process.acme.all()[0];
        let record = managed.record();
        assert_eq!((record.failed, record.under_way), (0, 0));
        // But it is not begun anew in a loop.
        process.acme.step().await;
        assert_eq!(directory.count(), times);
        let said = process.acme.states()[0].standing.to_string();
        assert!(said.contains("broken off"), "{said}");
        clock.advance(Duration::from_mins(2));
    }
    *lock(&directory.silent) = None;
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn other_directories_are_asked_though_an_order_was_broken_off() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = silent(&clock, "shop.example");
    let process = start_one(&state, &clock, &directory);
    process.run_until(|| directory.count() == 1).await;
    let other = Scripted::at("https://ca.other.example/directory", &clock, 90 * DAY);
    let process = start_one(&state, &clock, &other);
    process.acme.step().await;
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test(start_paused = true)]
async fn answers_for_other_nodes_wait_for_no_order() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = silent(&clock, "shop.example");
    let process = start_one(&state, &clock, &directory);
    let store = MemorySessionStore::builder().clock(clock.clone()).build();
    let nodes = Nodes::new(Arc::new(store), &Secret::new(vec![7; 32])).unwrap();
    let nodes = Arc::new(nodes);
    process.acme.share(Arc::clone(&nodes));
    let another = Sharing::default();
    another.with(nodes);
    process.run_until(|| directory.count() == 1).await;
    let spread = another.spread("http-01 token", b"answer");
    let answered = || process.acme.challenges.http_answer("token").is_some();
    tokio::join!(process.run_until(answered), async { spread.await.unwrap() });
}
