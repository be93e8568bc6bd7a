//! The login: as many tries as one likes, a hint with each, and a way on to wherever the form says.

use http::StatusCode;

use super::{
    reply::{self, Reply},
    state::{FIELD_BYTES, State, Visit},
};
use crate::demo::html::{Slot, fill};

const USER: &str = "owner";
/// Stands early in every list of leaked passwords.
const PASSWORD: &str = "letmein1";

pub(super) fn show(_: &mut State, _: &Visit<'_>) -> Reply {
    form("", "")
}

pub(super) fn check(state: &mut State, visit: &Visit<'_>) -> Reply {
    let user = visit.sent("username", FIELD_BYTES);
    if user != USER {
        return form(&user, "There is no such user.").with_status(StatusCode::UNAUTHORIZED);
    }
    if visit.sent("password", FIELD_BYTES) != PASSWORD {
        return form(&user, "That is not the password.").with_status(StatusCode::UNAUTHORIZED);
    }
    // Naive on purpose: the session keeps the number it had before.
    state.session(visit).owner = true;
    let next = visit.sent("next", FIELD_BYTES);
    reply::see_other(if next.is_empty() { "/account" } else { &next })
}

pub(super) fn leave(state: &mut State, visit: &Visit<'_>) -> Reply {
    state.session(visit).owner = false;
    reply::see_other("/")
}

fn form(user: &str, complaint: &str) -> Reply {
    let main = fill(
        include_str!("html/login.html"),
        &[
            ("user", Slot::Text(user)),
            ("complaint", Slot::Text(complaint)),
        ],
    );
    reply::page("Sign in · The Naive Shop", &main)
}
