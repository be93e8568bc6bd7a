//! The front page: one product and the guestbook.

use bytes::Bytes;

use super::{
    guestbook,
    reply::{self, Reply, file},
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

/// The price, for programs: as often as they like.
pub(super) fn price(_: &mut State, _: &Visit<'_>) -> Reply {
    file(
        "application/json",
        Bytes::from_static(br#"{"product":"The Mug","euro":14}"#),
    )
}

pub(super) fn buy(state: &mut State, visit: &Visit<'_>) -> Reply {
    let session = state.session(visit);
    session.mugs = session.mugs.saturating_add(1);
    reply::see_other("/")
}
