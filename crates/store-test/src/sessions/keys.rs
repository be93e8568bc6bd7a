//! Keys that are renewed and replaced.

use std::time::Duration;

use panoply_core::{Committed, Cycle, Destroy, SessionChange, SessionKey, SessionRecord};

use super::SessionTrial;

fn renew(to: &SessionKey, grace: Duration) -> SessionChange {
    SessionChange::new().cycle(Cycle::renew(to.clone(), grace))
}

fn replace(to: &SessionKey, grace: Duration) -> SessionChange {
    SessionChange::new().cycle(Cycle::replace(to.clone(), grace))
}

fn settle(current: &SessionKey, grace: Duration) -> SessionChange {
    SessionChange::new().cycle(Cycle::settle(current.clone(), grace))
}

/// A key that was renewed leads to the same session, and writes into it, until the new one is renewed
/// itself, and for its grace after that.
pub async fn renewed_keys_lead_on(trial: &SessionTrial) {
    let [old, new, newer] = ["old", "new", "newer"].map(|name| trial.key(name));
    trial.done(&old, &trial.create().set("a", "1")).await;
    assert!(
        trial
            .done(&old, &renew(&new, trial.units(2.0)))
            .await
            .cycled
    );
    trial.done(&old, &SessionChange::new().set("b", "2")).await;
    trial.done(&new, &SessionChange::new().set("c", "3")).await;
    let (by_old, by_new) = (trial.live(&old).await, trial.live(&new).await);
    assert!(!by_old.current && by_new.current);
    assert_eq!(by_old.record.values, by_new.record.values);
    assert_eq!(by_new.record.values.len(), 3);
    assert_eq!(by_new.record.fingerprint(), old.fingerprint());
    assert!(by_new.record.key_since > by_new.record.created || trial.is_exact());

    trial.pass(2.1).await;
    assert!(
        !trial.live(&old).await.current,
        "nobody has told of the new one"
    );
    trial.done(&new, &renew(&newer, trial.units(2.0))).await;
    assert!(!trial.live(&old).await.current, "through two of them");
    trial.pass(2.1).await;
    assert!(trial.is_absent(&old).await);
    assert_eq!(
        trial.commit(&old, &SessionChange::new()).await,
        Committed::Gone
    );
    assert_eq!(
        trial.commit(&old, &trial.create()).await,
        Committed::Taken,
        "its first key"
    );
    assert!(!trial.live(&new).await.current);
    assert!(trial.live(&newer).await.current);
}

/// Only the current key is renewed; the rest of such a commit is done.
pub async fn old_keys_are_not_renewed(trial: &SessionTrial) {
    let [old, new, other] = ["old", "new", "other"].map(|name| trial.key(name));
    trial.make("old").await;
    trial.done(&old, &renew(&new, trial.units(100.0))).await;
    let late = trial
        .done(&old, &renew(&other, trial.units(100.0)).set("a", "1"))
        .await;
    assert!(!late.cycled);
    assert!(trial.is_absent(&other).await);
    assert_eq!(trial.value(&new, "a").await.unwrap(), "1");
    // What is not taken may be taken.
    let taken = trial.make("taken").await;
    trial.done(&old, &renew(&taken, trial.units(100.0))).await;
    trial.done(&other, &trial.create()).await;
}

