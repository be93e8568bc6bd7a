//! What is there again after the store was closed and opened.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use panoply_core::{
    Action, BlockId, Clock, CounterKey, CounterKeys, CounterStore, Lock, ManualClock, Op, Release,
    Rule, State, Subject,
};
use panoply_store_sqlite::SqliteStore;
use tempfile::TempDir;

const HOUR: Duration = Duration::from_hours(1);

/// A clock of which the date can be set without time going by.
#[derive(Debug, Clone, Default)]
struct Clocks {
    time: ManualClock,
    hours_off: Arc<AtomicI64>,
}

impl Clocks {
    fn set_date(&self, hours: i64) {
        self.hours_off.fetch_add(hours, Ordering::SeqCst);
    }
}

impl Clock for Clocks {
    fn monotonic(&self) -> Duration {
        self.time.monotonic()
    }

    fn wall(&self) -> SystemTime {
        let hours = self.hours_off.load(Ordering::SeqCst);
        let off = HOUR * u32::try_from(hours.unsigned_abs()).unwrap();
        if hours < 0 {
            self.time.wall() - off
        } else {
            self.time.wall() + off
        }
    }
}

struct Case {
    directory: TempDir,
    clocks: Clocks,
    keys: CounterKeys,
    store: Option<SqliteStore>,
}

impl Case {
    fn new() -> Self {
        let mut case = Self {
            directory: tempfile::tempdir().unwrap(),
            clocks: Clocks::default(),
            keys: CounterKeys::new([5; 16]),
            store: None,
        };
        case.restart();
        case
    }

    /// The clock of a process that starts begins anew; the date does not.
    fn restart(&mut self) {
        drop(self.store.take());
        let builder = SqliteStore::builder(self.directory.path().join("c.db"));
        self.store = Some(builder.clock(self.clocks.clone()).open().unwrap());
    }

    fn store(&self) -> &SqliteStore {
        self.store.as_ref().unwrap()
    }

    fn key(&self, name: &str) -> CounterKey {
        self.keys.key("test", &[name.as_bytes()])
    }

    async fn act(&self, name: &str, rule: &Rule, action: Action) -> State {
        let op = Op::new(self.key(name), rule, action);
        self.store().decide(&[op]).await.unwrap().state()
    }

    async fn reserve(&self, name: &str, rule: &Rule) -> bool {
        let op = Op::reserve(self.key(name), rule);
        self.store().decide(&[op]).await.unwrap().is_granted()
    }

    /// How many hours the lock of a key has left.
    async fn locked_for(&self, name: &str, rule: &Rule) -> Option<u64> {
        let look = Action::Reserve {
            cost: 0,
            member: None,
        };
        let op = Op::new(self.key(name), rule, look);
        let decision = self.store().decide(&[op]).await.unwrap();
        let state = decision.state();
        let left = decision.wait(&state).unwrap();
        state.locked.then(|| (left + HOUR / 60).as_secs() / 3600)
    }
}

#[tokio::test]
async fn everything_is_there_again() {
    let mut case = Case::new();
    let pair = Rule::new("pair", 10, HOUR * 24 * 90).lock(Lock::doubling(HOUR, HOUR * 24));
    let rate = Rule::new("rate", 4, HOUR);
    let plain = Rule::new("plain", 5, HOUR);
    let names = Rule::new("names", 3, HOUR);
    let address = "203.0.113.9".parse().unwrap();
    for _ in 0..7 {
        assert!(case.reserve("seven", &pair).await);
    }
    let about = Op::reserve(case.key("locked"), &pair).about(Subject::UserFrom(address));
    while case.store().decide(&[about]).await.unwrap().is_granted() {}
    case.clocks.time.advance(HOUR * 3 / 2);
    assert!(case.store().decide(&[about]).await.unwrap().is_granted());
    case.act("by hand", &pair, Action::Block { time: None })
        .await;
    case.act("rate", &rate, Action::Gcra { cost: 3 }).await;
    case.act("plain", &plain, Action::Add { points: 4 }).await;
    for name in ["a", "b"] {
        let member = Some(case.key(name));
        case.act("set", &names, Action::Reserve { cost: 1, member })
            .await;
    }
    case.act(
        "gone",
        &pair,
        Action::Set {
            count: 9,
            window: None,
        },
    )
    .await;
    case.act("gone", &pair, Action::Forget).await;
    let id = BlockId::of(case.key("released"));
    case.act("released", &pair, Action::Block { time: None })
        .await;
    assert_eq!(case.store().release(Release::Id(id)).await.unwrap(), 1);
    let blocks = case.store().blocks(None, 10).await.unwrap();
    assert_eq!(blocks.len(), 2);

    case.restart();
    assert_eq!(case.store().blocks(None, 10).await.unwrap(), blocks);
    assert!(
        blocks
            .iter()
            .any(|block| block.subject == Subject::UserFrom(address))
    );
    assert_eq!(case.act("seven", &pair, Action::Get).await.count, 7);
    // It was the second lock, of two hours; after it the third is of four.
    assert_eq!(case.locked_for("locked", &pair).await, Some(2));
    case.clocks.time.advance(HOUR * 2);
    case.restart();
    assert!(case.store().decide(&[about]).await.unwrap().is_granted());
    assert_eq!(case.locked_for("locked", &pair).await, Some(4));
    assert!(!case.act("gone", &pair, Action::Get).await.existed);
    assert!(!case.act("released", &pair, Action::Get).await.existed);
}

