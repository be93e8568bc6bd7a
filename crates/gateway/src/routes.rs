//! Which app a request is for: by the name that it asks for, and by its path as it is spelled.

use http::Request;
use panoply_core::{HostName, HostNames};
use percent_encoding::percent_decode_str;

/// Where the apps of `[[route]]` are; what is nowhere there is the main app's.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// In the order of their apps.
    places: Box<[Place]>,
    /// Whether the name matters at all.
    by_name: bool,
}

/// What an app has of the site.
#[derive(Debug)]
pub(crate) struct Place {
    /// The names under which it is there; all of the site's without any.
    names: Option<HostNames>,
    /// What the path begins with, decoded.
    segments: Box<[Box<str>]>,
}

impl Place {
    /// All below `prefix` under these names; `/` and nothing are everything.
    pub(crate) fn new(names: Option<HostNames>, prefix: &str) -> Self {
        let segments = prefix.split('/').filter(|segment| !segment.is_empty());
        Self {
            names,
            segments: segments.map(Into::into).collect(),
        }
    }

    /// How much to the point it is for what is asked, if it is at all: the more the name says, then the longer the path.
    fn fits(&self, name: Option<&HostName>, path: &str) -> Option<(u8, usize)> {
        let by_name = match (&self.names, name) {
            (None, _) => 0,
            (Some(names), Some(name)) => names.fit(name)?,
            (Some(_), None) => return None,
        };
        // The target of `OPTIONS *` has no path.
        let mut rest = path.strip_prefix('/').map(|path| path.split('/'));
        for segment in &self.segments {
            let next = rest.as_mut()?.next()?;
            let next = percent_decode_str(next).decode_utf8().ok()?;
            if next != **segment {
                return None;
            }
        }
        Some((by_name, self.segments.len()))
    }
}

impl Routes {
    pub(crate) fn new(places: impl IntoIterator<Item = Place>) -> Self {
        let places: Box<[Place]> = places.into_iter().collect();
        Self {
            by_name: places.iter().any(|place| place.names.is_some()),
            places,
        }
    }

    /// The number of the app that a request is for, counted from 1; 0 is the main app.
    pub(crate) fn find<B>(&self, request: &Request<B>) -> usize {
        let name = { self.by_name }.then(|| HostName::asked(request)).flatten();
        self.find_at(name.as_ref(), request.uri().path())
    }

    fn find_at(&self, name: Option<&HostName>, path: &str) -> usize {
        let fits = self.places.iter().zip(1..);
        let fits = fits.filter_map(|(place, number)| Some((place.fits(name, path)?, number)));
        fits.max().map_or(0, |(_, number)| number)
    }
}

#[cfg(test)]
mod tests {
    use http::header::HOST;
    use proptest::prelude::*;

    use super::*;

    fn routes(all: &[(&[&str], &str)]) -> Routes {
        Routes::new(all.iter().map(|(names, path)| {
            let mut all = HostNames::default();
            for name in *names {
                all.add(name).unwrap();
            }
            Place::new(Some(all).filter(|all| !all.is_empty()), path)
        }))
    }

    #[test]
    fn a_path_means_all_below_it_as_it_is_spelled() {
        let routes = routes(&[(&[], "/api"), (&[], "/api/v2/"), (&[], "/caf\u{e9} one")]);
        for (path, number) in [
            ("/", 0),
            ("/api", 1),
            ("/api/", 1),
            ("/api/users/a%2fb", 1),
            ("/api//", 1),
            ("/api/../x", 1),
            ("/%61p%69/x", 1),
            ("/apis", 0),
            ("/API", 0),
            ("//api", 0),
            ("/x/../api", 0),
            ("/api%2fv2", 0),
            ("/api/v2", 2),
            ("/api/v2/x", 2),
            ("/api/v20", 1),
            ("/caf%C3%A9%20one/x", 3),
            ("/caf%E9%20one", 0),
            ("*", 0),
            ("", 0),
        ] {
            assert_eq!(routes.find_at(None, path), number, "{path}");
        }
    }

    #[test]
    fn the_name_says_more_than_the_path_and_more_than_a_wildcard() {
        let routes = routes(&[
            (&["api.a.test"], ""),
            (&["*.a.test", "b.test"], "/x"),
            (&[], "/x/y"),
            (&["10.0.0.1", "::1"], ""),
        ]);
        for (host, path, number) in [
            ("api.a.test", "/x/y", 1),
            ("API.a.test:8443", "/", 1),
            ("api.a.test.", "/", 1),
            ("www.a.test", "/x/y", 2),
            ("b.test", "/x", 2),
            ("b.test", "/", 0),
            ("a.test", "/x", 0),
            ("c.test", "/x/y/z", 3),
            ("10.0.0.1", "/x/y", 4),
            ("[::1]:8080", "/", 4),
        ] {
            let request = Request::get(path).header(HOST, host).body(()).unwrap();
            assert_eq!(routes.find(&request), number, "{host}{path}");
        }
        let nameless = Request::get("/x/y").body(()).unwrap();
        assert_eq!(routes.find(&nameless), 3);
    }

    proptest! {
        /// However a letter of it is written, a path is the same (RFC 3986 §6.2.2.2).
        #[test]
        fn encoded_or_not_it_is_the_same(
            prefix in "(/[a-c]{1,2}){1,3}",
            path in "(/[a-d]{0,2}){0,5}",
            encoded in proptest::collection::vec(any::<bool>(), 16),
        ) {
            let routes = routes(&[(&[], &prefix)]);
            let spelled: String = path.chars().zip(encoded.iter().cycle()).map(|(letter, encoded)| {
                if *encoded && letter != '/' { format!("%{:02x}", u32::from(letter)) } else { letter.to_string() }
            }).collect();
            let is_below = path == prefix || path.starts_with(&format!("{prefix}/"));
            prop_assert_eq!(routes.find_at(None, &spelled), usize::from(is_below));
        }
    }
}