/// The answer that brings a new key may be lost: who still comes by the old one after its grace is given
/// another, and the lost one leads on as long.
pub async fn lost_answers_are_made_up_for(trial: &SessionTrial) {
    let keys = ["old", "lost", "other", "new"].map(|name| trial.key(name));
    let [old, lost, other, new] = &keys;
    let grace = trial.units(2.0);
    trial.make("old").await;
    trial.done(old, &renew(lost, grace)).await;
    assert!(!trial.done(old, &renew(other, grace)).await.cycled, "soon");
    trial.pass(2.1).await;
    let taken = trial.make("taken").await;
    let by_taken = trial.commit(old, &renew(&taken, grace)).await;
    assert_eq!(by_taken, Committed::Taken);
    let done = trial.done(old, &renew(new, grace).set("a", "1")).await;
    assert!(done.cycled);
    assert!(
        !trial.done(old, &renew(other, grace)).await.cycled,
        "once a grace"
    );
    assert!(!trial.live(old).await.current && !trial.live(lost).await.current);
    assert!(trial.live(new).await.current);
    trial.pass(2.1).await;
    assert!(!trial.live(old).await.current && !trial.live(lost).await.current);
    // Now somebody comes by the new one.
    trial.done(new, &settle(new, grace)).await;
    assert!(
        !trial.done(old, &renew(other, grace)).await.cycled,
        "it was seen"
    );
    trial.pass(2.1).await;
    assert!(trial.is_absent(old).await && trial.is_absent(lost).await);
    assert_eq!(trial.value(new, "a").await.unwrap(), "1");
    assert!(trial.is_absent(other).await);
}

/// Once the current key has been seen, all before it end after a grace, and neither key nor version changes.
pub async fn settled_keys_end_the_old_ones(trial: &SessionTrial) {
    let [first, old, current] = ["first", "old", "current"].map(|name| trial.key(name));
    let grace = trial.units(2.0);
    trial.make("first").await;
    trial.done(&first, &renew(&old, grace)).await;
    trial.pass(2.1).await;
    trial.done(&first, &renew(&current, grace)).await;
    // By a key that is not the current one nothing comes of it but the rest.
    let late = settle(&old, Duration::ZERO).set("a", "1");
    assert!(!trial.done(&old, &late).await.cycled);
    trial.pass(2.1).await;
    assert!(!trial.live(&old).await.current && !trial.live(&first).await.current);
    let before = trial.live(&current).await.record;
    let stamp = trial.done(&current, &settle(&current, grace)).await;
    assert!(!stamp.cycled);
    let after = trial.live(&current).await.record;
    assert_eq!((after.version, &after.key), (before.version, &current));
    assert_eq!(after.key_since, before.key_since);
    // A second one gives them no more time.
    trial
        .done(&current, &settle(&current, trial.units(50.0)))
        .await;
    trial.pass(2.1).await;
    assert!(trial.is_absent(&old).await && trial.is_absent(&first).await);
    let most = Destroy::Key(&first);
    assert_eq!(trial.destroy(most).await, 0);
    assert!(trial.live(&current).await.current);
}

/// A client that loses one answer after another keeps the key that it has.
pub async fn whom_the_client_has_is_forgotten_last(trial: &SessionTrial) {
    let most = SessionRecord::MOST_OLD_KEYS;
    let old = trial.make("old").await;
    let grace = Duration::from_micros(1);
    let lost: Vec<SessionKey> = (0..most + 3)
        .map(|number| trial.key(&number.to_string()))
        .collect();
    for key in &lost {
        trial.pass(0.01).await;
        assert!(trial.done(&old, &renew(key, grace)).await.cycled);
    }
    assert!(!trial.live(&old).await.current);
    // The current one, and as many before it as there is room for beside the client's own.
    let (gone, known) = lost.split_at(lost.len() - most);
    for key in gone {
        assert!(trial.is_absent(key).await);
    }
    for key in known {
        trial.live(key).await;
    }
    assert_eq!(trial.destroy(Destroy::Key(&old)).await, 1);
    for key in known {
        assert!(trial.is_absent(key).await);
        assert_eq!(trial.commit(key, &trial.create()).await, Committed::Gone);
    }
}

