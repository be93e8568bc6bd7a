use proptest::prelude::*;

use super::*;

const URL: &str = "https://ca.example/directory";

const LIFE: Life = Life {
    start: 1000 * DAY,
    end: 1090 * DAY,
};

fn issued(now: u64, dice: f64) -> Record {
    Record::default().issued(LIFE, (URL, ChallengeKind::Http01), now, dice)
}

#[test]
fn what_is_missing_is_ordered_at_once_and_what_is_there_in_time() {
    let record = Record::default();
    assert_eq!(record.due(None, 1), Due::Order);
    let mut record = issued(LIFE.start, 1.0);
    assert_eq!(record.renew_at, 1057 * DAY);
    assert_eq!(record.due(Some(LIFE), LIFE.start), Due::Ask);
    record.told(None, LIFE.start, 0.5);
    assert_eq!(record.due(Some(LIFE), LIFE.start), Due::Wait(1001 * DAY));
    assert_eq!(record.due(Some(LIFE), 1057 * DAY), Due::Order);
}

#[test]
fn the_directorys_word_counts_but_not_beyond_reason() {
    let mut record = issued(LIFE.start, 0.0);
    let window = |start, end| {
        let again = Duration::from_hours(6);
        Some(Window::new(moment(start), moment(end), again))
    };
    record.told(window(1040 * DAY, 1042 * DAY), LIFE.start, 0.5);
    assert_eq!(
        (record.renew_at, record.ask_at),
        (1041 * DAY, LIFE.start + 6 * HOUR)
    );
    // Asked again, the moment stays.
    record.told(window(1040 * DAY, 1042 * DAY), 1010 * DAY, 0.9);
    assert_eq!(record.renew_at, 1041 * DAY);
    // Moved into the past, because all of them are revoked: at once.
    record.told(window(1009 * DAY, 1010 * DAY), 1010 * DAY, 0.9);
    assert_eq!(record.due(Some(LIFE), 1010 * DAY), Due::Order);
    // As with every certificate that is fresh, if the directory is out of its mind.
    record.told(window(900 * DAY, 901 * DAY), LIFE.start, 0.5);
    record.ask_at = 1002 * DAY;
    assert_eq!(
        record.due(Some(LIFE), LIFE.start + 1),
        Due::Wait(1001 * DAY)
    );
    // Beyond the end: not that.
    record.told(window(2000 * DAY, 2001 * DAY), 1010 * DAY, 0.9);
    assert_eq!(record.due(Some(LIFE), 1079 * DAY), Due::Order);
}

#[test]
fn a_name_fails_five_times_an_hour_at_most() {
    let possible = [ChallengeKind::TlsAlpn01, ChallengeKind::Http01];
    let (mut record, mut now) = (Record::default(), 1000 * DAY);
    let mut validations = Vec::new();
    for _ in 0..20 {
        assert_eq!(record.due(None, now), Due::Order);
        let kinds = record.kinds(&possible);
        validations.extend(kinds.iter().map(|_| now));
        record.begin(None, now, 0.0);
        record.fail(&Failure::new(Fault::Validation, "no", "wait"), now);
        let Due::Wait(until) = record.due(None, now) else {
            panic!("ordered again at once");
        };
        now = until;
    }
    for (number, at) in validations.iter().enumerate() {
        let within = validations
            .iter()
            .skip(number)
            .filter(|other| **other < at + HOUR);
        assert!(within.count() <= 5, "{validations:?}");
    }
    assert!(now > 1010 * DAY);
}

#[test]
fn what_was_revoked_is_replaced_at_once_and_not_in_a_loop() {
    let mut record = Record::default().revoked();
    let now = LIFE.start + HOUR;
    assert_eq!(record.due(Some(LIFE), now), Due::Order);
    record.begin(Some(LIFE), now, 0.0);
    record.fail(&Failure::new(Fault::Directory, "no", "wait"), now);
    assert_eq!(record.due(Some(LIFE), now), Due::Wait(now + 2 * MINUTE));
    record = issued(now, 0.0);
    assert!(matches!(record.due(Some(LIFE), now + 1), Due::Ask));
}

#[test]
fn each_kind_has_its_turn() {
    let possible = [ChallengeKind::TlsAlpn01, ChallengeKind::Http01];
    let mut record = Record::default();
    assert_eq!(record.kinds(&possible), possible);
    record.failed = 1;
    assert_eq!(record.kinds(&possible), [ChallengeKind::Http01]);
    record.failed = 2;
    assert_eq!(record.kinds(&possible), [ChallengeKind::TlsAlpn01]);
    record = Record {
        kind: Some(ChallengeKind::Http01),
        ..Record::default()
    };
    assert_eq!(
        record.kinds(&possible),
        [ChallengeKind::Http01, ChallengeKind::TlsAlpn01]
    );
}

#[test]
fn a_directory_that_was_away_is_asked_soon() {
    let (mut record, mut now) = (Record::default(), 1000 * DAY);
    for failures in 1..50 {
        record.begin(None, now, 1.0);
        record.fail(&Failure::new(Fault::Directory, "away", "wait"), now);
        let Due::Wait(until) = record.due(None, now) else {
            panic!("asked again at once");
        };
        assert!(until - now <= AWAY && until - now >= 2 * MINUTE);
        assert!(failures < 3 || until - now == AWAY);
        now = until;
    }
    // One that says that it was too much is given its time.
    record.begin(None, now, 0.0);
    record.fail(&Failure::new(Fault::Limited, "too much", "wait"), now);
    assert_eq!(record.due(None, now), Due::Wait(now + DAY));
}

#[test]
fn a_directory_puts_off_for_a_week_at_most() {
    let mut failure = Failure::new(Fault::Directory, "rate limited", "wait");
    failure.not_before = Some(moment(5000 * DAY));
    let mut record = Record::default();
    record.begin(None, 1000 * DAY, 0.0);
    record.fail(&failure, 1000 * DAY);
    assert_eq!(record.not_before, 1008 * DAY);
}

proptest! {
    /// Whatever happened, something happens in time, and nothing in a loop.
    #[test]
    fn never_too_late_and_never_at_once_again(
        failed in 0_u32..50, renew in 0_u64..3000, not_before in 0_u64..3000,
        now in 1000_u64..1090, dice in 0.0_f64..1.0, ask in 0_u64..3000,
    ) {
        let mut record = Record {
            failed, renew_at: renew * DAY, not_before: not_before * DAY,
            ask_at: ask * DAY, ..Record::default()
        };
        let now = now * DAY;
        if let Due::Wait(until) = record.due(Some(LIFE), now) {
            prop_assert!(until > now);
            prop_assert!(until <= LIFE.latest().max(now + LONGEST + DAY));
        }
        record.begin(Some(LIFE), now, dice);
        if let Due::Order = record.due(Some(LIFE), now + 29) {
            prop_assert!(false, "taken over while it may be under way");
        }
        prop_assert!(record.not_before >= now + 2 * MINUTE);
        prop_assert!(record.not_before <= now + DAY + DAY / 4);
    }
}
