//! Large numbers: the script counts in doubles, and must say what `Record` says in integers.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

mod server;

use std::collections::HashMap;
use std::time::Duration;

use panoply_core::{Action, CounterKey, CounterStore, Lock, Moment, Op, Record, Rule};

use server::Server;

/// Numbers that look random and are the same each time, of every order of magnitude.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll().is_multiple_of(sides)
    }

    fn below(&mut self, bits: u64) -> u64 {
        let bits = self.roll() % bits + 1;
        self.roll() & ((1 << bits) - 1)
    }

    fn points(&mut self) -> i64 {
        let points = i64::try_from(self.below(52)).unwrap();
        if self.one_in(4) { -points } else { points }
    }

    /// Up to 140 years, which with the time since 1970 is still less than 2⁵³ µs.
    fn time(&mut self) -> Duration {
        Duration::from_micros(self.below(52))
    }

    fn action(&mut self, records: &HashMap<CounterKey, Record>, key: CounterKey) -> Action {
        match self.roll() % 10 {
            0 | 1 => Action::Reserve {
                cost: u32::try_from(self.below(32)).unwrap(),
                member: None,
            },
            2 => {
                let record = records.get(&key).copied().unwrap_or_default();
                let lock = Some(record.lock_end).filter(|_| self.one_in(2));
                Action::Refund {
                    cost: u32::try_from(self.below(32)).unwrap(),
                    member: None,
                    receipt: panoply_core::Receipt::new(record.window_end, lock),
                }
            }
            3..=5 => Action::Gcra {
                cost: u32::try_from(self.below(32)).unwrap(),
            },
            6 => Action::Consume {
                points: self.points() / 2,
                window: Some(self.time()).filter(|_| self.one_in(2)),
            },
            7 => Action::Add {
                points: self.points() / 2,
            },
            8 => Action::Set {
                count: self.points() / 2,
                window: Some(self.time()).filter(|_| !self.one_in(4)),
            },
            _ => Action::Block {
                time: Some(self.time()).filter(|_| !self.one_in(4)),
            },
        }
    }
}

/// Whether the numbers are such that the script need not be exact.
fn is_too_large(record: &Record) -> bool {
    is_many(record.count) || is_far(record.window_end) || is_far(record.lock_end)
}

const fn is_many(count: i64) -> bool {
    count.unsigned_abs() >= (1 << 53) - 1
}

#[tokio::test]
async fn large_numbers_are_exact() {
    let server = Server::start().await;
    let store = server.store().await;
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut records: HashMap<CounterKey, Record> = HashMap::new();
    let mut rates = 0;
    for round in 0..20_000 {
        let rule = Rule::new("r", dice.points(), dice.time());
        let rule = match dice.roll() % 3 {
            0 => rule.lock(Lock::doubling(dice.time(), dice.time())),
            1 => rule.lock(Lock::fixed(dice.time())),
            _ => rule,
        };
        // A few keys each time anew, so that one with a lock for ever does not stay in the way.
        let key = CounterKey::from_bits((round / 50 * 4 + u128::from(dice.roll() % 4)) << 64);
        let action = dice.action(&records, key);
        let op = [Op::new(key, &rule, action)];
        let decision = store.decide(&op).await.unwrap();
        let before = records.get(&key).copied();
        let (after, state) = Record::apply(before, &rule, &action, false, decision.now());
        let ours = decision.state();
        if after.as_ref().is_some_and(is_too_large) || is_many(state.count) || is_far(state.until) {
            let forget = [Op::new(key, &rule, Action::Forget)];
            store.decide(&forget).await.unwrap();
            records.remove(&key);
            continue;
        }
        let would_reach = state.until.after(rule.window());
        if matches!(action, Action::Gcra { .. }) && !state.allowed && is_far(would_reach) {
            continue;
        }
        rates += usize::from(matches!(action, Action::Gcra { .. }) && state.count > 1);
        let mut expected = state;
        if matches!(action, Action::Gcra { .. }) {
            // Of a product beyond 64 bits the arithmetic says one more where it divides evenly.
            // How much of a rate a window without an end takes is no number.
            let endless = before.is_some_and(|record| record.window_end == Moment::NEVER);
            let near = endless || (state.count - 1..=state.count).contains(&ours.count);
            assert!(
                near,
                "{round}: {ours:?} for {state:?} by {op:?} on {before:?}"
            );
            expected.count = ours.count;
        }
        assert_eq!(ours, expected, "{round}: {op:?} on {before:?}");
        match after {
            Some(mut record) if state.allowed || !action.is_condition() => {
                if matches!(action, Action::Gcra { .. }) {
                    record.count = ours.count;
                }
                records.insert(key, record)
            }
            Some(_) => None,
            None => records.remove(&key),
        };
    }
    assert!(rates > 500, "{rates}");
}

/// What is seldom: a counter that was given its strike back, under a rule that locks nobody; and
/// that the server forgets a counter with its window however often it was counted.
#[tokio::test]
async fn a_plain_reservation_keeps_what_it_does_not_change() {
    let server = Server::start().await;
    let (store, mut look) = (server.store().await, server.look().await);
    let rule = Rule::new("r", 10, Duration::from_hours(1));
    let key = CounterKey::from_bits(7 << 90);
    let name = [b"{panoply}:c".as_slice(), &key.to_bits().to_be_bytes()].concat();
    for _ in 0..2 {
        let decision = store.decide(&[Op::reserve(key, &rule)]).await.unwrap();
        assert!(decision.is_granted());
        let mut left = redis::cmd("PTTL");
        let left: i64 = left.arg(&name).query_async(&mut look).await.unwrap();
        assert!((1..=3_600_001).contains(&left), "{left}");
    }
    let mut get = redis::cmd("GET");
    let kept: Vec<u8> = get.arg(&name).query_async(&mut look).await.unwrap();
    let (count, strikes) = (kept.first().copied(), kept.last().copied());
    assert_eq!((count, strikes, kept.len()), (Some(2), Some(0), 25));
    let mut struck = kept;
    *struck.last_mut().unwrap() = 3;
    let mut set = redis::cmd("SET");
    set.arg(&name).arg(&struck);
    let _: () = set.query_async(&mut look).await.unwrap();
    store.decide(&[Op::reserve(key, &rule)]).await.unwrap();
    let kept: Vec<u8> = get.query_async(&mut look).await.unwrap();
    assert_eq!((kept.first(), kept.last()), (Some(&3), Some(&3)));
}

/// What has no window has no end with the server either, however often it is counted; what has one of no
/// length is not kept.
#[tokio::test]
async fn a_plain_reservation_ends_as_any_other() {
    let server = Server::start().await;
    let (store, mut look) = (server.store().await, server.look().await);
    let name = |key: CounterKey| [b"{panoply}:c".as_slice(), &key.to_bits().to_be_bytes()].concat();
    let (endless, never) = (
        CounterKey::from_bits(8 << 90),
        CounterKey::from_bits(9 << 90),
    );
    let rule = Rule::new("r", 10, Duration::ZERO);
    let without = rule.clone().without_window();
    for _ in 0..2 {
        for (key, rule, left) in [(endless, &without, -1), (never, &rule, -2)] {
            store.decide(&[Op::reserve(key, rule)]).await.unwrap();
            let mut ttl = redis::cmd("PTTL");
            ttl.arg(name(key));
            let found: i64 = ttl.query_async(&mut look).await.unwrap();
            assert_eq!(found, left);
        }
    }
}

fn is_far(moment: Moment) -> bool {
    moment != Moment::NEVER && moment.as_micros() >= 1 << 53
}