/// A key that was replaced opens nothing, whichever way it was known before, and is remembered.
pub async fn replaced_keys_open_nothing(trial: &SessionTrial) {
    let [first, second, third] = ["1", "2", "3"].map(|name| trial.key(name));
    trial.make("1").await;
    trial.done(&first, &renew(&second, trial.units(2.0))).await;
    let login = replace(&third, trial.units(2.0)).set("a", "1");
    assert!(trial.done(&first, &login).await.cycled, "by an old key too");
    for old in [&first, &second] {
        assert!(trial.is_replaced(old).await);
        for change in [SessionChange::new(), SessionChange::new().set("a", "2")] {
            assert_eq!(trial.commit(old, &change).await, Committed::Gone);
        }
        let other = trial.key("other");
        assert_eq!(
            trial.commit(old, &replace(&other, trial.unit)).await,
            Committed::Gone
        );
        assert_eq!(trial.commit(old, &trial.create()).await, Committed::Taken);
        assert_eq!(trial.destroy(Destroy::Key(old)).await, 0);
    }
    assert_eq!(trial.value(&third, "a").await.unwrap(), "1");
    trial.pass(2.1).await;
    for old in [&first, &second] {
        assert!(trial.is_absent(old).await);
    }
    let fourth = trial.key("4");
    trial.done(&third, &replace(&fourth, Duration::ZERO)).await;
    assert!(trial.is_absent(&third).await, "without any grace");
    assert!(trial.live(&fourth).await.current);
}

/// No session is given a key that leads somewhere, and then nothing of the commit is done.
pub async fn taken_keys_are_not_given_out(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let taken = ["first", "current", "old", "replaced", "destroyed"].map(|name| trial.key(name));
    let [first, current, old, replaced, destroyed] = &taken;
    trial.done(first, &trial.create()).await;
    trial.done(first, &replace(replaced, Duration::ZERO)).await;
    trial
        .done(replaced, &replace(old, trial.units(100.0)))
        .await;
    trial.done(old, &renew(current, trial.units(100.0))).await;
    trial.make("destroyed").await;
    trial.destroy(Destroy::Key(destroyed)).await;
    for to in taken.iter().chain([&key]) {
        for change in [renew(to, trial.unit), replace(to, trial.unit)] {
            if change.new_key().is_some_and(|cycle| cycle.settles(&key)) {
                continue;
            }
            let change = change.set("a", "1");
            assert_eq!(trial.commit(&key, &change).await, Committed::Taken);
        }
        let made = trial.commit(to, &trial.create()).await;
        assert!(matches!(made, Committed::Taken | Committed::Gone));
    }
    let live = trial.live(&key).await;
    assert!(live.current && live.record.values.is_empty());
    assert!(trial.live(current).await.current);
}

/// So many old keys are known and no more: the oldest beyond them end at once.
pub async fn old_keys_are_bounded(trial: &SessionTrial) {
    let most = SessionRecord::MOST_OLD_KEYS;
    let keys: Vec<SessionKey> = (0..most + 4)
        .map(|number| trial.key(&number.to_string()))
        .collect();
    trial.make("0").await;
    for pair in keys.windows(2) {
        assert!(
            trial
                .done(&pair[0], &renew(&pair[1], trial.units(100.0)))
                .await
                .cycled
        );
    }
    let (known, last) = (&keys[3..most + 3], &keys[most + 3]);
    for key in &keys[..3] {
        assert!(trial.is_absent(key).await);
    }
    for key in known {
        assert!(!trial.live(key).await.current);
    }
    assert!(trial.live(last).await.current);
}

/// Destroying by any key ends all of them, for writes on their way too.
pub async fn every_key_ends(trial: &SessionTrial) {
    for by in ["first", "old", "current"] {
        let keys = ["first", "old", "current"].map(|name| trial.key(&format!("{by}/{name}")));
        let [first, old, current] = &keys;
        trial.done(first, &trial.create().set("a", "1")).await;
        trial.done(first, &renew(old, trial.units(100.0))).await;
        trial.done(old, &renew(current, trial.units(100.0))).await;
        let by = trial.key(&format!("{by}/{by}"));
        assert_eq!(trial.destroy(Destroy::Key(&by)).await, 1);
        for key in &keys {
            assert!(trial.is_absent(key).await);
            for change in [SessionChange::new().set("a", "2"), trial.create()] {
                assert_eq!(trial.commit(key, &change).await, Committed::Gone);
            }
            assert_eq!(trial.destroy(Destroy::Key(key)).await, 0);
        }
    }
}
