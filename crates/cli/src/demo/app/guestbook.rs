//! The guestbook: stored XSS. What one visitor writes runs in the browser of every other.

use super::{
    reply::{self, Reply},
    state::{COMMENT_BYTES, FIELD_BYTES, State, Visit},
};
use crate::demo::html::{Slot, fill};

/// All comments, the newest first.
pub(super) fn list(state: &State) -> String {
    state
        .comments
        .iter()
        .rev()
        .map(|comment| {
            fill(
                include_str!("html/comment.html"),
                // Naive on purpose: both are printed as they came.
                &[
                    ("name", Slot::Html(&comment.name)),
                    ("text", Slot::Html(&comment.text)),
                ],
            )
        })
        .collect()
}

/// The comments alone.
pub(super) fn show(state: &mut State, _: &Visit<'_>) -> Reply {
    let comments = list(state);
    let main = fill(
        include_str!("html/guestbook.html"),
        &[("comments", Slot::Html(&comments))],
    );
    reply::page("Guestbook · The Naive Shop", &main)
}

pub(super) fn sign(state: &mut State, visit: &Visit<'_>) -> Reply {
    let text = visit.sent("text", COMMENT_BYTES);
    if !text.trim().is_empty() {
        let name = visit.sent("name", FIELD_BYTES);
        let name = if name.trim().is_empty() {
            "Somebody".into()
        } else {
            name
        };
        state.comment(name, text);
    }
    reply::see_other("/#guestbook")
}

pub(super) fn clear(state: &mut State, _: &Visit<'_>) -> Reply {
    state.comments = State::default().comments;
    reply::see_other("/#guestbook")
}
