//! A store on trial.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{
    Action, CounterKey, CounterKeys, CounterStore, Decision, ManualClock, Op, Rule, State,
};

/// An empty store and the way its time passes.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The store.
    pub store: Arc<dyn CounterStore>,
    /// What the cases measure time in: an hour where the clock is moved, less where it is waited.
    pub unit: Duration,
    clock: Option<ManualClock>,
    keys: CounterKeys,
    _server: Option<Arc<dyn Any + Send + Sync>>,
}

impl Trial {
    /// A store whose time is moved by hand.
    pub fn moved(store: Arc<dyn CounterStore>, clock: ManualClock) -> Self {
        Self {
            store,
            unit: Duration::from_hours(1),
            clock: Some(clock),
            keys: CounterKeys::random().unwrap(),
            _server: None,
        }
    }

    /// A store with a clock of its own, for which the suite waits.
    pub fn waited(store: Arc<dyn CounterStore>, unit: Duration) -> Self {
        Self {
            unit,
            clock: None,
            ..Self::moved(store, ManualClock::new())
        }
    }

    /// The same, with the server that the store needs: it ends with the trial.
    #[must_use]
    pub fn on(self, server: impl Any + Send + Sync) -> Self {
        Self {
            _server: Some(Arc::new(server)),
            ..self
        }
    }

    /// Whether times can be compared to the millisecond.
    pub const fn is_exact(&self) -> bool {
        self.clock.is_some()
    }

    /// Lets `units` go by.
    pub async fn pass(&self, units: f64) {
        let time = self.unit.mul_f64(units);
        match &self.clock {
            Some(clock) => clock.advance(time),
            None => tokio::time::sleep(time).await,
        }
    }

    /// A key of its own for `name`.
    pub fn key(&self, name: &str) -> CounterKey {
        self.keys.key("test", &[name.as_bytes()])
    }

    /// A rule of `points` in `units`.
    pub fn rule(&self, points: i64, units: f64) -> Rule {
        Rule::new("test/rule", points, self.unit.mul_f64(units))
    }

    /// Decides, and expects the store to answer.
    pub async fn decide(&self, ops: &[Op<'_>]) -> Decision {
        self.store.decide(ops).await.unwrap()
    }

    /// Does one thing to one key.
    pub async fn act(&self, key: CounterKey, rule: &Rule, action: Action) -> State {
        self.decide(&[Op::new(key, rule, action)]).await.state()
    }

    /// Whether one more point is granted.
    pub async fn reserve(&self, key: CounterKey, rule: &Rule) -> bool {
        self.decide(&[Op::reserve(key, rule)]).await.is_granted()
    }

    /// The count, as it stands.
    pub async fn count(&self, key: CounterKey, rule: &Rule) -> i64 {
        self.act(key, rule, Action::Get).await.count
    }

    /// Asserts that `state` changes in about `units`, exactly where the clock is moved.
    pub fn changes_in(&self, decision: &Decision, state: &State, units: f64) {
        let left = decision.wait(state).unwrap();
        let expected = self.unit.mul_f64(units);
        let off = left.abs_diff(expected);
        let allowed = if self.is_exact() {
            Duration::from_millis(1)
        } else {
            self.unit / 2
        };
        assert!(off <= allowed, "{left:?} left, expected {expected:?}");
    }
}
