//! What each row of the table does.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{ManualClock, Release, Secret, Subject};
use panoply_store_memory::MemoryStore;

use super::*;
use crate::Counter;
use crate::said::said;

const HOUR: Duration = Duration::from_hours(1);

struct Site {
    guard: LoginGuard,
    clock: ManualClock,
}

impl Site {
    fn new(rules: LoginRules) -> Self {
        let clock = ManualClock::new();
        let store = Arc::new(MemoryStore::builder().clock(clock.clone()).build());
        let secret = Secret::new(vec![7; 32]);
        Self {
            guard: LoginGuard::new(store, &secret, rules, "test").unwrap(),
            clock,
        }
    }

    async fn fails(&self, client: IpAddr, user: &str) -> Result<(), Refused> {
        match self.guard.attempt(client, user).await {
            Ok(attempt) => {
                attempt.fail();
                Ok(())
            }
            Err(Denied::Refused(refused)) => Err(refused),
            Err(error) => panic!("{error}"),
        }
    }
}

fn client(number: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + number).into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_guesses_ten_are_made() {
    let site = Site::new(LoginRules::default());
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let guard = site.guard.clone();
        guesses.spawn(async move {
            let attempt = guard.attempt(client(1), "alice").await.ok();
            tokio::task::yield_now().await;
            attempt.map(Attempt::fail).is_some()
        });
    }
    let made = guesses.join_all().await.into_iter().filter(|made| *made);
    assert_eq!(made.count(), 10);
    let refused = site.fails(client(1), "alice").await.unwrap_err();
    assert_eq!((refused.rule, refused.count), ("login/pair", 10));
    assert_eq!(refused.retry_after, Some(HOUR));
}

/// Whoever runs the site learns what to write if those are many people.
#[test]
fn an_address_that_is_locked_is_told_of_with_what_spares_it() {
    let told = |names: u32| {
        said(|| {
            futures_executor::block_on(async {
                let site = Site::new(LoginRules::default());
                for number in 0..10 {
                    let user = format!("user{}", number % names);
                    let attempt = site.guard.attempt(client(1), &user).await.unwrap();
                    steps::fail(attempt);
                }
            });
        })
    };
    let spared = "name it in `exempt` of [[login]]";
    let many = told(10);
    assert!(
        many.contains("login/names") && many.contains(spared),
        "{many}"
    );
    let one = told(1);
    assert!(one.contains("login/pair") && !one.contains(spared), "{one}");
}

#[tokio::test]
async fn a_success_forgets_the_pair_and_counts_against_nobody() {
    let site = Site::new(LoginRules::default());
    for _ in 0..9 {
        site.fails(client(1), "alice").await.unwrap();
    }
    for number in 0..200 {
        let attempt = site.guard.attempt(client(1), " Alice").await.unwrap();
        let cookie = attempt.succeed().await.unwrap();
        assert_eq!(cookie.is_some(), number < 10, "{number}");
    }
    site.fails(client(1), "alice").await.unwrap();
    // The nine failures still count for the user from everywhere, and for nobody else.
    let listed = site.guard.blocks(None, 9).await.unwrap();
    let rules: Vec<&str> = listed.iter().map(|block| block.rule.as_str()).collect();
    assert_eq!(rules, ["login/user"]);
    let refused = site.fails(client(2), "alice").await.unwrap_err();
    assert_eq!(refused.rule, "login/user");
}

/// Who is held whatever the client is found among the blocks, without his name, and released there.
#[tokio::test]
async fn a_user_that_is_held_from_everywhere_is_listed_and_released() {
    let without_lock = Some(Counter::new(10, HOUR));
    for rules in [
        LoginRules::default(),
        LoginRules::none().user(without_lock).unwrap(),
    ] {
        let site = Site::new(rules);
        for number in 0..10 {
            site.fails(client(number), "alice").await.unwrap();
        }
        let refused = site.fails(client(99), "alice").await.unwrap_err();
        assert_eq!(
            (refused.rule, refused.retry_after),
            ("login/user", Some(HOUR))
        );
        let listed = site.guard.blocks(None, 9).await.unwrap();
        let [block] = &listed[..] else {
            panic!("{listed:?}");
        };
        assert_eq!(
            (block.rule.as_str(), block.subject),
            ("login/user", Subject::User)
        );
        assert_eq!((block.id(), block.count), (refused.block, 10));
        let release = Release::Id(block.id());
        assert_eq!(site.guard.release(release).await.unwrap(), 1);
        for number in 0..10 {
            site.fails(client(number), "alice").await.unwrap();
        }
        assert_eq!(site.guard.release_user("alice").await.unwrap(), 1);
        assert!(site.guard.blocks(None, 9).await.unwrap().is_empty());
        for number in 0..10 {
            site.fails(client(number), "alice").await.unwrap();
        }
        // It ends by itself, and a success lifts what it would have made.
        site.clock.advance(HOUR);
        for number in 0..9 {
            site.fails(client(number), "alice").await.unwrap();
        }
        let attempt = site.guard.attempt(client(99), "alice").await.unwrap();
        attempt.succeed().await.unwrap();
        assert!(site.guard.blocks(None, 9).await.unwrap().is_empty());
        site.fails(client(1), "alice").await.unwrap();
    }
}