#[tokio::test]
async fn rates_and_members_are_there_again() {
    let mut case = Case::new();
    let rate = Rule::new("rate", 4, HOUR);
    let names = Rule::new("names", 2, HOUR);
    let name = |case: &Case, name: &str| {
        let member = Some(case.key(name));
        (member, Action::Reserve { cost: 1, member }).1
    };
    assert!(
        case.act("rate", &rate, Action::Gcra { cost: 3 })
            .await
            .allowed
    );
    case.act("plain", &rate, Action::Add { points: 4 }).await;
    for member in ["a", "b"] {
        assert!(case.act("set", &names, name(&case, member)).await.allowed);
    }
    case.restart();
    assert!(
        !case
            .act("rate", &rate, Action::Gcra { cost: 2 })
            .await
            .allowed
    );
    assert!(
        case.act("rate", &rate, Action::Gcra { cost: 1 })
            .await
            .allowed
    );
    assert_eq!(case.act("plain", &rate, Action::Get).await.count, 4);
    assert!(case.act("set", &names, name(&case, "a")).await.allowed);
    assert!(!case.act("set", &names, name(&case, "c")).await.allowed);
}

#[tokio::test]
async fn a_clock_that_is_set_frees_nobody() {
    let mut case = Case::new();
    let rule = Rule::new("pair", 1, HOUR * 24).lock(Lock::fixed(HOUR * 10));
    assert!(case.reserve("a", &rule).await);
    assert_eq!(case.locked_for("a", &rule).await, Some(10));
    // Set while the process runs: known, and of no influence.
    for hours in [500, -1000] {
        case.clocks.set_date(hours);
        case.store().flush().await.unwrap();
        assert_eq!(case.locked_for("a", &rule).await, Some(10));
        case.restart();
        assert_eq!(case.locked_for("a", &rule).await, Some(10), "{hours}");
    }
    // A lock that was made under the wrong date.
    assert!(case.reserve("b", &rule).await);
    case.clocks.set_date(500);
    case.restart();
    assert_eq!(case.locked_for("b", &rule).await, Some(10));
    // Set back while no process runs: the time stands still.
    drop(case.store.take());
    case.clocks.set_date(-100);
    case.restart();
    assert_eq!(case.locked_for("b", &rule).await, Some(10));
    // Time that goes by while no process runs counts.
    drop(case.store.take());
    case.clocks.time.advance(HOUR * 4);
    case.restart();
    assert_eq!(case.locked_for("b", &rule).await, Some(6));
}

#[tokio::test]
async fn what_is_given_back_is_the_memory_too() {
    let mut case = Case::new();
    let store = case.store.take().unwrap();
    let rule = Rule::new("limit", 10, HOUR);
    for number in 0..2_000_u32 {
        let key = case.keys.key("limit", &[&number.to_be_bytes()]);
        store.decide(&[Op::reserve(key, &rule)]).await.unwrap();
    }
    let (held, key) = (store.bytes(), case.keys.key("limit", &[&[0; 4]]));
    store.close();
    assert!(store.is_empty() && store.bytes() < held / 10, "{held}");
    // Whoever has it next finds it all, though somebody still has the one that was closed.
    case.restart();
    let next = case.store.as_ref().unwrap();
    let state = next.decide(&[Op::reserve(key, &rule)]).await.unwrap();
    assert_eq!((next.len(), state.state().count), (2_000, 2));
    drop(store);
}
