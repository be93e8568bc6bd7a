use super::*;

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(1),
    quiet: Duration::from_secs(2),
    stall: Duration::from_secs(2),
};

fn watched(sweeper: &Sweeper) -> (Arc<Watch>, tokio::task::JoinHandle<()>) {
    let (watch, task) = (
        sweeper.watch(),
        tokio::task::spawn_local(std::future::pending()),
    );
    sweeper.add(Arc::clone(&watch), task.abort_handle());
    (watch, task)
}

#[test]
fn who_is_idle_for_longest_makes_room() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let sweeper = Sweeper::default();
        let (first, one) = watched(&sweeper);
        sweeper.now.fetch_add(4, Relaxed);
        let (_second, other) = watched(&sweeper);
        let (busy, asking) = watched(&sweeper);
        sweeper.now.fetch_add(4, Relaxed);
        let _request = busy.begin();
        let (_fresh, new) = watched(&sweeper);
        let mut ended = 0;
        sweeper.make_room(1, || ended += 1);
        tokio::task::yield_now().await;
        assert!(one.is_finished() && !other.is_finished(), "the oldest goes");
        assert_eq!(Arc::strong_count(&first), 2);
        sweeper.make_room(9, || ended += 1);
        tokio::task::yield_now().await;
        assert!(other.is_finished());
        assert!(!asking.is_finished(), "who is being answered stays");
        assert!(!new.is_finished(), "who has only just come stays");
        assert_eq!(ended, 2);
    });
}

#[test]
fn who_is_idle_ends_with_the_terms_under_which_he_came() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let sweeper = Sweeper::default();
        let (old, new) = (Terms::default(), Terms::of(1));
        let (idle, first) = watched(&sweeper);
        let (asks, second) = watched(&sweeper);
        let (begins, third) = watched(&sweeper);
        let (fresh, fourth) = watched(&sweeper);
        let (_, by_http_2) = watched(&sweeper);
        // What he still sends after an early answer is taken, or he would lose the answer.
        let (answered, sixth) = watched(&sweeper);
        for watch in [&idle, &asks, &begins, &answered] {
            watch.ends_under_other(old);
        }
        answered.linger();
        fresh.ends_under_other(new);
        let request = asks.begin();
        begins.set_in_head(true);
        let ended = async |terms| {
            sweeper.end_outdated(terms);
            tokio::task::yield_now().await;
            [&first, &second, &third, &fourth, &by_http_2, &sixth]
                .map(tokio::task::JoinHandle::is_finished)
        };
        assert_eq!(ended(old).await, [false; 6]);
        assert_eq!(ended(new).await, [true, false, false, false, false, false]);
        drop(request);
        begins.set_in_head(false);
        assert_eq!(ended(new).await, [true, true, true, false, false, false]);
    });
}

#[test]
fn who_may_stall_longer_or_less_is_held_to_that() {
    let sweeper = Sweeper::default();
    let watch = sweeper.watch();
    let _request = watch.begin();
    sweeper.now.fetch_add(4, Relaxed);
    let second = Duration::from_secs(1);
    for (own, ticks) in [(None, 8), (Some(second), 4), (Some(second * 10), 40)] {
        watch.set_stall(own);
        watch.set_read_stalled(true);
        assert_eq!(after(&watch, &sweeper, ticks), None, "{own:?}");
        assert_eq!(
            after(&watch, &sweeper, 1),
            Some("limits/slow-body"),
            "{own:?}"
        );
        watch.set_read_stalled(false);
    }
    // Of several requests on one connection the longest counts, until none of them is under way.
    watch.set_stall(None);
    let mut requests = [3, 10, 5].map(|own| {
        let mut request = watch.begin();
        request.extend_stall(second * own);
        Some(request)
    });
    let stalls = |ticks| {
        watch.set_write_stalled(true);
        assert_eq!(after(&watch, &sweeper, ticks), None);
        assert_eq!(after(&watch, &sweeper, 1), Some(SLOW_READER));
        watch.set_write_stalled(false);
    };
    stalls(40);
    requests[1] = None;
    watch.settled();
    stalls(40);
    // HTTP/2 is done with an answer of which the client has not all, and before it stalls.
    drop(requests);
    stalls(40);
    stalls(40);
    watch.settled();
    stalls(8);
    assert_eq!(ticks(Duration::from_millis(251)), 2);
    assert_eq!(ticks(Duration::ZERO), 1);
}

