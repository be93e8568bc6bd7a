//! What is sent once more, too late, or beside much else.

use super::*;

fn lasts(answer: &Response<Bytes>) -> u64 {
    let set = answer.headers()[SET_COOKIE].to_str().unwrap();
    let (_, rest) = set.split_once("Max-Age=").unwrap();
    rest.split(';').next().unwrap().parse().unwrap()
}

fn set_none(answer: &Response<Bytes>) -> bool {
    !answer.headers().contains_key(SET_COOKIE)
}

#[tokio::test]
async fn a_solution_that_is_sent_again_gives_no_longer_pass() {
    let site = Site::always();
    let solution = site.solved(&get("/")).await;
    site.clock.advance(Duration::from_mins(1));
    let first = site.send(&get("/"), &solution).await;
    site.clock.advance(Duration::from_mins(3));
    let again = site.send(&get("/"), &solution).await;
    // From when the task was given, of 12 hours.
    assert_eq!((lasts(&first), lasts(&again)), (43_140, 42_960));
    let newer = site.pass(&get("/")).await;
    // Nor does it make one older that is there.
    let beside = site.send(&get("/").pass(&newer), &solution).await;
    assert_eq!(lasts(&beside), 43_200);
    site.clock.advance(Duration::from_secs(42_959));
    for (given, status) in [(&first, 200), (&again, 200), (&beside, 200)] {
        assert_eq!(site.status(get("/").pass(&cookie(given))).await, status);
    }
    site.clock.advance(Duration::from_secs(1));
    for (given, status) in [(&first, 403), (&again, 403), (&beside, 200)] {
        assert_eq!(site.status(get("/").pass(&cookie(given))).await, status);
    }
}

#[tokio::test]
async fn of_a_short_pass_half_is_left_to_who_was_slow() {
    let minute = Duration::from_mins(1);
    let site = Site::new(&ChallengeConfig::new().paths(["/"]).work(4).pass(minute));
    let solution = site.solved(&get("/")).await;
    site.clock.advance(Duration::from_secs(29));
    let given = site.send(&get("/"), &solution).await;
    assert_eq!(lasts(&given), 31);
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(site.send(&get("/"), &solution).await.status(), 403);
}

#[tokio::test]
async fn once_it_is_off_nothing_is_given_and_whoever_still_works_is_let_in() {
    let site = Site::new(&ChallengeConfig::new().work(4));
    site.list.begin_challenge(None).await.unwrap();
    let pass = site.pass(&get("/")).await;
    let solution = site.solved(&get("/")).await;
    site.clock.advance(Duration::from_hours(7));
    let late = site.solved(&get("/")).await;
    // What is used is renewed by now.
    assert!(!set_none(&site.ask(get("/").pass(&pass)).await));
    site.list.end_challenge().await.unwrap();
    let answer = site.ask(get("/").pass(&pass)).await;
    assert!(answer.status() == 200 && set_none(&answer));
    for sent in [&late, &solution, "x"] {
        let answer = site.send(&get("/"), sent).await;
        assert!(answer.status() == 204 && set_none(&answer), "{sent}");
    }
    assert_eq!(site.status(get(CHALLENGE_PATH)).await, 204);
    assert_eq!(site.layer.passes_given(), 1);
    // Where a path still needs one, it is given and renewed.
    let paths = Site::new(&ChallengeConfig::new().paths(["/search"]).work(4));
    let pass = paths.pass(&get("/search")).await;
    paths.clock.advance(Duration::from_hours(7));
    assert!(!set_none(&paths.ask(get("/").pass(&pass)).await));
}

#[tokio::test]
async fn a_pass_is_found_among_others_that_were_put_beside_it() {
    let site = Site::always();
    for (scheme, name) in [(Scheme::Http, NAMES[1]), (Scheme::Https, NAMES[0])] {
        let ask = |client| {
            let mut ask = get("/").from(client);
            ask.scheme = scheme;
            ask
        };
        let pass = site.pass(&ask("203.0.113.9")).await;
        let other = site.pass(&ask("198.51.100.7")).await;
        // What cannot be one is not counted; what another host of the domain sets may be one, for somebody else.
        let junk = format!("{name}=x; {name}=; ").repeat(50);
        let others = format!("{other}; ").repeat(31);
        let all = ask("203.0.113.9").pass(&format!("{junk}{others}{pass}"));
        assert_eq!(site.status(all).await, 200);
        let long = format!("{other}{}; ", "A".repeat(400)).repeat(9);
        let all = ask("203.0.113.9").pass(&format!("{long}{others}{pass}"));
        assert_eq!(site.status(all).await, 200);
        // There is an end to it.
        let all = ask("203.0.113.9").pass(&format!("{other}; {others}{pass}"));
        assert_eq!(site.status(all).await, 403);
    }
}

#[tokio::test]
async fn a_page_of_the_site_s_own_is_one_that_solves_the_task() {
    let page = "<!doctype html><html lang=de><title>Moment</title>{task}";
    let site = Site::new(&ChallengeConfig::new().paths(["/"]).work(4).page(page));
    let answer = site.ask(get("/")).await;
    assert!(answer.body().starts_with(&page.as_bytes()[..40]));
    let pass = site.pass(&get("/")).await;
    assert_eq!(site.status(get("/").pass(&pass)).await, 200);
}

#[tokio::test]
async fn what_a_clock_dated_that_was_ahead_is_not_good_until_then() {
    let ahead = Site::always();
    // A node with the same keys, and the same node once its clock is put right.
    let config = ChallengeConfig::new().paths(["/"]).work(4);
    let right = Site::always();
    let clock = Arc::new(right.clock.clone());
    let layer = ChallengeLayer::new(&config, &ahead.keys, clock).unwrap();
    let right = Site { layer, ..right };
    ahead.clock.advance(Duration::from_mins(5));
    let a_little = ahead.pass(&get("/")).await;
    assert_eq!(right.status(get("/").pass(&a_little)).await, 200);

    ahead.clock.advance(Duration::from_hours(300 * 24));
    let pass = ahead.pass(&get("/")).await;
    let solution = ahead.solved(&get("/")).await;
    assert_eq!(ahead.status(get("/").pass(&pass)).await, 200);
    assert_eq!(right.status(get("/").pass(&pass)).await, 403);
    assert_eq!(right.send(&get("/"), &solution).await.status(), 403);
    // Solved anew, it is good for as long as any.
    let solution = right.solved(&get("/")).await;
    let anew = right.send(&get("/").pass(&pass), &solution).await;
    assert_eq!(lasts(&anew), 43_200);
    assert_eq!(right.status(get("/").pass(&cookie(&anew))).await, 200);
}
