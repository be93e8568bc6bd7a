//! Paths of routes, and whether what is registered under one is run for another.
//!
//! Express 4 (path-to-regexp 0.1) and 5 (path-to-regexp 8) agree on what matters here: letters' case and
//! a slash at the end do not count, `use` matches whole leading segments, `:name` is one segment, `*` the rest.

/// A path that routes are registered under, by segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Route {
    segments: Vec<Segment>,
}

/// A piece between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Is(String),
    /// Any one.
    Param,
    /// Anything, also with slashes, also nothing.
    Rest,
    /// Not known: any number of segments.
    Unknown,
}

/// Whether something registered under one path is run for requests to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Matches {
    No,
    /// For some of them, or it is not known.
    Maybe,
    Yes,
}

impl Route {
    /// The root.
    pub(crate) const fn root() -> Self {
        Self {
            segments: Vec::new(),
        }
    }

    /// What is not known, such as a regular expression.
    pub(crate) fn unknown() -> Self {
        Self {
            segments: vec![Segment::Unknown],
        }
    }

    /// A path as it is written.
    pub(crate) fn parse(path: &str) -> Self {
        let segments = path.split('/').filter(|part| !part.is_empty());
        let segments = segments.map(|part| {
            if matches!(part, "*" | "(.*)" | ".*" | "*.*")
                || part.starts_with('*')
                || part.starts_with("{*")
            {
                Segment::Rest
            } else if part.contains(['(', '?', '+', '*', '{', '[']) {
                Segment::Unknown
            } else if part.contains(':') {
                Segment::Param
            } else {
                Segment::Is(part.to_ascii_lowercase())
            }
        });
        Self {
            segments: segments.collect(),
        }
    }

    /// This one, and another below it.
    #[must_use]
    pub(crate) fn join(&self, below: &Self) -> Self {
        let mut segments = self.segments.clone();
        segments.extend(below.segments.iter().cloned());
        Self { segments }
    }

    /// Whether all of it is known.
    pub(crate) fn is_known(&self) -> bool {
        !self.segments.contains(&Segment::Unknown)
    }

    /// Whether it stands for every path.
    pub(crate) fn is_everything(&self) -> bool {
        matches!(self.segments.as_slice(), [] | [Segment::Rest])
    }

    /// The words that stand in it.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Is(word) => Some(word.as_str()),
            _ => None,
        })
    }

    /// Whether what `use` put under this path runs for requests to a route.
    pub(crate) fn leads_to(&self, route: &Self) -> Matches {
        matches(&self.segments, &route.segments, true)
    }

    /// Whether what stands under this very path runs for requests to a route.
    pub(crate) fn is(&self, route: &Self) -> Matches {
        matches(&self.segments, &route.segments, false)
    }
}

fn matches(pattern: &[Segment], route: &[Segment], prefix: bool) -> Matches {
    match (pattern, route) {
        ([], []) => Matches::Yes,
        ([], _) if prefix => Matches::Yes,
        ([Segment::Rest], _) => Matches::Yes,
        ([Segment::Unknown | Segment::Rest, ..], _)
        | (_, [Segment::Unknown | Segment::Rest, ..]) => Matches::Maybe,
        ([Segment::Is(a), pattern @ ..], [Segment::Is(b), route @ ..]) if a == b => {
            matches(pattern, route, prefix)
        }
        ([Segment::Param, pattern @ ..], [_, route @ ..]) => matches(pattern, route, prefix),
        ([Segment::Is(_), pattern @ ..], [Segment::Param, route @ ..]) => {
            matches(pattern, route, prefix).min(Matches::Maybe)
        }
        _ => Matches::No,
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        for segment in &self.segments {
            match segment {
                Segment::Is(word) => write!(f, "/{word}")?,
                Segment::Param => f.write_str("/:_")?,
                Segment::Rest => f.write_str("/*")?,
                Segment::Unknown => f.write_str("/…")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(prefix: &str, route: &str) -> Matches {
        Route::parse(prefix).leads_to(&Route::parse(route))
    }

    #[test]
    fn use_matches_whole_segments() {
        assert_eq!(leads("/", "/login"), Matches::Yes);
        assert_eq!(leads("/api", "/API/login/"), Matches::Yes);
        assert_eq!(leads("/api", "/apis/login"), Matches::No);
        assert_eq!(leads("/api/", "/api"), Matches::Yes);
        assert_eq!(leads("/:v/login", "/v1/login"), Matches::Yes);
        assert_eq!(leads("/v1", "/:v/login"), Matches::Maybe);
        assert_eq!(leads("*", "/a/b"), Matches::Yes);
        assert_eq!(leads("/api/*", "/api/a/b"), Matches::Yes);
        assert_eq!(leads("/api/*splat", "/api/a/b"), Matches::Yes);
        assert_eq!(leads("/api/a", "/api"), Matches::No);
    }

    #[test]
    fn a_route_matches_all_of_it() {
        let is = |a: &str, b: &str| Route::parse(a).is(&Route::parse(b));
        assert_eq!(is("/login", "/login"), Matches::Yes);
        assert_eq!(is("/login", "/login/x"), Matches::No);
        assert_eq!(is("/", "/"), Matches::Yes);
        assert_eq!(is("/:a", "/login"), Matches::Yes);
        assert_eq!(is("/lo?gin", "/login"), Matches::Maybe);
        assert_eq!(Route::unknown().is(&Route::parse("/x")), Matches::Maybe);
    }
}