#[tokio::test]
async fn a_client_is_blocked_for_a_day_after_a_hundred() {
    let site = Site::new(LoginRules::default());
    for number in 0..100 {
        let user = format!("user{}", number % 9);
        let result = site.fails(client(1), &user).await;
        if result.is_err() {
            site.clock.advance(HOUR);
            site.fails(client(1), &format!("other{number}")).await.ok();
        }
    }
    let listed = site.guard.blocks(None, 1000).await.unwrap();
    assert!(!listed.is_empty());

    let site = Site::new(
        LoginRules::none()
            .client(Some(Counter::new(100, 24 * HOUR).lock(24 * HOUR)))
            .unwrap(),
    );
    for number in 0..100 {
        site.fails(client(1), &number.to_string()).await.unwrap();
    }
    let refused = site.fails(client(1), "new").await.unwrap_err();
    assert_eq!(refused.rule, "login/client");
    site.fails(client(2), "new").await.unwrap();
    site.clock.advance(24 * HOUR);
    site.fails(client(1), "new").await.unwrap();
}

#[tokio::test]
async fn ten_names_block_a_client_and_again_for_longer() {
    let site = Site::new(LoginRules::default());
    for name in 0..10 {
        site.fails(client(1), &format!("user{name}")).await.unwrap();
        if name == 3 {
            site.fails(client(1), "user3").await.unwrap();
        }
    }
    let refused = site.fails(client(1), "user3").await.unwrap_err();
    assert_eq!(refused.rule, "login/names");
    assert_eq!(refused.retry_after, Some(HOUR / 6));
    site.clock.advance(HOUR / 6);
    for name in 10..20 {
        site.fails(client(1), &format!("user{name}")).await.unwrap();
    }
    let refused = site.fails(client(1), "x").await.unwrap_err();
    assert_eq!(refused.retry_after, Some(HOUR / 3));
}

#[tokio::test]
async fn nobody_can_lock_a_known_device_out() {
    let site = Site::new(LoginRules::default());
    let attempt = site.guard.attempt(client(1), "alice").await.unwrap();
    let cookie = attempt.succeed().await.unwrap().unwrap();
    for number in 0..50 {
        site.fails(client(100 + number), "alice").await.ok();
    }
    site.guard.block(client(1), None).await.unwrap();
    assert!(site.fails(client(1), "alice").await.is_err());
    let device = site.guard.device(&cookie);
    let own = || Claim::new(client(1)).user("alice").device(device);
    for _ in 0..10 {
        site.guard.claim(own()).await.unwrap().fail();
    }
    let denied = site.guard.claim(own()).await;
    assert!(denied.is_err(), "its own lane is full as well");
    let other = Claim::new(client(1)).user("bob").device(device);
    assert!(
        site.guard.claim(other).await.is_err(),
        "another user's cookie"
    );
}

/// Where the app says yes to whoever is logged in already, as himself, guesses at another are not
/// forgiven for it again and again, on devices that are known or not.
#[tokio::test]
async fn what_is_no_success_forgives_ten_times_a_day() {
    for with_device in [false, true] {
        let mut rules = LoginRules::default();
        if !with_device {
            // The rule for a user from everywhere would hide what is looked at.
            rules = rules.user(None).unwrap().client(None).unwrap();
        }
        let site = Site::new(rules);
        let mut device = None;
        let mut days = [0, 0];
        for made in &mut days {
            for _ in 0..100 {
                let yes = Claim::new(client(1)).user("alice").device(device);
                if let Ok(attempt) = site.guard.claim(yes).await {
                    let cookie = attempt.succeed().await.unwrap();
                    if let Some(cookie) = cookie.filter(|_| with_device) {
                        device = site.guard.device(&cookie);
                    }
                }
                for _ in 0..9 {
                    let guess = Claim::new(client(1)).user("alice").device(device);
                    if let Ok(attempt) = site.guard.claim(guess).await {
                        attempt.fail();
                        *made += 1;
                    }
                }
            }
            site.clock.advance(24 * HOUR);
        }
        // Nine before each time that forgives, ten behind the last; with a device its own lane comes
        // first, and then that of everybody.
        assert!(
            days.iter().all(|made| (90..=200).contains(made)),
            "{with_device} {days:?}"
        );
    }
}

