//! Which app a request is for, and an app that is not told of its path.

use std::fmt::Write as _;

use http::header::{HOST, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Uri};
use panoply_core::{ClientAddress, HostNames, Scheme};

use crate::proxy::{Below, told::Back};
use crate::routes::{Place, Routes};
use crate::settings::Stripped;

/// A host, a target, where an answer leads to, and a cookie, a line each.
///
/// An app below a path is asked for a path of its own, and what it answers stays below that, and on this site if it was:
/// however often it is put there. Any spelling of a path that says the same letters goes to the same app.
pub fn route(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (host, target, location, cookie) = (next(), next(), next(), next());
    let Ok(target) = Uri::try_from(target) else {
        return;
    };
    let mut request = Request::new(());
    *request.uri_mut() = target;
    if let Ok(host) = HeaderValue::from_bytes(host) {
        request.headers_mut().insert(HOST, host);
    }
    let client = ClientAddress::direct(([192, 0, 2, 1], 9).into(), Scheme::Https);
    request.extensions_mut().insert(client);

    let mut names = HostNames::default();
    for name in ["api.a.test", "*.b.test", "::1"] {
        names.add(name).expect("it is a name");
    }
    let routes = Routes::new([
        Place::new(None, "/api"),
        Place::new(None, "/api/v1"),
        Place::new(Some(names), "/x"),
    ]);
    let number = routes.find(&request);
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = encoded(request.uri().path()).parse().ok();
    if let Ok(other) = Uri::from_parts(parts) {
        let mut again = request.clone();
        *again.uri_mut() = other;
        assert_eq!(routes.find(&again), number);
    }

    let mut answer = HeaderMap::new();
    for (name, value) in [(LOCATION, location), (SET_COOKIE, cookie)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            answer.insert(name, value);
        }
    }
    let prefix = match number {
        1 => "/api",
        2 => "/api/v1",
        3 => "/x",
        _ => return,
    };
    let told = HeaderValue::from_static("app.internal:8080");
    let back = Back::of(&request, &told);
    let prefix = Stripped::new(prefix);
    let below = Below::ask(&mut request, &prefix);
    let path = request.uri().path();
    assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
    if let Some(back) = back {
        back.lead(&mut answer);
    }
    let before = answer.clone();
    below.put(&mut answer);
    for name in [LOCATION, SET_COOKIE] {
        let text = |headers: &HeaderMap| headers.get(&name).map(|value| value.as_bytes().to_vec());
        if let (Some(before), Some(after)) = (text(&before), text(&answer))
            && before != after
        {
            // The path has come in somewhere, and nothing else of it is other.
            assert!(after.len() > before.len() || name == SET_COOKIE);
            let prefix = prefix.prefix.as_bytes();
            assert!(after.windows(prefix.len()).any(|part| part == prefix));
        }
    }
    let once = answer.clone();
    below.put(&mut answer);
    assert_eq!(answer, once);
}

/// The same path with each letter as its number.
fn encoded(path: &str) -> String {
    let mut all = String::new();
    let mut left = path.chars();
    while let Some(letter) = left.next() {
        match letter {
            // What is encoded already stays so.
            '%' => all.extend([Some('%'), left.next(), left.next()].into_iter().flatten()),
            letter if letter.is_ascii_alphanumeric() => {
                // Writing to a string cannot fail.
                let _ = write!(all, "%{:02x}", u32::from(letter));
            }
            letter => all.push(letter),
        }
    }
    all
}
