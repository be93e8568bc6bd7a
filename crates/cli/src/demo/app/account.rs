//! The account: one click ends it, and any site may lay its own page over that click.

use super::{
    reply::{self, Reply},
    state::{State, Visit},
};
use crate::demo::html::{Slot, fill};

pub(super) fn show(state: &mut State, visit: &Visit<'_>) -> Reply {
    let session = state.session(visit);
    let (name, way_in_or_out) = if session.owner {
        ("the owner", include_str!("html/leave.html"))
    } else {
        ("a guest", include_str!("html/enter.html"))
    };
    let template = if session.closed {
        include_str!("html/account_closed.html")
    } else {
        include_str!("html/account.html")
    };
    let main = fill(
        template,
        &[
            ("name", Slot::Text(name)),
            ("way", Slot::Html(way_in_or_out)),
        ],
    );
    reply::page("Account · The Naive Shop", &main)
}

pub(super) fn close(state: &mut State, visit: &Visit<'_>) -> Reply {
    state.session(visit).closed = true;
    reply::see_other("/account")
}

pub(super) fn open(state: &mut State, visit: &Visit<'_>) -> Reply {
    state.session(visit).closed = false;
    reply::see_other("/account")
}
