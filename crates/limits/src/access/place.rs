//! What a request may be read to ask for.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use panoply_core::ClientAddress;
use percent_encoding::{AsciiSet, percent_encode};
use smallvec::{SmallVec, smallvec};

use super::index::{BelowIndex, Numbers};
use super::path::{Below, Reading, Spelled};
use crate::original::original;

/// Where IIS and what follows it, Symfony among it, say that another path is meant. They are dropped from whom nobody
/// trusts; a proxy that is trusted may pass on what its client wrote.
pub(super) static MEANT: [HeaderName; 2] = [
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// No letter of ASCII.
const BEYOND_ASCII: &AsciiSet = &AsciiSet::EMPTY;

/// Takes off a request the headers in which it may say that another path is meant (`X-Original-URL`, `X-Rewrite-URL`): the
/// guards read in them the whole path, and an app that is asked for a part of it would read a part.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use panoply_limits::forget_meant;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-original-url", HeaderValue::from_static("/admin"));
/// forget_meant(&mut headers);
/// assert!(headers.is_empty());
/// ```
pub fn forget_meant(headers: &mut HeaderMap) {
    for name in &MEANT {
        headers.remove(name);
    }
}

/// The paths that headers say are meant, as they are spelled, and how apps may read them.
pub(crate) fn meant(headers: &HeaderMap) -> impl Iterator<Item = (&str, Reading<'_>)> {
    let values = MEANT.iter().flat_map(|name| headers.get_all(name));
    values.map(
        |value: &HeaderValue| match str::from_utf8(value.as_bytes()) {
            Ok(meant) => {
                let (path, is_address) = path_of(meant);
                let reading = Reading::of(path);
                (
                    path,
                    if is_address {
                        reading
                    } else {
                        reading.doubted()
                    },
                )
            }
            // Apps read what is no text, too, each in its own way.
            Err(_) => ("", Reading::anywhere()),
        },
    )
}

/// The paths that headers may say are meant, as whoever counts goes by them: of what is written as neither an address nor
/// a path, what some app may take for one. None, as a rule: whoever is no trusted proxy has no such header left.
pub(crate) fn paths_meant<B>(request: &Request<B>) -> SmallVec<[String; 3]> {
    let client = request.extensions().get::<ClientAddress>();
    let mut paths = SmallVec::new();
    let mut names = request.headers().keys();
    // Two names are looked for in less time than it takes to look them up.
    if client.is_some_and(|client| !client.is_peer_trusted())
        || !names.any(|name| MEANT.contains(name))
    {
        return paths;
    }
    let values = MEANT
        .iter()
        .flat_map(|name| request.headers().get_all(name));
    for value in values {
        // What is no UTF-8 is so however it is written.
        let text = match str::from_utf8(value.as_bytes()) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => percent_encode(value.as_bytes(), BEYOND_ASCII)
                .to_string()
                .into(),
        };
        let (path, is_address) = path_of(&text);
        if !is_address || path.starts_with("//") {
            let rest = { path.strip_prefix("http:") }.or_else(|| path.strip_prefix("https:"));
            let rest = rest.unwrap_or(path).trim_start_matches(['/', '\\']);
            let behind = rest.split_once(['/', '\\']).map(|(_, behind)| behind);
            paths.extend(
                [rest]
                    .into_iter()
                    .chain(behind)
                    .map(|path| format!("/{path}")),
            );
        }
        paths.push(path.to_owned());
    }
    paths
}

/// The path of what a header says is meant, and whether that is an address or a path as they are written.
fn path_of(meant: &str) -> (&str, bool) {
    // A fragment stays: not every app cuts it off.
    let whole = meant.split('?').next().unwrap_or(meant);
    let address = { whole.strip_prefix("http://") }.or_else(|| whole.strip_prefix("https://"));
    let Some(address) = address else {
        return (whole, whole.is_empty() || whole.starts_with('/'));
    };
    let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if host.is_empty() || !host.chars().all(is_host) {
        return (whole, false);
    }
    (if path.is_empty() { "/" } else { path }, true)
}

/// One path, by all that it is called.
#[derive(Debug)]
pub(crate) struct Place<'a>(SmallVec<[(&'a str, Reading<'a>); 2]>);

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        Self(smallvec![(path, Reading::of(path))])
    }

    /// All that are meant by a request: what it asks for, and what a header says that it does.
    pub(crate) fn all<B>(request: &'a Request<B>) -> SmallVec<[Self; 1]> {
        let (uri, whole) = (request.uri(), original(request.extensions(), request.uri()));
        let mut all: SmallVec<[Self; 1]> = smallvec![Self::of(whole.path())];
        // Within a router that is nested, as it stands there and as the client wrote it.
        if whole.path() != uri.path() {
            match all.first_mut() {
                Some(first) if whole.path().ends_with(uri.path()) => {
                    first.0.push((uri.path(), Reading::of(uri.path())));
                }
                // Something has made it another one.
                _ => all.push(Self::of(uri.path())),
            }
        }
        all.extend(meant(request.headers()).map(|one| Self(smallvec![one])));
        all
    }

    /// The numbers of those paths that it may be read to lie below.
    pub(crate) fn below(&self, paths: &BelowIndex) -> Numbers {
        let each = { self.0.iter() }.flat_map(|(_, reading)| paths.covering(reading));
        each.collect()
    }

    /// Whether it may be read to lie below `path`, and is none of `except`, by whatever name.
    pub(crate) fn lies(&self, path: &Below, except: &[Spelled]) -> bool {
        let is_open = |(path, reading): &(&str, Reading<'_>)| {
            except.iter().any(|open| open.is(path, reading))
        };
        self.0.iter().any(|(_, reading)| path.covers(reading)) && !self.0.iter().any(is_open)
    }
}
