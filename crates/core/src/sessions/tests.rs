use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::Moment;

const MINUTE: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_secs(30);

fn key(number: u8) -> SessionKey {
    SessionKey::from_hash([number; 32])
}

/// One session, moved through time by hand, under all of its keys.
struct One {
    slot: Option<SessionSlot>,
    now: Moment,
}

impl One {
    fn new() -> Self {
        let mut one = Self {
            slot: None,
            now: Moment::ZERO.after(Some(MINUTE)),
        };
        let made = one.commit(1, &SessionChange::create(30 * MINUTE, 720 * MINUTE));
        assert!(matches!(made, Committed::Done(_)));
        one
    }

    fn commit(&mut self, by: u8, change: &SessionChange) -> Committed {
        let before = self.slot.clone();
        let (after, committed) = SessionRecord::apply(before, &key(by), change, false, self.now);
        assert_eq!(after.is_some(), matches!(committed, Committed::Done(_)));
        // What can be done where the session lies comes to the same, and a refusal to nothing.
        if let Some(SessionSlot::Live(record)) = &self.slot
            && !change.creates()
            && change.new_key().is_none()
        {
            let mut lying = record.clone();
            assert_eq!(lying.amend(&key(by), change, self.now), committed);
            assert_eq!(*lying, after.clone().unwrap_or_else(|| (**record).clone()));
        }
        if let Some(after) = after {
            self.slot = Some(SessionSlot::Live(Arc::new(after)));
        }
        committed
    }

    fn done(&mut self, by: u8, change: &SessionChange) -> SessionStamp {
        match self.commit(by, change) {
            Committed::Done(stamp) => stamp,
            other => panic!("{other:?}"),
        }
    }

    fn load(&self, by: u8) -> Loaded {
        self.slot.as_ref().unwrap().load(&key(by), self.now)
    }

