//! Bringing the application's headers and ours together.

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::removal::Removal;

/// A header that both have set, with the application's values.
pub(super) type Contested = (HeaderName, Vec<HeaderValue>);

/// Moves the application's headers in beside ours, without those that leak, and hands back those
/// which both have.
///
/// Ours are a copy of a map that is hashed already, so that only the application's few names are
/// hashed for each response.
///
/// `known` are the names of ours: what is none of them goes in without a look at what is there.
pub(super) fn join(
    app: HeaderMap,
    ours: &mut HeaderMap,
    known: &Removal,
    removal: &Removal,
) -> Vec<Contested> {
    if app.len() == app.keys_len() {
        join_singles(app, ours, known, removal)
    } else {
        join_lists(app, ours, removal)
    }
}

/// No name comes twice, so that none has to be remembered.
fn join_singles(
    app: HeaderMap,
    ours: &mut HeaderMap,
    known: &Removal,
    removal: &Removal,
) -> Vec<Contested> {
    let mut contested = Vec::new();
    for (name, value) in app {
        let Some(name) = name else { continue };
        let place = Removal::place(name.as_str());
        if removal.takes_at(place, &name) {
            continue;
        }
        if !known.takes_at(place, &name) {
            ours.insert(name, value);
            continue;
        }
        match ours.entry(name) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(place) => contested.push((place.key().clone(), vec![value])),
        }
    }
    contested
}

/// A name is given with its first value only.
fn join_lists(app: HeaderMap, ours: &mut HeaderMap, removal: &Removal) -> Vec<Contested> {
    enum Last {
        Gone,
        Moved(HeaderName),
        Contested,
    }
    let mut contested: Vec<Contested> = Vec::new();
    let mut last = Last::Gone;
    for (name, value) in app {
        let Some(name) = name else {
            match (&last, contested.last_mut()) {
                (Last::Moved(name), _) => {
                    ours.append(name, value);
                }
                (Last::Contested, Some((_, values))) => values.push(value),
                _ => {}
            }
            continue;
        };
        if removal.takes(&name) {
            last = Last::Gone;
            continue;
        }
        last = match ours.entry(name) {
            Entry::Vacant(place) => {
                let name = place.key().clone();
                place.insert(value);
                Last::Moved(name)
            }
            Entry::Occupied(place) => {
                contested.push((place.key().clone(), vec![value]));
                Last::Contested
            }
        };
    }
    contested
}
