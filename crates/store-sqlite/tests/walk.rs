//! A walk by chance with restarts and crashes, beside the same walk in memory alone.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use panoply_core::{
    Action, Clock, CounterKey, CounterStore, Lock, ManualClock, Moment, Op, Receipt, Rule,
};
use panoply_store_memory::MemoryStore;
use panoply_store_sqlite::SqliteStore;
use proptest::prelude::*;

const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug, Clone)]
enum Step {
    Decide(Vec<(u8, u8, Action)>),
    Pass(u32),
    Release(u8),
    /// Closed, and opened again.
    Restart,
    /// Killed: what is on disk at this moment is opened.
    Crash,
}

fn rules() -> [Rule; 4] {
    [
        Rule::new("plain", 3, HOUR * 4),
        Rule::new("doubling", 3, HOUR * 40).lock(Lock::doubling(HOUR, HOUR * 8)),
        Rule::new("ever", 2, HOUR)
            .without_window()
            .lock(Lock::fixed(HOUR * 3)),
        Rule::new("names", 2, HOUR * 5).lock(Lock::fixed(HOUR * 7)),
    ]
}

fn key(rule: u8, number: u8) -> CounterKey {
    // In different parts of the memory.
    CounterKey::from_bits(u128::from(rule) << 125 | u128::from(number) << 120 | 1)
}

fn action() -> impl Strategy<Value = Action> {
    let time = prop_oneof![Just(None), (1u32..9).prop_map(|hours| Some(HOUR * hours))];
    prop_oneof![
        6 => Just(Action::Reserve { cost: 1, member: None }),
        3 => Just(Action::Refund { cost: 1, member: None, receipt: Receipt::default() }),
        1 => time.prop_map(|time| Action::Block { time }),
        1 => (0i64..5).prop_map(|count| Action::Set { count, window: Some(HOUR * 4) }),
        1 => Just(Action::Forget),
        1 => Just(Action::Get),
    ]
}

fn steps(crashes: bool) -> impl Strategy<Value = Vec<Step>> {
    let lazy = prop_oneof![
        4 => action(),
        1 => (-2i64..4).prop_map(|points| Action::Add { points }),
        1 => (1i64..4).prop_map(|points| Action::Consume { points, window: None }),
    ];
    let action = if crashes {
        action().boxed()
    } else {
        lazy.boxed()
    };
    let ops = prop::collection::vec((0u8..4, 0u8..3, action), 1..4);
    let again = if crashes { Step::Crash } else { Step::Restart };
    let step = prop_oneof![
        30 => ops.prop_map(Step::Decide),
        4 => (1u32..40).prop_map(Step::Pass),
        1 => (0u8..3).prop_map(Step::Release),
        2 => Just(again),
    ];
    prop::collection::vec(step, 1..150)
}

fn open(path: &Path, clock: &ManualClock) -> SqliteStore {
    let builder = SqliteStore::builder(path).clock(clock.clone());
    builder.open().unwrap()
}

async fn walk(steps: Vec<Step>) {
    let directory = tempfile::tempdir().unwrap();
    let mut path = directory.path().join("0.db");
    let clock = ManualClock::new();
    let since = clock.wall().duration_since(UNIX_EPOCH).unwrap();
    let memory = MemoryStore::builder()
        .clock(clock.clone())
        .starting_at(Moment::ZERO.after(Some(since)))
        .build();
    let mut store = open(&path, &clock);
    let rules = rules();
    let mut receipts = std::collections::HashMap::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Decide(asked) => {
                let mut ops: Vec<Op<'_>> = Vec::new();
                for (rule, number, mut action) in asked {
                    let key = key(rule, number);
                    if ops
                        .iter()
                        .any(|op| op.key == key || op.rule == &rules[usize::from(rule)])
                    {
                        continue;
                    }
                    let name =
                        (rule == 3).then(|| CounterKey::from_bits(u128::from(number) << 100));
                    match &mut action {
                        Action::Reserve { member, .. } => *member = name,
                        Action::Refund {
                            member, receipt, ..
                        } => {
                            *member = name;
                            *receipt = receipts.get(&key).copied().unwrap_or_default();
                        }
                        _ => {}
                    }
                    ops.push(Op::new(key, &rules[usize::from(rule)], action));
                }
                let decision = store.decide(&ops).await.unwrap();
                assert_eq!(decision, memory.decide(&ops).await.unwrap(), "{ops:?}");
                for (op, state) in ops.iter().zip(decision.states()) {
                    receipts.insert(op.key, state.receipt);
                }
            }
            Step::Pass(quarters) => clock.advance(HOUR / 4 * quarters),
            Step::Release(number) => {
                let id = panoply_core::Release::Id(panoply_core::BlockId::of(key(1, number)));
                let released = store.release(id).await.unwrap();
                assert_eq!(released, memory.release(id).await.unwrap());
            }
            Step::Restart => {
                drop(store);
                store = open(&path, &clock);
            }
            Step::Crash => {
                let copy = directory.path().join(format!("after {number}.db"));
                let journal = |path: &Path| path.with_extension("db-wal");
                fs::copy(&path, &copy).unwrap();
                fs::copy(journal(&path), journal(&copy)).unwrap();
                store = open(&copy, &clock);
                path = copy;
            }
        }
        let blocks = store.blocks(None, 100).await.unwrap();
        assert_eq!(blocks, memory.blocks(None, 100).await.unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn restarts_change_nothing(steps in steps(false)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(walk(steps));
    }

    #[test]
    fn crashes_change_nothing_that_was_answered(steps in steps(true)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(walk(steps));
    }
}
