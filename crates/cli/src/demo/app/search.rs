//! The search: reflected XSS. A link is enough to put a script into the page.

use super::{
    reply::{self, Reply},
    state::{State, Visit},
};
use crate::demo::html::{Slot, fill};

pub(super) fn show(_: &mut State, visit: &Visit<'_>) -> Reply {
    let query = visit.query("q");
    let main = fill(
        include_str!("html/search.html"),
        &[
            ("value", Slot::Text(&query)),
            // Naive on purpose: printed as it came.
            ("query", Slot::Html(&query)),
        ],
    );
    reply::page("Search · The Naive Shop", &main)
}
