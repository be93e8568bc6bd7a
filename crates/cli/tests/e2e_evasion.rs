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

use evasion::{Site, bodies, codings, parts, routes};

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
