//! Many callers at once.

use panoply_core::{Lock, Op, Rule};
use tokio::task::JoinSet;

use crate::Trial;

/// How many of `callers` are granted when each reserves the same `ops`.
async fn granted(trial: &Trial, callers: usize, ops: Vec<(&'static str, Rule)>) -> usize {
    let mut callers_at_once = JoinSet::new();
    for number in 0..callers {
        let (trial, mut ops) = (trial.clone(), ops.clone());
        if number % 2 == 1 {
            ops.reverse();
        }
        callers_at_once.spawn(async move {
            let ops: Vec<Op<'_>> = ops
                .iter()
                .map(|(name, rule)| Op::reserve(trial.key(name), rule))
                .collect();
            trial.decide(&ops).await.is_granted()
        });
    }
    let answers = callers_at_once.join_all().await;
    answers.into_iter().filter(|granted| *granted).count()
}

/// A limit of ten lets ten through, however many come at once.
pub async fn exactly_ten_of_a_thousand(trial: &Trial) {
    let rule = trial.rule(10, 1000.0);
    assert_eq!(granted(trial, 1000, vec![("a", rule.clone())]).await, 10);
    assert_eq!(trial.count(trial.key("a"), &rule).await, 10);
}

/// A lock at the tenth lets ten through as well.
pub async fn locks_once(trial: &Trial) {
    let rule = trial
        .rule(10, 1000.0)
        .lock(Lock::doubling(trial.unit * 100, trial.unit * 1000));
    assert_eq!(granted(trial, 300, vec![("a", rule.clone())]).await, 10);
    let refused = trial.decide(&[Op::reserve(trial.key("a"), &rule)]).await;
    trial.changes_in(&refused, &refused.state(), 100.0);
}

/// The narrowest counter of a decision decides, and the others spend no more than it.
pub async fn all_or_nothing(trial: &Trial) {
    let wide = trial.rule(10, 1000.0);
    let narrow = trial.rule(5, 1000.0);
    let ops = vec![("wide", wide.clone()), ("narrow", narrow)];
    assert_eq!(granted(trial, 300, ops).await, 5);
    assert_eq!(trial.count(trial.key("wide"), &wide).await, 5);
}

/// Decisions that name the same counters in another order do not wait for each other for ever.
pub async fn no_deadlock(trial: &Trial) {
    let rule = trial.rule(100, 1000.0);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let ops = names.map(|name| (name, rule.clone())).to_vec();
    assert_eq!(granted(trial, 400, ops).await, 100);
    for name in names {
        assert_eq!(trial.count(trial.key(name), &rule).await, 100);
    }
}
