//! Sessions that are over.

use panoply_core::{Committed, Destroy, SessionChange};

use super::SessionTrial;

/// A session ends when nobody comes, and a read is nobody's coming.
pub async fn idle_sessions_end(trial: &SessionTrial) {
    let [touched, read, left] = ["touched", "read", "left"].map(|name| trial.key(name));
    let create = SessionChange::create(trial.units(2.0), trial.units(1000.0));
    for key in [&touched, &read, &left] {
        let stamp = trial.done(key, &create).await;
        assert_eq!(stamp.idle_end.since(stamp.now), Some(trial.units(2.0)));
    }
    for _ in 0..3 {
        trial.pass(0.8).await;
        trial.done(&touched, &SessionChange::new()).await;
        trial.load(&read).await;
    }
    trial.live(&touched).await;
    for key in [&read, &left] {
        assert!(trial.is_absent(key).await);
        assert_eq!(
            trial.commit(key, &SessionChange::new()).await,
            Committed::Gone
        );
        assert_eq!(trial.destroy(Destroy::Key(key)).await, 0);
    }
    trial.done(&left, &create).await;
    assert_eq!(trial.live(&left).await.record.version, 1);
}

/// A session ends at its end, however often somebody comes; unless the end is moved.
pub async fn sessions_end(trial: &SessionTrial) {
    let (key, moved) = (trial.key("a"), trial.key("moved"));
    let create = SessionChange::create(trial.units(1000.0), trial.units(2.0));
    for key in [&key, &moved] {
        let stamp = trial.done(key, &create).await;
        assert_eq!(stamp.end.since(stamp.now), Some(trial.units(2.0)));
        assert_eq!(stamp.idle_end, stamp.end);
    }
    trial.pass(0.8).await;
    trial
        .done(&key, &SessionChange::new().idle(trial.units(3000.0)))
        .await;
    trial
        .done(&moved, &SessionChange::new().lifetime(trial.units(10.0)))
        .await;
    trial.pass(1.4).await;
    assert!(trial.is_absent(&key).await);
    assert_eq!(
        trial
            .commit(&key, &SessionChange::new().set("a", "1"))
            .await,
        Committed::Gone
    );
    trial.live(&moved).await;
}

/// A new idle time holds at once and stays, whoever touches without one.
pub async fn idle_times_stay(trial: &SessionTrial) {
    let [longer, shorter] = ["longer", "shorter"].map(|name| trial.key(name));
    let create = SessionChange::create(trial.units(2.0), trial.units(1000.0));
    trial.done(&longer, &create).await;
    trial.done(&shorter, &create).await;
    trial
        .done(&longer, &SessionChange::new().idle(trial.units(100.0)))
        .await;
    trial
        .done(&shorter, &SessionChange::new().idle(trial.units(1.0)))
        .await;
    for key in [&longer, &shorter] {
        trial.done(key, &SessionChange::new().set("a", "1")).await;
    }
    assert_eq!(trial.live(&longer).await.record.idle, trial.units(100.0));
    trial.pass(1.1).await;
    assert!(trial.is_absent(&shorter).await);
    trial.pass(1.1).await;
    trial.live(&longer).await;
}

/// What is over is neither listed nor counted, and takes no room under a cap.
pub async fn what_is_over_does_not_count(trial: &SessionTrial) {
    let short = SessionChange::create(trial.units(1.0), trial.units(1000.0));
    for name in ["a", "b"] {
        let user = trial.login("alice").new_user();
        trial
            .done(&trial.key(name), &short.clone().user(user))
            .await;
    }
    trial.make("c").await;
    assert_eq!(trial.sessions("alice").await.len(), 2);
    trial.pass(1.1).await;
    assert!(trial.sessions("alice").await.is_empty());
    let login = trial
        .done(&trial.key("c"), &trial.capped_login("alice", 1))
        .await;
    assert_eq!(login.evicted, 0);
    trial.make("d").await;
    let login = trial
        .done(&trial.key("d"), &trial.capped_login("alice", 1))
        .await;
    assert_eq!(login.evicted, 1);
    let all = Destroy::User {
        user: &trial.user("alice"),
        except: None,
    };
    assert_eq!(trial.destroy(all).await, 1);
}

/// A tombstone stands until the session would have ended, and no longer.
pub async fn tombstones_end(trial: &SessionTrial) {
    let key = trial.key("a");
    let create = SessionChange::create(trial.units(1.0), trial.units(2.0));
    trial.done(&key, &create).await;
    trial.destroy(Destroy::Key(&key)).await;
    trial.pass(1.5).await;
    // Its idle time is over, and the session could be there all the same had it been touched.
    assert_eq!(trial.commit(&key, &create).await, Committed::Gone);
    trial.pass(0.6).await;
    trial.done(&key, &create.set("a", "1")).await;
    assert_eq!(trial.value(&key, "a").await.unwrap(), "1");
}

/// Times of no length and of more than any store can count.
pub async fn odd_times(trial: &SessionTrial) {
    let (never, ever) = (trial.key("never"), trial.key("ever"));
    let zero = std::time::Duration::ZERO;
    trial
        .done(&never, &SessionChange::create(zero, trial.unit))
        .await;
    assert!(trial.is_absent(&never).await);
    trial
        .done(&never, &SessionChange::create(trial.unit, zero))
        .await;
    assert!(trial.is_absent(&never).await);
    let most = std::time::Duration::MAX;
    let stamp = trial.done(&ever, &SessionChange::create(most, most)).await;
    assert_eq!(stamp.end.since(stamp.now), Some(SessionChange::MOST_TIME));
    trial.pass(2.0).await;
    assert_eq!(
        trial.live(&ever).await.record.idle,
        SessionChange::MOST_TIME
    );
    assert_eq!(trial.destroy(Destroy::Key(&ever)).await, 1);
    assert_eq!(trial.commit(&ever, &trial.create()).await, Committed::Gone);
}
