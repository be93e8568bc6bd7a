//! The operations of rate-limiter-flexible, and rates.

use std::time::Duration;

use panoply_core::{Action, Lock, Op};

use crate::Trial;

const fn consume(points: i64) -> Action {
    Action::Consume {
        points,
        window: None,
    }
}

/// Points are counted though they are refused; the window is that of the first.
pub async fn consumes(trial: &Trial) {
    let (key, rule) = (trial.key("a"), trial.rule(2, 2.0));
    let first = trial.act(key, &rule, consume(1)).await;
    assert!(first.allowed && first.first && !first.existed);
    assert!(trial.act(key, &rule, consume(1)).await.allowed);
    trial.pass(1.0).await;
    let decision = trial.decide(&[Op::new(key, &rule, consume(3))]).await;
    let over = decision.state();
    assert!(!over.allowed && over.count == 5 && decision.is_granted());
    trial.changes_in(&decision, &over, 1.0);
    trial.pass(1.1).await;
    assert!(!trial.act(key, &rule, Action::Get).await.existed);
    assert!(trial.act(key, &rule, consume(1)).await.first);
}

/// A penalty refuses nothing and locks past the points; a reward may go below zero.
pub async fn penalties_and_rewards(trial: &Trial) {
    let rule = trial.rule(2, 50.0).lock(Lock::fixed(trial.unit * 100));
    let key = trial.key("a");
    let rewarded = trial.act(key, &rule, Action::Add { points: -3 }).await;
    assert!(rewarded.first && rewarded.count == -3);
    assert!(trial.act(key, &rule, consume(5)).await.allowed);
    let decision = trial
        .decide(&[Op::new(key, &rule, Action::Add { points: 1 })])
        .await;
    assert!(decision.state().allowed && decision.state().just_locked);
    trial.changes_in(&decision, &decision.state(), 100.0);
    assert!(!trial.act(key, &rule, consume(0)).await.allowed);
}

/// A count that is set has a window of its own; a lock stays.
pub async fn sets(trial: &Trial) {
    let (key, rule) = (trial.key("a"), trial.rule(5, 10.0));
    let set = |count, units| Action::Set {
        count,
        window: Some(trial.unit.mul_f64(units)),
    };
    let state = trial.act(key, &rule, set(4, 1.0)).await;
    assert_eq!((state.count, state.existed), (4, false));
    assert!(trial.act(key, &rule, consume(1)).await.allowed);
    assert!(!trial.act(key, &rule, consume(1)).await.allowed);
    trial.pass(1.1).await;
    assert!(!trial.act(key, &rule, Action::Forget).await.existed);
    trial.act(key, &rule, Action::Block { time: None }).await;
    assert!(trial.act(key, &rule, set(0, 1.0)).await.locked);
    assert!(!trial.act(key, &rule, consume(1)).await.allowed);
    assert!(trial.act(key, &rule, Action::Forget).await.existed);
    assert!(trial.act(key, &rule, consume(1)).await.allowed);
}

/// A block without an end survives attempts; one of less than a second ends.
pub async fn blocks_for_ever(trial: &Trial) {
    let (key, rule) = (trial.key("a"), trial.rule(2, 0.5));
    trial.act(key, &rule, Action::Block { time: None }).await;
    for _ in 0..3 {
        let decision = trial.decide(&[Op::new(key, &rule, consume(1))]).await;
        assert!(!decision.state().allowed && decision.wait(&decision.state()).is_none());
        trial.pass(0.6).await;
    }
    let short = Action::Block {
        time: Some(trial.unit / 2),
    };
    trial.act(key, &rule, short).await;
    assert!(!trial.act(key, &rule, consume(1)).await.allowed);
    trial.pass(0.6).await;
    assert!(trial.act(key, &rule, consume(1)).await.allowed);
}

/// A reward does not lift a block.
pub async fn no_reward_lifts(trial: &Trial) {
    let (key, rule) = (trial.key("a"), trial.rule(2, 100.0));
    let block = Action::Block {
        time: Some(trial.unit * 10),
    };
    assert_eq!(trial.act(key, &rule, block).await.count, 3);
    let rewarded = trial.act(key, &rule, Action::Add { points: -3 }).await;
    assert!(rewarded.locked && rewarded.count == 0);
    assert!(!trial.act(key, &rule, consume(1)).await.allowed);
    assert!(!trial.reserve(key, &rule).await);
}

/// A window other than the rule's holds only for the one that opens it.
pub async fn custom_windows(trial: &Trial) {
    let (key, rule) = (trial.key("a"), trial.rule(5, 1.0));
    let long = Action::Consume {
        points: 1,
        window: Some(trial.unit * 50),
    };
    trial.act(key, &rule, long).await;
    trial.pass(1.1).await;
    assert_eq!(trial.act(key, &rule, consume(1)).await.count, 2);
}

/// Ten years are ten years, and no window at all is for ever.
pub async fn long_windows(trial: &Trial) {
    const TEN_YEARS: Duration = Duration::from_hours(10 * 366 * 24);
    let rule = panoply_core::Rule::new("long", 1, TEN_YEARS);
    let (key, ever) = (trial.key("a"), trial.rule(1, 1.0).without_window());
    assert!(trial.reserve(key, &rule).await);
    let refused = trial.decide(&[Op::reserve(key, &rule)]).await;
    let left = refused.wait(&refused.state()).unwrap();
    assert!(
        TEN_YEARS.abs_diff(left) < Duration::from_mins(1),
        "{left:?}"
    );
    let key = trial.key("ever");
    assert!(trial.reserve(key, &ever).await);
    trial.pass(1.1).await;
    let refused = trial.decide(&[Op::reserve(key, &ever)]).await;
    assert!(!refused.is_granted() && refused.wait(&refused.state()).is_none());
}

/// A rate lets its burst through and then one for each share of the window.
pub async fn rates(trial: &Trial) {
    let (key, rule) = (trial.key("a"), trial.rule(4, 4.0));
    let take = |cost| [Op::new(key, &rule, Action::Gcra { cost })];
    for taken in 1..=4 {
        let decision = trial.decide(&take(1)).await;
        assert!(decision.is_granted());
        assert_eq!(decision.state().count, taken);
    }
    let refused = trial.decide(&take(1)).await;
    assert!(!refused.is_granted());
    trial.changes_in(&refused, &refused.state(), 1.0);
    trial.pass(2.2).await;
    assert!(trial.decide(&take(2)).await.is_granted());
    assert!(!trial.decide(&take(1)).await.is_granted());
    trial.act(key, &rule, Action::Forget).await;
    assert!(trial.decide(&take(4)).await.is_granted());
}
