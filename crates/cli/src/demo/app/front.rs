//! The front page: one product and the guestbook.

use super::{
    guestbook,
    reply::{self, Reply},
    state::{State, Visit},
};
use crate::demo::html::{Slot, fill};

pub(super) fn show(state: &mut State, visit: &Visit<'_>) -> Reply {
    let mugs = match state.session(visit).mugs {
        0 => "Your basket is empty.".into(),
        1 => "One mug in your basket.".into(),
        mugs => format!("{mugs} mugs in your basket."),
    };
    let comments = guestbook::list(state);
    let main = fill(
        include_str!("html/front.html"),
        &[
            ("basket", Slot::Text(&mugs)),
            ("comments", Slot::Html(&comments)),
        ],
    );
    reply::page("The Naive Shop", &main)
}

pub(super) fn buy(state: &mut State, visit: &Visit<'_>) -> Reply {
    let session = state.session(visit);
    session.mugs = session.mugs.saturating_add(1);
    reply::see_other("/")
}
