use std::time::Duration;

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const RESERVE: Action = Action::Reserve {
    cost: 1,
    member: None,
};

fn at(time: Duration) -> Moment {
    Moment::from_micros(u64::try_from(time.as_micros()).unwrap())
}

/// One key, moved through time by hand.
struct Key {
    rule: Rule,
    record: Option<Record>,
    now: Duration,
}

impl Key {
    fn new(rule: Rule) -> Self {
        Self {
            rule,
            record: None,
            now: HOUR,
        }
    }

    fn act(&mut self, action: Action) -> State {
        let (after, state) = Record::apply(self.record, &self.rule, &action, false, at(self.now));
        self.record = after;
        state
    }

    fn left(&self, state: State) -> Duration {
        state.until.since(at(self.now)).unwrap()
    }
}

fn pair() -> Key {
    Key::new(Rule::new("login/pair", 10, 90 * 24 * HOUR).lock(Lock::doubling(HOUR, 24 * HOUR)))
}

#[test]
fn ten_pass_then_locks_double_and_the_count_survives() {
    let mut key = pair();
    for _ in 0..9 {
        assert!(key.act(RESERVE).allowed);
    }
    assert!(key.act(RESERVE).just_locked);
    for hours in [1, 2, 4, 8, 16, 24, 24] {
        let refused = key.act(RESERVE);
        assert!(!refused.allowed);
        assert_eq!(key.left(refused), HOUR * hours);
        key.now += HOUR * hours;
        let again = key.act(RESERVE);
        assert!(again.allowed && again.just_locked);
    }
    assert_eq!(key.record.unwrap().count, 17);
}

#[test]
fn a_refund_lifts_the_lock_it_made_and_no_other() {
    let mut key = pair();
    let early = key.act(RESERVE).receipt;
    for _ in 0..8 {
        key.act(RESERVE);
    }
    let refund = |receipt| Action::Refund {
        cost: 1,
        member: None,
        receipt,
    };
    let last = key.act(RESERVE).receipt;
    assert!(!key.act(RESERVE).allowed);
    key.act(refund(last));
    assert!(key.act(RESERVE).just_locked, "the tenth may be tried again");
    key.now += HOUR;
    assert!(
        key.act(RESERVE).just_locked,
        "the eleventh locks for two hours"
    );
    key.act(refund(early));
    let refused = key.act(RESERVE);
    assert!(!refused.allowed, "ten failures are left, the last one now");
    assert_eq!(key.left(refused), 2 * HOUR);
}

#[test]
fn a_refund_touches_no_later_window() {
    let mut key = Key::new(Rule::new("user", 2, HOUR));
    let receipt = key.act(RESERVE).receipt;
    key.now += HOUR;
    key.act(RESERVE);
    key.act(RESERVE);
    key.act(Action::Refund {
        cost: 1,
        member: None,
        receipt,
    });
    assert!(!key.act(RESERVE).allowed);
}

#[test]
fn no_reward_lifts_a_block_and_for_ever_stays() {
    let mut key = Key::new(Rule::new("a", 2, HOUR));
    key.act(Action::Block { time: None });
    key.act(Action::Add { points: -100 });
    key.now += 1000 * HOUR;
    let consume = Action::Consume {
        points: 1,
        window: None,
    };
    assert!(!key.act(consume).allowed);
    key.act(Action::Set {
        count: 0,
        window: Some(HOUR),
    });
    assert!(!key.act(consume).allowed);
    assert!(key.act(Action::Forget).existed);
    assert!(key.act(consume).allowed);
}

#[test]
fn a_penalty_past_the_points_blocks_and_a_short_block_frees_nothing() {
    let mut key = Key::new(Rule::new("a", 2, HOUR).lock(Lock::fixed(Duration::from_secs(1))));
    let state = key.act(Action::Add { points: 5 });
    assert!(state.allowed && state.just_locked);
    key.now += Duration::from_secs(2);
    let consume = Action::Consume {
        points: 1,
        window: None,
    };
    assert!(!key.act(consume).allowed);
    key.now += HOUR;
    assert!(key.act(consume).allowed);
}

#[test]
fn a_rate_spreads_its_points() {
    let mut key = Key::new(Rule::new("api", 10, Duration::from_secs(1)));
    let take = Action::Gcra { cost: 1 };
    for taken in 1..=10 {
        let state = key.act(take);
        assert!(state.allowed);
        assert_eq!(state.count, taken);
    }
    let refused = key.act(take);
    assert!(!refused.allowed);
    assert_eq!(key.left(refused), Duration::from_millis(100));
    key.now += Duration::from_millis(99);
    assert!(!key.act(take).allowed);
    key.now += Duration::from_millis(1);
    assert!(key.act(take).allowed);
    assert!(!key.act(take).allowed);
}

#[test]
fn a_lock_with_no_end_and_a_count_with_no_window() {
    let mut key = Key::new(
        Rule::new("ever", 2, HOUR)
            .without_window()
            .lock(Lock::forever()),
    );
    key.act(RESERVE);
    key.now += 100_000 * HOUR;
    assert!(key.act(RESERVE).just_locked);
    key.now += 100_000 * HOUR;
    let refused = key.act(RESERVE);
    assert!(!refused.allowed);
    assert_eq!(refused.until, Moment::NEVER);
}

#[test]
fn a_member_counts_once_a_window_and_is_given_back_by_the_last() {
    let rule = Rule::new("names", 10, HOUR);
    let now = at(HOUR);
    let (mut set, mut member) = (None, None);
    let mut receipt = Receipt::default();
    for count in 1..=2 {
        let counted = Record::counted(member.as_ref(), set.as_ref(), &RESERVE, now);
        assert_eq!(counted, count == 2);
        let (after, state) = Record::apply(set, &rule, &RESERVE, counted, now);
        assert_eq!(state.count, 1);
        set = after;
        receipt = state.receipt;
        member = Record::apply_member(member, &set.unwrap(), &RESERVE, now);
        assert_eq!(member.unwrap().count, count);
    }
    let refund = Action::Refund {
        cost: 1,
        member: None,
        receipt,
    };
    for left in [1, 0] {
        let counted = Record::counted(member.as_ref(), set.as_ref(), &refund, now);
        let (after, state) = Record::apply(set, &rule, &refund, counted, now);
        assert_eq!(state.count, left);
        set = after;
        member = Record::apply_member(member, &set.unwrap(), &refund, now);
    }
    assert_eq!(member, None);
    // In a later window it counts again, though its own record were still there.
    let old = Some(Record::new(1, at(3 * HOUR), Moment::ZERO, 0));
    let set = Some(Record::new(1, at(4 * HOUR), Moment::ZERO, 0));
    assert!(!Record::counted(old.as_ref(), set.as_ref(), &RESERVE, now));
}