    fn live(&self, by: u8) -> LiveSession {
        match self.load(by) {
            Loaded::Live(live) => live,
            other => panic!("{other:?}"),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(Some(time));
    }
}

/// That somebody has come by the current key.
fn settle(current: u8) -> SessionChange {
    SessionChange::new().cycle(Cycle::settle(key(current), GRACE))
}

#[test]
fn changes_of_two_writers_both_survive() {
    let mut one = One::new();
    let first = one.done(1, &SessionChange::new().set("a", "1").set("both", "1"));
    one.done(1, &SessionChange::new().set("b", "2").set("both", "2"));
    let stamp = one.done(1, &SessionChange::new().remove("a").remove("never"));
    assert_eq!((first.version, stamp.version), (2, 4));
    let record = one.live(1).record;
    let values: Vec<(&str, &[u8])> = record
        .values
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(values, [("b", &b"2"[..]), ("both", b"2")]);
}

#[test]
fn a_touch_counts_for_time_alone() {
    let mut one = One::new();
    one.pass(29 * MINUTE);
    assert_eq!(one.done(1, &SessionChange::new()).version, 1);
    one.pass(29 * MINUTE);
    assert_eq!(one.live(1).record.version, 1);
    one.done(1, &SessionChange::new().idle(MINUTE));
    // A touch in flight does not undo it.
    one.done(1, &SessionChange::new());
    one.pass(MINUTE);
    assert!(matches!(one.load(1), Loaded::Absent));
    assert_eq!(one.commit(1, &SessionChange::new()), Committed::Gone);
}

#[test]
fn the_end_comes_whoever_touches_unless_it_is_moved() {
    let mut one = One::new();
    for _ in 0..35 {
        one.pass(20 * MINUTE);
        let stamp = one.done(1, &SessionChange::new());
        assert!(stamp.idle_end <= stamp.end);
    }
    let stamp = one.done(1, &SessionChange::new().lifetime(60 * MINUTE));
    assert_eq!(stamp.end.since(stamp.now), Some(60 * MINUTE));
    one.pass(60 * MINUTE);
    assert_eq!(one.commit(1, &SessionChange::new()), Committed::Gone);
    let create = SessionChange::create(MINUTE, MINUTE);
    assert_eq!(one.done(1, &create).version, 1, "the key is free again");
    assert!(one.live(1).record.values.is_empty());
}

#[test]
fn what_is_there_is_not_made_again() {
    let mut one = One::new();
    let create = SessionChange::create(MINUTE, MINUTE);
    assert_eq!(one.commit(1, &create), Committed::Taken);
    one.done(1, &SessionChange::new().cycle(Cycle::renew(key(2), GRACE)));
    assert_eq!(one.commit(1, &create), Committed::Taken);
    assert_eq!(one.commit(2, &create), Committed::Taken);
    one.done(2, &settle(2));
    one.pass(GRACE);
    assert_eq!(one.commit(1, &create), Committed::Taken);
    assert_eq!(one.commit(1, &SessionChange::new()), Committed::Gone);
}

#[test]
fn a_tombstone_is_not_written_over() {
    let mut one = One::new();
    let record = one.live(1).record;
    let until = record.tombstone_end(one.now);
    assert_eq!(until, record.end);
    one.slot = Some(SessionSlot::Tombstone { until });
    let create = SessionChange::create(MINUTE, MINUTE);
    for change in [&create, &SessionChange::new().set("a", "1")] {
        assert_eq!(one.commit(1, change), Committed::Gone);
    }
    one.pass(720 * MINUTE);
    assert!(matches!(one.commit(1, &create), Committed::Done(_)));
    let forever = SessionChange::create(Duration::MAX, Duration::MAX);
    let (record, _) = SessionRecord::apply(None, &key(9), &forever, false, one.now);
    let end = record.unwrap().tombstone_end(one.now);
    assert_eq!(
        end.since(one.now),
        Some(SessionRecord::MOST_TOMBSTONE),
        "a tombstone does not stand for a hundred years"
    );
}

#[test]
fn an_old_key_writes_into_the_same_session() {
    let mut one = One::new();
    let renewed = one.done(1, &SessionChange::new().cycle(Cycle::renew(key(2), GRACE)));
    assert!(renewed.cycled);
    assert!(!one.live(1).current && one.live(2).current);
    let again = Cycle::renew(key(3), GRACE);
    let late = one.done(1, &SessionChange::new().set("a", "1").cycle(again));
    assert!(!late.cycled, "only the current key is renewed");
    assert!(matches!(one.load(3), Loaded::Absent));
    assert_eq!(one.live(2).record.values.len(), 1);
    assert_eq!(one.live(2).record.fingerprint(), key(1).fingerprint());
    one.pass(20 * MINUTE);
    assert!(!one.live(1).current, "nobody has come by the new one");
    one.done(2, &settle(2));
    one.pass(GRACE);
    assert!(matches!(one.load(1), Loaded::Absent));
    assert!(one.live(2).current);
}

#[test]
fn an_old_key_is_renewed_where_the_answer_was_lost() {
    let mut one = One::new();
    let renew = |to| SessionChange::new().cycle(Cycle::renew(key(to), GRACE));
    one.done(1, &renew(2));
    let is_lost = |one: &One, by| {
        let record = one.live(by).record;
        record.has_lost(&key(by), GRACE, one.now)
    };
    assert!(one.live(1).record.is_unsettled(GRACE, one.now));
    one.pass(Duration::from_micros(29_999_999));
    assert!(!is_lost(&one, 1) && !one.done(1, &renew(3)).cycled);
    one.pass(Duration::from_micros(1));
    assert!(is_lost(&one, 1) && !is_lost(&one, 2));
    assert!(one.done(1, &renew(3)).cycled);
    assert!(!one.done(1, &renew(4)).cycled, "one in a grace");
    for (by, current) in [(1, false), (2, false), (3, true)] {
        assert_eq!(one.live(by).current, current);
    }
    // A later renewal by the current key says as much as a settlement.
    one.pass(GRACE);
    one.done(3, &renew(5));
    assert!(!is_lost(&one, 1), "somebody had the third");
    one.pass(GRACE);
    for old in [1, 2] {
        assert!(matches!(one.load(old), Loaded::Absent));
    }
    assert!(is_lost(&one, 3), "nobody has the fifth");
}

/// What a version before this one has kept ends as it said.
#[test]
fn an_old_key_of_a_short_time_is_not_renewed() {
    let mut one = One::new();
    let mut record = SessionRecord::clone(&one.live(1).record);
    record
        .old_keys
        .push(OldKey::new(key(7), one.now.after(Some(GRACE)), true));
    one.slot = Some(SessionSlot::Live(Arc::new(record)));
    assert!(!one.live(1).record.is_unsettled(GRACE, one.now));
    one.pass(GRACE / 2);
    let cycle = Cycle::renew(key(8), Duration::ZERO);
    let short = SessionChange::new().cycle(Cycle::renew(key(8), GRACE));
    assert!(!one.done(7, &short).cycled);
    assert!(
        one.done(7, &SessionChange::new().cycle(cycle)).cycled,
        "of no grace at all"
    );
    assert!(matches!(one.load(1), Loaded::Absent), "nor is any given");
}

#[test]
fn replaced_keys_open_nothing() {
    let mut one = One::new();
    one.done(1, &SessionChange::new().cycle(Cycle::renew(key(2), GRACE)));
    let login = SessionChange::new().cycle(Cycle::replace(key(3), GRACE));
    assert!(one.done(1, &login).cycled, "by whichever key it comes");
    for old in [1, 2] {
        assert!(matches!(one.load(old), Loaded::Replaced));
        assert_eq!(one.commit(old, &SessionChange::new()), Committed::Gone);
    }
    one.pass(GRACE);
    assert!(matches!(one.load(2), Loaded::Absent));
    let at_once = SessionChange::new().cycle(Cycle::replace(key(4), Duration::ZERO));
    one.done(3, &at_once);
    assert!(matches!(one.load(3), Loaded::Absent));
}

#[test]
fn old_keys_are_bounded() {
    let mut one = One::new();
    for number in 1..30 {
        let cycle = Cycle::renew(key(number + 1), GRACE);
        assert!(one.done(number, &SessionChange::new().cycle(cycle)).cycled);
    }
    let record = one.live(30).record;
    let keys: Vec<&SessionKey> = record.keys(one.now).collect();
    assert_eq!(keys.len(), SessionRecord::MOST_OLD_KEYS + 2);
    assert_eq!(keys[0], &key(1));
    assert!(matches!(one.load(21), Loaded::Absent));
    assert!(!one.live(22).current);
}

#[test]
fn the_checks_come_in_their_order() {
    let mut one = One::new();
    one.done(1, &SessionChange::new().set("a", "12345"));
    let large = SessionChange::new().set("b", "123").most_bytes(9);
    let bytes = 10;
    assert_eq!(one.commit(1, &large), Committed::TooLarge { bytes });
    assert_eq!(
        one.commit(1, &large.clone().if_version(1)),
        Committed::Stale
    );
    assert_eq!(one.commit(2, &large.clone().if_version(1)), Committed::Gone);
    one.done(1, &large.clone().most_bytes(10).if_version(2));
    let smaller = SessionChange::new().set("b", "12").most_bytes(1);
    one.done(1, &smaller);
    one.done(1, &SessionChange::new().most_bytes(1));
    let cycle = SessionChange::new().cycle(Cycle::renew(key(2), GRACE));
    let taken = |change| SessionRecord::apply(one.slot.clone(), &key(1), change, true, one.now).1;
    assert_eq!(taken(&cycle), Committed::Taken);
    let large = cycle.clone().set("c", "1").most_bytes(1);
    assert!(matches!(taken(&large), Committed::TooLarge { .. }));
    let create = SessionChange::create(MINUTE, MINUTE).set("ab", "1");
    let (_, committed) = SessionRecord::apply(None, &key(7), &create.most_bytes(2), false, one.now);
    assert_eq!(committed, Committed::TooLarge { bytes: 3 });
}

#[test]
fn those_that_are_the_users_for_longest_go() {
    let at = |seconds: u64| Moment::from_micros(seconds * 1_000_000);
    let called = SessionFingerprint::from_bits;
    let all = [(at(1), called(7)), (at(3), called(1)), (at(2), called(9))];
    let too_many = |own, most| SessionRecord::too_many(all, called(own), most);
    assert_eq!(too_many(7, 3), []);
    assert_eq!(too_many(7, 2), [called(9)], "never the own one");
    assert_eq!(too_many(5, 2), [called(7), called(9)]);
    assert_eq!(too_many(7, 0), [called(9), called(1)]);
}

proptest! {
    #[test]
    fn bytes_are_those_of_names_and_values(
        steps in prop::collection::vec(("[a-c]{0,2}", prop::option::of("[x]{0,5}")), 0..40)
    ) {
        let mut values = SessionValues::new();
        for (name, value) in steps {
            match value {
                Some(value) => values.set(name.into(), Bytes::from(value)),
                None => drop(values.remove(&name)),
            }
            let counted: usize = values.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert_eq!(values.bytes(), counted);
        }
    }
}
