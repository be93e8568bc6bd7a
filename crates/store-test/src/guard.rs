//! What the login guard rests on: reserving, settling, locks, members.

use panoply_core::{Action, CounterKey, Lock, Op, Receipt, Rule};

use crate::Trial;

fn refund(receipt: Receipt, member: Option<CounterKey>) -> Action {
    Action::Refund {
        cost: 1,
        member,
        receipt,
    }
}

async fn name(trial: &Trial, set: CounterKey, rule: &Rule, name: &str) -> (bool, Receipt) {
    let action = Action::Reserve {
        cost: 1,
        member: Some(trial.key(name)),
    };
    let decision = trial.decide(&[Op::new(set, rule, action)]).await;
    (decision.is_granted(), decision.state().receipt)
}

/// Each lock is twice as long as the one before, and lets one attempt through when it is over.
pub async fn locks_double(trial: &Trial) {
    let lock = Lock::doubling(trial.unit, trial.unit * 3);
    let (key, rule) = (trial.key("a"), trial.rule(2, 1000.0).lock(lock));
    assert!(trial.reserve(key, &rule).await);
    assert!(trial.reserve(key, &rule).await);
    for units in [1.0, 2.0, 3.0] {
        let refused = trial.decide(&[Op::reserve(key, &rule)]).await;
        assert!(!refused.is_granted());
        trial.changes_in(&refused, &refused.state(), units);
        trial.pass(units + 0.1).await;
        assert!(trial.reserve(key, &rule).await);
    }
    assert_eq!(trial.count(key, &rule).await, 5);
}

/// What is given back may be taken again, and the lock that it made is lifted.
pub async fn a_refund_lifts(trial: &Trial) {
    let lock = Lock::doubling(trial.unit * 10, trial.unit * 10);
    let (key, rule) = (trial.key("a"), trial.rule(2, 1000.0).lock(lock));
    assert!(trial.reserve(key, &rule).await);
    let last = trial
        .act(
            key,
            &rule,
            Action::Reserve {
                cost: 1,
                member: None,
            },
        )
        .await;
    assert!(last.just_locked && !trial.reserve(key, &rule).await);
    let after = trial.act(key, &rule, refund(last.receipt, None)).await;
    assert!(!after.locked && after.count == 1);
    assert!(trial.reserve(key, &rule).await);
    assert!(!trial.reserve(key, &rule).await);
}

/// A refund for a window that has ended gives nothing back in the next.
pub async fn a_later_window_keeps(trial: &Trial) {
    let (key, rule) = (trial.key("a"), trial.rule(2, 1.0));
    let first = trial
        .act(
            key,
            &rule,
            Action::Reserve {
                cost: 1,
                member: None,
            },
        )
        .await;
    trial.pass(1.1).await;
    assert!(trial.reserve(key, &rule).await);
    trial.act(key, &rule, refund(first.receipt, None)).await;
    assert_eq!(trial.count(key, &rule).await, 1);
}

/// A member counts once a window, and again in the next.
pub async fn members_count_once(trial: &Trial) {
    let (set, rule) = (trial.key("set"), trial.rule(3, 2.0));
    for member in ["a", "b", "a", "b", "a"] {
        assert!(name(trial, set, &rule, member).await.0);
    }
    assert_eq!(trial.count(set, &rule).await, 2);
    assert!(name(trial, set, &rule, "c").await.0);
    assert!(!name(trial, set, &rule, "d").await.0, "a fourth");
    assert!(
        name(trial, set, &rule, "a").await.0,
        "one that counts already"
    );
    trial.pass(2.1).await;
    for member in ["c", "a", "d"] {
        assert!(name(trial, set, &rule, member).await.0);
    }
    assert_eq!(trial.count(set, &rule).await, 3);
    assert!(!name(trial, set, &rule, "b").await.0);
}

/// A member is given back by the last that counted it.
pub async fn members_are_given_back(trial: &Trial) {
    let (set, rule) = (trial.key("set"), trial.rule(3, 100.0));
    let (_, first) = name(trial, set, &rule, "a").await;
    let (_, second) = name(trial, set, &rule, "a").await;
    let member = Some(trial.key("a"));
    trial.act(set, &rule, refund(first, member)).await;
    assert_eq!(trial.count(set, &rule).await, 1);
    trial.act(set, &rule, refund(second, member)).await;
    assert_eq!(trial.count(set, &rule).await, 0);
    trial.act(set, &rule, refund(second, member)).await;
    assert_eq!(
        trial.count(set, &rule).await,
        0,
        "given back once too often"
    );
}

/// A refusal writes nothing, whatever else the decision held.
pub async fn nothing_of_a_refusal(trial: &Trial) {
    let (rule, full) = (trial.rule(5, 100.0), trial.rule(1, 100.0));
    assert!(trial.reserve(trial.key("full"), &full).await);
    let member = Some(trial.key("member"));
    let ops = [
        Op::reserve(trial.key("free"), &rule),
        Op::new(trial.key("set"), &rule, Action::Reserve { cost: 1, member }),
        Op::new(trial.key("added"), &rule, Action::Add { points: 3 }),
        Op::reserve(trial.key("full"), &full),
        Op::new(trial.key("rate"), &rule, Action::Gcra { cost: 1 }),
    ];
    let refused = trial.decide(&ops).await;
    assert!(!refused.is_granted());
    let allowed: Vec<bool> = refused.states().iter().map(|state| state.allowed).collect();
    assert_eq!(allowed, [true, true, true, false, true]);
    assert!(refused.states().iter().all(|state| state.count <= 1));
    for name in ["free", "set", "added", "rate", "member"] {
        let state = trial.act(trial.key(name), &rule, Action::Get).await;
        assert!(!state.existed, "{name} was written");
    }
}

/// A cost of nothing only looks, and creates nothing.
pub async fn looks_for_nothing(trial: &Trial) {
    let (key, rule) = (trial.key("a"), trial.rule(1, 100.0));
    let look = Action::Reserve {
        cost: 0,
        member: None,
    };
    assert!(trial.act(key, &rule, look).await.allowed);
    assert!(!trial.act(key, &rule, Action::Get).await.existed);
    assert!(trial.reserve(key, &rule).await);
    assert!(
        trial.act(key, &rule, look).await.allowed,
        "full, but not locked"
    );
    trial.act(key, &rule, Action::Block { time: None }).await;
    assert!(!trial.act(key, &rule, look).await.allowed);
}
