//! What a request may be read to ask for.

use http::{HeaderName, HeaderValue, Request};
use smallvec::{SmallVec, smallvec};

use super::path::{Below, Reading, Spelled};
use crate::login::path_of;
use crate::original::original;

/// Where IIS and what follows it, Symfony among it, say that another path is meant. They are dropped from whom nobody
/// trusts; a proxy that is trusted may pass on what its client wrote.
pub(crate) static MEANT: [HeaderName; 2] = [
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// One path, by all that it is called.
#[derive(Debug)]
pub(super) struct Place<'a>(SmallVec<[(&'a str, Reading<'a>); 2]>);

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        Self(smallvec![(path, Reading::of(path))])
    }

    /// All that are meant by a request: what it asks for, and what a header says that it does.
    pub(super) fn all<B>(request: &'a Request<B>) -> SmallVec<[Self; 1]> {
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
        let meant = { MEANT.iter() }.flat_map(|name| request.headers().get_all(name));
        let meant = meant.filter_map(|value: &HeaderValue| value.to_str().ok());
        all.extend(meant.map(|meant| Self::of(path_of(meant))));
        all
    }

    /// Whether it may be read to lie below `path`, and is none of `except`, by whatever name.
    pub(super) fn lies(&self, path: &Below, except: &[Spelled]) -> bool {
        let is_open = |(path, reading): &(&str, Reading<'_>)| {
            except.iter().any(|open| open.is(path, reading))
        };
        self.0.iter().any(|(_, reading)| path.covers(reading)) && !self.0.iter().any(is_open)
    }
}
