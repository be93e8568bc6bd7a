//! One caller after another: what a commit does, and what it refuses.

use std::time::Duration;

use panoply_core::{Committed, Cycle, Destroy, SessionChange};

use super::SessionTrial;

/// A session is made, and later changes are merged into it by name.
pub async fn merges_by_name(trial: &SessionTrial) {
    let key = trial.key("a");
    assert!(trial.is_absent(&key).await);
    let made = trial
        .done(&key, &trial.create().set("n", "1").set("m", "\"x\""))
        .await;
    assert_eq!((made.version, made.cycled, made.evicted), (1, false, 0));
    let change = SessionChange::new()
        .set("n", "2")
        .set("o", "null")
        .remove("m")
        .remove("z");
    assert_eq!(trial.done(&key, &change).await.version, 2);
    let live = trial.live(&key).await;
    assert!(live.current);
    assert_eq!(live.record.version, 2);
    assert_eq!(live.record.user, None);
    assert_eq!(live.record.fingerprint(), key.fingerprint());
    let values = live.record.values.iter();
    let values: Vec<(&str, &[u8])> = values.map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(values, [("n", &b"2"[..]), ("o", b"null")]);
}

/// A touch changes no version, any other commit does, even one that changes nothing in the end.
pub async fn touches_keep_the_version(trial: &SessionTrial) {
    let key = trial.make("a").await;
    assert_eq!(trial.done(&key, &SessionChange::new()).await.version, 1);
    let times = SessionChange::new()
        .idle(trial.units(900.0))
        .lifetime(trial.units(1900.0));
    assert_eq!(trial.done(&key, &times).await.version, 1);
    let cycle = Cycle::renew(trial.key("b"), trial.units(100.0));
    let cycled = trial.done(&key, &SessionChange::new().cycle(cycle)).await;
    assert_eq!((cycled.version, cycled.cycled), (1, true));
    assert_eq!(
        trial
            .done(&key, &SessionChange::new().remove("z"))
            .await
            .version,
        2
    );
    assert_eq!(
        trial
            .done(&key, &SessionChange::new().set("a", "1"))
            .await
            .version,
        3
    );
    assert_eq!(
        trial
            .done(&key, &SessionChange::new().set("a", "1"))
            .await
            .version,
        4
    );
    assert_eq!(trial.live(&key).await.record.version, 4);
}

/// Nothing is made unless the change says so, and nothing is made twice.
pub async fn makes_what_it_is_told_to(trial: &SessionTrial) {
    let key = trial.key("a");
    let change = SessionChange::new().set("a", "1");
    assert_eq!(trial.commit(&key, &change).await, Committed::Gone);
    assert_eq!(
        trial.commit(&key, &SessionChange::new()).await,
        Committed::Gone
    );
    assert!(trial.is_absent(&key).await);
    assert_eq!(trial.destroy(Destroy::Key(&key)).await, 0);
    trial.done(&key, &trial.create().set("a", "1")).await;
    let again = trial.create().set("a", "2");
    assert_eq!(trial.commit(&key, &again).await, Committed::Taken);
    assert_eq!(trial.value(&key, "a").await.unwrap(), "1");
}

/// A version that is expected is compared, and nothing is written when it is another.
pub async fn compares_versions(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let first = SessionChange::new().set("a", "1").if_version(1);
    assert_eq!(trial.done(&key, &first).await.version, 2);
    let stale = SessionChange::new().set("a", "2").remove("b").if_version(1);
    assert_eq!(trial.commit(&key, &stale).await, Committed::Stale);
    assert_eq!(trial.value(&key, "a").await.unwrap(), "1");
    trial.done(&key, &SessionChange::new()).await;
    trial
        .done(&key, &SessionChange::new().set("a", "3").if_version(2))
        .await;
    assert_eq!(trial.value(&key, "a").await.unwrap(), "3");
}

/// What is too large is refused whole, with its size; what makes it no larger never is.
pub async fn bounds_size(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let half = format!("\"{}\"", "x".repeat(498));
    trial
        .done(&key, &SessionChange::new().set("a", half.clone()))
        .await;
    let bytes = trial.live(&key).await.record.values.bytes();
    assert_eq!(bytes, 501);
    let both = SessionChange::new().set("b", half.clone()).set("c", "1");
    let tight = both.clone().most_bytes(1003);
    let refused = trial.commit(&key, &tight).await;
    assert_eq!(refused, Committed::TooLarge { bytes: 1004 });
    let live = trial.live(&key).await;
    assert_eq!((live.record.values.len(), live.record.version), (1, 2));
    trial.done(&key, &both.most_bytes(1004)).await;
    let touch = SessionChange::new().most_bytes(1);
    trial.done(&key, &touch).await;
    trial.done(&key, &touch.clone().set("c", "2")).await;
    trial.done(&key, &touch.clone().remove("c")).await;
    let more = trial.commit(&key, &touch.set("c", "2")).await;
    assert_eq!(more, Committed::TooLarge { bytes: 1004 });
    let large = trial.create().set("n", half).most_bytes(500);
    let other = trial.key("b");
    assert_eq!(
        trial.commit(&other, &large).await,
        Committed::TooLarge { bytes: 501 }
    );
    assert!(trial.is_absent(&other).await);
}

/// Of several reasons to refuse, the first in the order of the contract is told.
pub async fn refuses_in_order(trial: &SessionTrial) {
    let (key, other) = (trial.make("a").await, trial.make("b").await);
    let cycle = Cycle::replace(other, Duration::ZERO);
    let wrong = SessionChange::new()
        .set("a", "12")
        .cycle(cycle)
        .most_bytes(2);
    let stale = wrong.clone().if_version(7);
    assert_eq!(trial.commit(&trial.key("c"), &stale).await, Committed::Gone);
    assert_eq!(trial.commit(&key, &stale).await, Committed::Stale);
    let large = trial.commit(&key, &wrong).await;
    assert_eq!(large, Committed::TooLarge { bytes: 3 });
    assert_eq!(
        trial.commit(&key, &wrong.most_bytes(3)).await,
        Committed::Taken
    );
    assert!(trial.live(&key).await.record.values.is_empty());
}

/// Nothing brings back what was destroyed, and there is nothing left of it.
pub async fn nothing_revives(trial: &SessionTrial) {
    let key = trial.key("a");
    trial.done(&key, &trial.create().set("a", "1")).await;
    assert_eq!(trial.destroy(Destroy::Key(&key)).await, 1);
    assert!(trial.is_absent(&key).await);
    let changes = [
        SessionChange::new(),
        SessionChange::new().set("a", "2"),
        SessionChange::new().if_version(1),
        SessionChange::new().cycle(Cycle::renew(trial.key("b"), trial.unit)),
        SessionChange::new().cycle(Cycle::replace(trial.key("b"), trial.unit)),
        trial.create(),
        trial.create().set("a", "2"),
    ];
    for change in changes {
        assert_eq!(trial.commit(&key, &change).await, Committed::Gone);
    }
    for name in ["a", "b"] {
        assert!(trial.is_absent(&trial.key(name)).await);
    }
    assert_eq!(trial.destroy(Destroy::Key(&key)).await, 0);
}