fn after(watch: &Watch, sweeper: &Sweeper, ticks: u32) -> Option<&'static str> {
    sweeper.now.fetch_add(ticks, Relaxed);
    watch.overdue(PATIENCE)
}

#[test]
fn each_limit_by_its_name() {
    let sweeper = Sweeper::default();
    let watch = sweeper.watch();
    assert_eq!(after(&watch, &sweeper, 8), None);
    assert_eq!(after(&watch, &sweeper, 1), Some("limits/idle"));

    watch.set_in_head(true);
    assert_eq!(after(&watch, &sweeper, 4), None);
    watch.set_in_head(true);
    assert_eq!(
        after(&watch, &sweeper, 1),
        Some("limits/head-timeout"),
        "a byte buys no time"
    );

    watch.set_in_head(false);
    let request = watch.begin();
    assert_eq!(
        after(&watch, &sweeper, 1000),
        None,
        "an answer may take its time"
    );
    watch.set_read_stalled(true);
    assert_eq!(after(&watch, &sweeper, 9), Some("limits/slow-body"));
    watch.set_read_stalled(false);
    watch.set_write_stalled(true);
    assert_eq!(after(&watch, &sweeper, 9), Some("limits/slow-reader"));
    watch.set_write_stalled(false);
    watch.set_unread(true);
    assert_eq!(after(&watch, &sweeper, 7), None);
    watch.renew_unread();
    assert_eq!(after(&watch, &sweeper, 7), None, "the app reads on");
    assert_eq!(after(&watch, &sweeper, 2), Some("limits/unread-body"));
    watch.set_unread(false);
    watch.renew_unread();
    assert_eq!(after(&watch, &sweeper, 9), None);
    drop(request);
    assert_eq!(after(&watch, &sweeper, 8), None);
    let other = sweeper.watch();
    other.linger();
    assert_eq!(after(&other, &sweeper, 8), None);
    assert_eq!(after(&other, &sweeper, 1), Some("limits/idle"));
    watch.tunnel();
    assert_eq!(after(&watch, &sweeper, 100_000), None);
    watch.set_write_stalled(true);
    assert_eq!(after(&watch, &sweeper, 9), Some("limits/slow-reader"));
    watch.set_write_stalled(false);
    watch.set_half_open();
    assert_eq!(after(&watch, &sweeper, 7), None);
    watch.moved();
    assert_eq!(after(&watch, &sweeper, 8), None, "the client goes on");
    assert_eq!(after(&watch, &sweeper, 1), Some("limits/idle"));
}

#[tokio::test]
async fn nobody_waits_for_a_tunnel() {
    let sweeper = Sweeper::default();
    let watch = sweeper.watch();
    let task = tokio::spawn(std::future::pending::<()>());
    sweeper.add(Arc::clone(&watch), task.abort_handle());
    assert_eq!(sweeper.serving(), 1);
    watch.tunnel();
    assert_eq!(sweeper.serving(), 0);
}

#[test]
fn who_still_takes_its_answer_is_not_idle() {
    let sweeper = Sweeper::default();
    let watch = sweeper.watch();
    drop(watch.begin());
    for _ in 0..9 {
        assert_eq!(after(&watch, &sweeper, 4), None);
        watch.set_write_stalled(true);
        assert_eq!(after(&watch, &sweeper, 8), None, "it may take some of it");
        watch.set_write_stalled(false);
    }
    assert_eq!(
        after(&watch, &sweeper, 8),
        None,
        "it has only just all of it"
    );
    assert_eq!(after(&watch, &sweeper, 1), Some("limits/idle"));
    watch.set_write_stalled(true);
    assert_eq!(after(&watch, &sweeper, 9), Some("limits/slow-reader"));
}
