//! Floods of fresh keys: memory stays bounded, nobody gets out of a lock, nobody else into one.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::time::Duration;

use panoply_core::{CounterKey, CounterKeys, CounterStore, Lock, ManualClock, Op, Rule};
use panoply_store_memory::MemoryStore;

struct Flood {
    store: MemoryStore,
    clock: ManualClock,
    keys: CounterKeys,
    pair: Rule,
    client: Rule,
    user: Rule,
}

impl Flood {
    fn new(max_keys: usize, sketch_bytes: usize) -> Self {
        let hour = Duration::from_hours(1);
        let clock = ManualClock::new();
        let lock = Lock::doubling(hour, hour * 24);
        Self {
            store: MemoryStore::builder()
                .max_keys(max_keys)
                .sketch_bytes(sketch_bytes)
                .clock(clock.clone())
                .build(),
            clock,
            keys: CounterKeys::new([3; 16]),
            pair: Rule::new("pair", 10, hour * 24 * 90).lock(lock),
            client: Rule::new("client", 100, hour * 24).lock(Lock::fixed(hour * 24)),
            user: Rule::new("user", 10, hour),
        }
    }

    fn key(&self, rule: &Rule, who: &str, number: u64) -> CounterKey {
        self.keys
            .key(rule.name(), &[who.as_bytes(), &number.to_le_bytes()])
    }

    /// One failed login of somebody's; whether it was let through.
    fn fail(&self, who: &str, number: u64) -> bool {
        let ops = [&self.pair, &self.client, &self.user]
            .map(|rule| Op::reserve(self.key(rule, who, number), rule));
        self.store.decide(&ops).now().unwrap().unwrap().is_granted()
    }

    fn tries(&self, rule: &Rule, who: &str, number: u64) -> usize {
        let op = Op::reserve(self.key(rule, who, number), rule);
        let granted = |_: &i32| {
            self.store
                .decide(&[op])
                .now()
                .unwrap()
                .unwrap()
                .is_granted()
        };
        (0..200).filter(granted).count()
    }
}

fn flood(attempts: u64, max_keys: usize, sketch_bytes: usize, bound: usize) {
    let flood = Flood::new(max_keys, sketch_bytes);
    for _ in 0..10 {
        assert!(flood.fail("locked", 0));
    }
    assert!(!flood.fail("locked", 0));
    assert_eq!(flood.tries(&flood.user, "full", 0), 10);
    for _ in 0..7 {
        assert!(flood.fail("halfway", 0));
    }
    // As cold as what the flood sends, so that they are evicted with it.
    for number in 0..50 {
        assert!(flood.fail("cold", number));
    }
    for number in 0..attempts {
        assert!(flood.fail("flood", number), "attempt {number} was refused");
        flood.clock.advance(Duration::from_micros(100));
        if number % (attempts / 20).max(1) == 0 {
            assert!(!flood.fail("locked", 0), "out of the lock after {number}");
            let bytes = flood.store.bytes();
            assert!(bytes <= bound, "{bytes} bytes after {number}");
        }
    }
    assert_eq!(flood.tries(&flood.user, "full", 0), 0);
    assert_eq!(flood.tries(&flood.user, "halfway", 0), 3);
    assert_eq!(flood.tries(&flood.pair, "halfway", 0), 3);
    for number in 0..50 {
        let left = flood.tries(&flood.pair, "cold", number);
        assert!((7..=9).contains(&left), "{left} tries are left to {number}");
    }
    let refused = (0..100_000)
        .filter(|number| !flood.fail("honest", *number))
        .count();
    assert_eq!(refused, 0, "honest clients were locked");
    assert!(flood.store.len() <= max_keys);
    let bytes = flood.store.bytes();
    assert!(bytes <= bound, "{bytes} bytes");
}

#[test]
fn seven_hundred_thousand_spilled_counters() {
    // Three counters an attempt, of which each span's sketch has a third to hold.
    flood(250_000, 16 * 1024, 1024 * 1024, 5 * 1024 * 1024);
}

/// A step of `cargo xtask test` by itself: `cargo test --profile measure -p panoply-store-memory --test
/// flood -- --ignored`.
#[test]
#[ignore = "five million attempts take seconds when they are optimised, minutes when not"]
fn five_million_attempts_at_the_defaults() {
    flood(5_000_000, 256 * 1024, 16 * 1024 * 1024, 80 * 1024 * 1024);
}

#[test]
fn locked_keys_are_bounded_and_stay_locked() {
    let flood = Flood::new(2048, 1024 * 1024);
    for number in 0..5_000 {
        while flood.fail("locked", number) {}
    }
    assert!(flood.store.len() <= 2048);
    let refused = (0..5_000)
        .filter(|number| !flood.fail("locked", *number))
        .count();
    assert_eq!(refused, 5_000);
}

#[test]
fn what_is_over_makes_room() {
    let flood = Flood::new(16 * 1024, 1024 * 1024);
    let rule = Rule::new("short", 10, Duration::from_secs(1));
    for number in 0..1_000_000 {
        let op = Op::reserve(flood.key(&rule, "a", number), &rule);
        assert!(
            flood
                .store
                .decide(&[op])
                .now()
                .unwrap()
                .unwrap()
                .is_granted()
        );
        flood.clock.advance(Duration::from_millis(1));
    }
    assert!(flood.store.len() < 8_000, "{} are kept", flood.store.len());
}

#[test]
fn a_key_takes_less_than_sixty_four_bytes() {
    let flood = Flood::new(256 * 1024, 1024 * 1024);
    for count in [10_000, 100_000, 200_000] {
        for number in 0..count {
            let key = flood.key(&flood.user, "a", number);
            drop(flood.store.decide(&[Op::reserve(key, &flood.user)]).now());
        }
        let each = flood.store.bytes().div_ceil(flood.store.len());
        assert!(each <= 64, "{each} bytes a key at {count}");
    }
}
