//! A neighbour: a blog that somebody else runs under another path of the shop's name.
//!
//! Its script reads what the shop's cookies let it read, and anybody may look at what it has kept.

use bytes::Bytes;
use serde_json::json;

use super::{
    reply::{self, Reply, file},
    state::{FIELD_BYTES, Seen, State, Visit},
};

pub(super) fn show(_: &mut State, _: &Visit<'_>) -> Reply {
    reply::page("A neighbour’s blog", include_str!("html/blog.html"))
}

/// Keeps what the script read, and whether the shop's session came along with it.
pub(super) fn see(state: &mut State, visit: &Visit<'_>) -> Reply {
    let seen = Seen {
        visit: visit.sent("visit", FIELD_BYTES),
        read: visit.sent("read", FIELD_BYTES),
        owner: state.session(visit).owner,
    };
    state.see(seen);
    reply::see_other("/blog")
}

pub(super) fn log(state: &mut State, _: &Visit<'_>) -> Reply {
    let log: Vec<_> = { state.seen.iter() }
        .map(|seen| json!({"visit": seen.visit, "read": seen.read, "owner": seen.owner}))
        .collect();
    let log = serde_json::Value::from(log).to_string();
    file("application/json", Bytes::from(log))
}
