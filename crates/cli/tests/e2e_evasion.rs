//! Every way of saying the same login that a live Express app accepts is counted as one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test may fail loudly, and waits by the real clock"
)]

mod evasion;
mod support;

use evasion::{Site, answers, bodies, codings, parts, php, random, routes};

#[test]
fn forms() {
    Site::start().judge(bodies::forms());
}

#[test]
fn json() {
    Site::start().judge(bodies::json());
}

#[test]
fn names_in_other_letters() {
    Site::start().judge(bodies::letters());
}

#[test]
fn kinds_of_bodies() {
    Site::start().judge(codings::kinds());
}

#[test]
fn bodies_that_are_encoded() {
    Site::start().judge(codings::codings());
}

#[test]
fn bodies_in_parts() {
    Site::start().judge(parts::parts());
}

#[test]
fn what_php_reads() {
    let mut site = Site::of_php();
    site.judge(php::keys());
    site.judge(php::parts());
    site.judge(php::json());
    site.judge(php::within_gzip());
    site.judge(php::cleaned());
}

#[test]
fn routes_and_methods() {
    Site::start().judge(routes::routes());
}

#[test]
fn credentials_and_queries() {
    Site::start().judge(routes::beside_the_body());
}

#[test]
fn addresses() {
    routes::addresses(&mut Site::start());
}

#[test]
fn answers_that_the_client_has_a_hand_in() {
    let app = answers::app();
    answers::chosen_by_the_client(&app);
    answers::honest(&app);
}

#[test]
fn successes_that_are_none() {
    answers::yes_to_whoever_is_logged_in(&answers::app());
}

#[test]
fn over_http_2() {
    routes::over_http_2(&evasion::app());
}

#[test]
fn whatever_is_made_of_them_at_random() {
    // `EVASION_TRIES=100000 EVASION_SEED=7` looks for more.
    let set = |name, otherwise: usize| match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => otherwise,
    };
    let tries = set("EVASION_TRIES", 2_000);
    let seed = set("EVASION_SEED", 1);
    let hers = Site::start().search(random::logins(seed).take(tries));
    assert!(hers * 20 > tries, "only {hers} of {tries} were logins");
}
