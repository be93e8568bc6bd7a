//! Floods of sessions: memory stays bounded, and nobody who is logged in is logged out.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::time::Duration;

use panoply_core::{
    Committed, Cycle, Destroy, Loaded, ManualClock, SessionChange, SessionKey, SessionStore,
    UserChange, UserKey,
};
use panoply_store_memory::MemorySessionStore;

struct Flood {
    store: MemorySessionStore,
    clock: ManualClock,
}

/// A key that is spread as a hash is.
fn key(number: u64) -> SessionKey {
    let mut hash = [0; 32];
    for (place, part) in hash.chunks_mut(8).zip(1..) {
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (part << 32));
        place.copy_from_slice(&(mixed ^ (mixed >> 29)).to_be_bytes());
    }
    SessionKey::from_hash(hash)
}

impl Flood {
    fn new(sessions: usize, bytes: usize) -> Self {
        let clock = ManualClock::new();
        Self {
            store: MemorySessionStore::builder()
                .max_sessions(sessions)
                .max_bytes(bytes)
                .clock(clock.clone())
                .build(),
            clock,
        }
    }

    fn commit(&self, number: u64, change: &SessionChange) -> Committed {
        self.clock.advance(Duration::from_micros(100));
        self.store
            .commit(&key(number), change)
            .now()
            .unwrap()
            .unwrap()
    }

    fn make(&self, number: u64, change: impl Fn(SessionChange) -> SessionChange) {
        let create = SessionChange::create(Duration::from_mins(30), Duration::from_hours(12));
        let made = self.commit(number, &change(create));
        assert!(matches!(made, Committed::Done(_)), "{made:?}");
    }

    fn log_in(&self, number: u64) {
        let user = UserKey::from_hash(*key(number).hash());
        self.make(number, |create| {
            create.user(UserChange::Set { user, most: None })
        });
    }

    fn is_live(&self, number: u64) -> bool {
        let key = key(number);
        matches!(self.store.load(&key).now(), Ok(Ok(Loaded::Live(_))))
    }

    fn live(&self, numbers: std::ops::Range<u64>) -> usize {
        numbers.filter(|number| self.is_live(*number)).count()
    }
}

#[test]
fn a_flood_logs_nobody_out() {
    let flood = Flood::new(4096, 64 * 1024 * 1024);
    for number in 0..1000 {
        flood.log_in(number);
    }
    for number in 1000..100_000 {
        flood.make(number, |create| create.set("a", "1"));
        assert!(flood.store.len() <= 4096 + 16);
    }
    assert_eq!(flood.live(0..1000), 1000);
    assert!(flood.is_live(99_999), "the latest is there");
    assert!(flood.live(1000..100_000) > 2500);
}

#[test]
fn of_users_those_go_who_were_away_for_longest() {
    let flood = Flood::new(4096, 64 * 1024 * 1024);
    for number in 0..4000 {
        flood.log_in(number);
    }
    for number in 0..100 {
        let touched = flood.commit(number, &SessionChange::new());
        assert!(matches!(touched, Committed::Done(_) | Committed::Gone));
    }
    let touched = flood.live(0..100);
    for number in 4000..6000 {
        flood.log_in(number);
    }
    assert_eq!(flood.live(0..100), touched);
    assert!(flood.live(100..2000) < 1000);
    assert!(flood.store.len() <= 4096 + 16);
}

#[test]
fn bytes_are_bounded() {
    let most = 8 * 1024 * 1024;
    let flood = Flood::new(100_000, most);
    let large = "x".repeat(60_000);
    flood.log_in(0);
    for number in 1..1000 {
        flood.make(number, |create| create.set("a", large.clone()));
        let bytes = flood.store.bytes();
        assert!(bytes <= most, "{bytes} bytes after {number}");
    }
    assert!(flood.is_live(0) && flood.is_live(999));
    // One that grows makes room as well.
    for number in 1000..1400 {
        flood.make(number, |create| create);
    }
    for number in 1000..1400 {
        flood.commit(number, &SessionChange::new().set("a", large.clone()));
        assert!(flood.store.bytes() <= most);
    }
    assert!(flood.is_live(0));
}

#[test]
fn what_is_over_is_swept_and_counted_out() {
    let flood = Flood::new(100_000, 64 * 1024 * 1024);
    for number in 0..2000 {
        flood.log_in(number);
        if number % 3 == 0 {
            let to = key(number + 1_000_000);
            let cycle = Cycle::renew(to, Duration::from_secs(30));
            flood.commit(number, &SessionChange::new().cycle(cycle));
        }
        if number % 5 == 0 {
            let key = key(number);
            assert!(matches!(
                flood.store.destroy(Destroy::Key(&key)).now(),
                Ok(Ok(1))
            ));
        }
    }
    flood.clock.advance(Duration::from_mins(31));
    flood.store.sweep();
    assert_eq!(flood.store.bytes(), 0);
    let tombstones = flood.store.len();
    assert!((400..=600).contains(&tombstones), "{tombstones}");
    flood.clock.advance(Duration::from_hours(12));
    // A commit sweeps its own part, once a minute.
    for number in 10_000..10_200 {
        flood.make(number, |create| create);
    }
    assert_eq!(flood.store.len(), 200);
}

#[test]
fn a_flood_of_renewed_keys_is_bounded() {
    let flood = Flood::new(1024, 64 * 1024 * 1024);
    flood.log_in(0);
    for number in 0..20_000 {
        let cycle = Cycle::renew(key(number + 1), Duration::from_hours(1));
        let cycled = flood.commit(number, &SessionChange::new().cycle(cycle));
        assert!(matches!(cycled, Committed::Done(stamp) if stamp.cycled));
        assert!(flood.store.len() <= 1024 + 16);
    }
    assert!(flood.is_live(20_000));
}

#[test]
fn a_read_does_not_wait_for_a_read() {
    let flood = Flood::new(1024, 64 * 1024 * 1024);
    flood.make(0, |create| create.set("a", "1"));
    let Ok(Ok(Loaded::Live(one))) = flood.store.load(&key(0)).now() else {
        panic!("there is no session");
    };
    let Ok(Ok(Loaded::Live(other))) = flood.store.load(&key(0)).now() else {
        panic!("there is no session");
    };
    assert!(
        std::sync::Arc::ptr_eq(&one.record, &other.record),
        "nothing is copied"
    );
}