/// Who logs in all day long, and is known, needs no trust for it and is forgiven when he mistypes.
#[tokio::test]
async fn a_known_device_keeps_its_trust_for_when_it_needs_it() {
    let site = Site::new(LoginRules::default());
    let attempt = site.guard.attempt(client(1), "alice").await.unwrap();
    let mut cookie = attempt.succeed().await.unwrap().unwrap();
    let claim = |cookie: &str| {
        let device = site.guard.device(cookie);
        Claim::new(client(1)).user("alice").device(device)
    };
    for _ in 0..100 {
        let attempt = site.guard.claim(claim(&cookie)).await.unwrap();
        cookie = attempt.succeed().await.unwrap().unwrap();
    }
    for _ in 0..9 {
        for _ in 0..9 {
            site.guard.claim(claim(&cookie)).await.unwrap().fail();
        }
        let attempt = site.guard.claim(claim(&cookie)).await.unwrap();
        cookie = attempt.succeed().await.unwrap().unwrap();
    }
}

/// A program without a cookie jar makes a new device of itself each time, and may fail nevertheless.
#[tokio::test]
async fn who_is_never_known_is_forgiven_when_he_fails() {
    let site = Site::new(LoginRules::default().user(None).unwrap());
    for day in 0..10 {
        for number in 0..50 {
            let attempt = site.guard.attempt(client(1), "robot").await.unwrap();
            let cookie = attempt.succeed().await.unwrap();
            assert_eq!(cookie.is_some(), number < 10, "{day} {number}");
        }
        for _ in 0..3 {
            for _ in 0..9 {
                site.fails(client(1), "robot").await.unwrap();
            }
            let attempt = site.guard.attempt(client(1), "robot").await.unwrap();
            attempt.succeed().await.unwrap();
        }
        site.clock.advance(24 * HOUR);
    }
}

/// A success that was asked for before the failures came forgives none of them without trust.
#[tokio::test]
async fn a_success_that_is_slow_forgives_nothing_by_the_way() {
    let site = Site::new(
        LoginRules::none()
            .pair(Some(Counter::new(10, HOUR).lock(HOUR)))
            .unwrap(),
    );
    let slow = site.guard.attempt(client(1), "alice").await.unwrap();
    for _ in 0..9 {
        site.fails(client(1), "alice").await.unwrap();
    }
    slow.succeed().await.unwrap();
    site.fails(client(1), "alice").await.unwrap();
    assert!(site.fails(client(1), "alice").await.is_err());
}

#[tokio::test]
async fn several_names_all_count_and_none_is_cleared() {
    let site = Site::new(LoginRules::default());
    let both = || Claim::new(client(1)).user("victim").user("me");
    for _ in 0..9 {
        site.fails(client(1), "victim").await.unwrap();
    }
    let attempt = site.guard.claim(both()).await.unwrap();
    assert_eq!(attempt.succeed().await.unwrap(), None);
    site.fails(client(1), "victim").await.unwrap();
    let refused = site.fails(client(1), "victim").await.unwrap_err();
    assert_eq!(refused.rule, "login/pair");
    assert!(site.guard.claim(both()).await.is_err());
}

#[tokio::test]
async fn what_is_given_back_does_not_count_and_what_is_dropped_does() {
    let site = Site::new(LoginRules::default());
    for _ in 0..50 {
        let attempt = site.guard.attempt(client(1), "alice").await.unwrap();
        attempt.give_back().await.unwrap();
    }
    for _ in 0..10 {
        drop(site.guard.attempt(client(1), "alice").await.unwrap());
    }
    assert!(site.guard.attempt(client(1), "alice").await.is_err());
}

#[tokio::test]
async fn a_count_without_end_waits_for_its_release() {
    let rules = LoginRules::none()
        .ever(Some(Counter::without_window(3)))
        .unwrap();
    let site = Site::new(rules);
    for number in 0..3 {
        site.fails(client(number), "alice").await.unwrap();
        site.clock.advance(10_000 * HOUR);
    }
    let refused = site.fails(client(9), "alice").await.unwrap_err();
    assert_eq!((refused.rule, refused.retry_after), ("login/ever", None));
    let released = site.guard.release(Release::Id(refused.block)).await;
    assert_eq!(released.unwrap(), 1);
    site.fails(client(9), "alice").await.unwrap();
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    let wrong = [
        (Counter::new(0, HOUR), "`pair` has 0 points"),
        (Counter::new(1, Duration::ZERO), "`window` of no time"),
        (
            Counter::new(1, HOUR).lock(HOUR).longest(HOUR / 2),
            "shorter than the first",
        ),
        (Counter::new(1, HOUR).longest(HOUR), "`lock` is missing"),
    ];
    for (counter, told) in wrong {
        let error = LoginRules::none().pair(Some(counter)).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}
