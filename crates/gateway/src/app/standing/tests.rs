//! How several stand together, and who waits.

use super::*;
use crate::app::state::Rank;
use crate::proxy::AppAddress;

const PATIENCE: Duration = Duration::from_secs(5);

fn standing(instances: usize) -> Standing {
    Standing::new(&Metrics::new(), 0, &"".into(), instances)
}

fn at(port: u16) -> AppAddress {
    AppAddress::Tcp(([127, 0, 0, 1], port).into())
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_and_not_for_ever() {
    let app = standing(1);
    let mut waiting = app.wait(PATIENCE).unwrap();
    let (again, ()) = tokio::join!(waiting.again(), async { app.instances()[0].accepts() });
    assert!(again);
    let began = Instant::now();
    assert!(!waiting.again().await);
    assert_eq!(began.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_app_that_has_been_away_for_longer() {
    let app = standing(1);
    tokio::time::advance(PATIENCE / 2).await;
    assert!(app.wait(PATIENCE).is_some());
    assert!(app.wait(Duration::ZERO).is_none());
    tokio::time::advance(PATIENCE / 2).await;
    assert!(app.wait(PATIENCE).is_none());
    // It was there in between.
    app.instances()[0].accepts();
    assert!(app.wait(PATIENCE).is_some());
}

#[tokio::test(start_paused = true)]
async fn there_are_so_many_places_and_who_goes_leaves_his() {
    let app = standing(1);
    let all: Vec<_> = (0..MOST_WAITING).map(|_| app.wait(PATIENCE)).collect();
    assert!(all.iter().all(Option::is_some));
    assert!(app.wait(PATIENCE).is_none());
    assert!(app.wait(PATIENCE).is_none());
    app.wanted().await;
    drop(all);
    assert!(app.wait(PATIENCE).is_some());
    assert_eq!(app.whole.waiting.load(Ordering::Acquire), 0);
}

#[tokio::test(start_paused = true)]
async fn of_several_the_last_to_go_says_how_long_there_has_been_none() {
    let app = standing(2);
    let [one, other] = app.instances() else {
        panic!("two")
    };
    one.accepts();
    other.accepts();
    one.is_away();
    tokio::time::advance(PATIENCE).await;
    other.is_away();
    tokio::time::advance(PATIENCE / 2).await;
    assert!(app.wait(PATIENCE).is_some());
    // Whichever comes back.
    let mut waiting = app.wait(PATIENCE).unwrap();
    let (again, ()) = tokio::join!(waiting.again(), async { one.accepts() });
    assert!(again);
}

#[tokio::test]
async fn all_that_look_after_an_instance_hear_that_somebody_waits() {
    let app = standing(3);
    let waiting = async { app.wait(PATIENCE).unwrap() };
    let looked = async { tokio::join!(app.wanted(), app.wanted(), app.wanted()) };
    let (_, _waiting) = tokio::join!(looked, waiting);
}

#[test]
fn it_is_up_as_long_as_one_is() {
    let app = standing(2);
    let [one, other] = app.instances() else {
        panic!("two")
    };
    assert!(!app.is_up() && !app.is_known());
    assert_eq!(app.word(), "starting");
    one.set(AppState::Down(at(1), Some("it hangs".into())));
    one.accepts();
    assert_eq!(app.word(), "down");
    assert!(!app.is_known());
    other.found(at(2), true);
    assert!(app.is_up() && app.is_known());
    assert_eq!(app.word(), "up");
    assert_eq!(app.to_string(), "up, 1 of 2 instances");
    other.set(AppState::Up(at(3)));
    other.set(AppState::Starting);
    assert!(!app.is_up());
    assert_eq!(app.word(), "down");
}

#[test]
fn places_without_an_address_are_no_instances() {
    let app = standing(3);
    let [one, other, third] = app.instances() else {
        panic!("three")
    };
    one.found(at(1), true);
    other.set(AppState::Vacant);
    third.set(AppState::Vacant);
    third.set(AppState::Vacant);
    assert!(app.is_known());
    assert_eq!(app.to_string(), "up, 1 of 1 instances");
    assert_eq!(other.rank(), Rank::Away);
    other.moved(at(2));
    assert_eq!(app.to_string(), "up, 1 of 2 instances");
    one.set(AppState::Vacant);
    other.set(AppState::Vacant);
    assert_eq!(app.to_string(), "down, 0 of 0 instances");
}

#[test]
fn where_some_do_not_come_up_as_many_as_before_are_enough() {
    let app = standing(3);
    let [one, other, broken] = app.instances() else {
        panic!("three")
    };
    one.found(at(1), true);
    other.found(at(2), true);
    // It may come up in a moment.
    assert!(!app.has(1));
    broken.fails();
    assert!(app.has(1) && app.has(2) && !app.has(3));
    broken.found(at(3), true);
    assert!(app.has(3));
    // All of them may be down, as long as it is known.
    for one in app.instances() {
        one.set(AppState::Down(at(1), Some("it hangs".into())));
    }
    assert!(app.has(3));
    one.set(AppState::Starting);
    assert!(!app.has(1));
}

#[test]
fn what_was_missing_before_is_not_waited_for() {
    let short = |up: usize, down: &[usize]| AppShort {
        app: String::new(),
        up,
        down: down.to_vec(),
    };
    // One of three, whichever it is that comes up.
    let app = standing(3);
    let [one, other, broken] = app.instances() else {
        panic!("three")
    };
    app.was_short(short(2, &[2]));
    assert!(!app.was_down() && !app.has(2));
    one.found(at(1), true);
    assert!(!app.has(2));
    other.found(at(2), true);
    assert!(app.has(2));
    // As it would be told to the next one.
    assert_eq!(app.short(), Some(short(2, &[2])));
    broken.found(at(3), true);
    assert_eq!(app.short(), None);
    // Only what nobody accepts connections at is missing.
    other.set(AppState::Down(at(2), Some("it answers with 503".into())));
    assert_eq!(app.short(), None);
    other.is_away();
    broken.set(AppState::Vacant);
    assert_eq!(app.short(), Some(short(1, &[1])));
    // All of it, and the one of the site at that.
    let app = standing(3);
    assert!(!app.has(1) && !app.is_worth_a_try());
    assert_eq!(app.short(), Some(short(0, &[0, 1, 2])));
    app.was_short(short(0, &[0]));
    assert!(app.was_down() && app.has(1) && app.is_worth_a_try());
}

#[test]
fn nobody_waits_for_those_that_begin_only_once_the_first_is_up() {
    let app = Standing::new(&Metrics::new(), 1, &"/api".into(), 2);
    let [first, other] = app.instances() else {
        panic!("two")
    };
    assert!(!app.is_settled());
    first.fails();
    assert!(app.is_settled() && app.has(0) && !app.has(1));
    // From here on the other has begun.
    first.found(at(1), true);
    assert!(!app.has(1));
    other.fails();
    assert!(app.has(1));
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_missed_for_a_while_where_there_are_others() {
    use futures_util::FutureExt as _;
    let app = standing(2);
    let one = &app.instances()[0];
    let is_missed = || one.is_missed().now_or_never().is_some();
    one.accepts();
    assert!(!is_missed());
    // Whoever looks after it hears of it.
    let missed = tokio::time::timeout(PATIENCE / 4, one.is_missed());
    let (missed, _) = tokio::join!(missed, async { one.is_away() });
    assert!(missed.is_ok());
    tokio::time::advance(PATIENCE / 2).await;
    assert!(is_missed());
    tokio::time::advance(PATIENCE / 2).await;
    assert!(!is_missed());
    let alone = standing(1);
    alone.instances()[0].accepts();
    alone.instances()[0].is_away();
    assert!(alone.instances()[0].is_missed().now_or_never().is_none());
}

#[test]
fn an_instance_is_ranked_by_what_is_known_of_it() {
    let app = standing(1);
    let one = &app.instances()[0];
    assert_eq!(one.rank(), Rank::Away);
    one.found(at(1), false);
    assert_eq!(one.rank(), Rank::Unknown);
    one.set(AppState::Up(at(1)));
    assert_eq!(one.rank(), Rank::Up);
    // A connection was refused.
    one.is_away();
    assert_eq!(one.rank(), Rank::Away);
    one.set(AppState::Up(at(1)));
    assert_eq!(one.rank(), Rank::Away);
    one.accepts();
    assert_eq!(one.rank(), Rank::Up);
    one.set(AppState::Down(at(1), Some("it hangs".into())));
    assert_eq!(one.rank(), Rank::Down);
}

#[test]
fn an_app_that_moves_answers_as_it_did() {
    let whole = standing(1);
    let app = &whole.instances()[0];
    app.moved(at(1));
    assert!(matches!(**app.load(), AppState::Down(..)));
    app.set(AppState::Up(at(1)));
    app.moved(at(2));
    assert_eq!(**app.load(), AppState::Up(at(2)));
    assert_eq!(app.load().word(), "up");
}
