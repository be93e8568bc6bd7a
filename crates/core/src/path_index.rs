//! Which rules are for a path or what lies above it.

/// Rules by their paths, found by as many looks as a path has segments, however many rules there are.
///
/// The paths are prefixes that end where a segment ends, without a slash at the end: `/api`, and the
/// empty one for the root.
///
/// ```
/// use panoply_core::PathIndex;
///
/// let index = PathIndex::new(["", "/api", "/api/v2", "/shop"]);
/// let found: Vec<_> = index.above("/api/v2/users").collect();
/// assert_eq!(found, [(0, false), (1, false), (2, false)]);
/// assert_eq!(index.above("/shop").last(), Some((3, true)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathIndex {
    /// In the order of their bytes, each with its rule's number.
    paths: Box<[(Box<str>, usize)]>,
    /// The length of the longest, beyond which nobody has to look.
    longest: usize,
}

impl PathIndex {
    /// An index of these, numbered as they come. One path may come several times.
    pub fn new<T: Into<Box<str>>>(paths: impl IntoIterator<Item = T>) -> Self {
        let numbered = paths.into_iter().enumerate();
        let mut paths: Vec<_> = numbered
            .map(|(number, path)| (path.into(), number))
            .collect();
        paths.sort_unstable();
        let longest = paths.iter().map(|(path, _)| path.len()).max();
        Self {
            paths: paths.into(),
            longest: longest.unwrap_or_default(),
        }
    }

    /// The numbers of those that are `path` itself (`true`) or stand above it (`false`): the shortest
    /// first, those that are the same in the order of their numbers.
    pub fn above<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (usize, bool)> + 'a {
        Above {
            index: self,
            path,
            prefix: "",
            same: &[],
            next: Some(0),
        }
    }

    /// Those that are `prefix`, and what comes behind them.
    fn at(&self, prefix: &str) -> &[(Box<str>, usize)] {
        let start = self.paths.partition_point(|(path, _)| &**path < prefix);
        self.paths.get(start..).unwrap_or_default()
    }
}

/// A walk down a path. By hand, since each request takes one for every index that there is.
struct Above<'a> {
    index: &'a PathIndex,
    path: &'a str,
    /// The path down to a segment's end.
    prefix: &'a str,
    /// The rules that are left from where those of the prefix begin.
    same: &'a [(Box<str>, usize)],
    /// From where the next slash is looked for, until the last has been found.
    next: Option<usize>,
}

impl Above<'_> {
    /// Where the next segment ends, the root's first; none where no rule can be as long.
    fn next_end(&mut self) -> Option<usize> {
        let from = self.next?;
        let whole = self.path.len();
        let most = whole.min(self.index.longest.saturating_add(1));
        let within = self.path.as_bytes().get(from..most).unwrap_or_default();
        if let Some(at) = within.iter().position(|byte| *byte == b'/') {
            self.next = Some(from + at + 1);
            return Some(from + at);
        }
        self.next = None;
        let ends = !self.path.ends_with('/') || self.path.is_empty();
        (ends && whole <= self.index.longest).then_some(whole)
    }
}

impl Iterator for Above<'_> {
    type Item = (usize, bool);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let [(path, number), rest @ ..] = self.same
                && **path == *self.prefix
            {
                self.same = rest;
                return Some((*number, self.prefix.len() == self.path.len()));
            }
            let end = self.next_end()?;
            self.prefix = self.path.get(..end).unwrap_or_default();
            self.same = self.index.at(self.prefix);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(paths: &[&str], path: &str) -> Vec<(usize, bool)> {
        PathIndex::new(paths.iter().copied()).above(path).collect()
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        let paths = ["/a", "/a/b", "", "/ab", "/a"];
        assert_eq!(found(&paths, "/a"), [(2, false), (0, true), (4, true)]);
        let below = [(2, false), (0, false), (4, false), (1, false)];
        assert_eq!(found(&paths, "/a/b/"), below);
        assert_eq!(found(&paths, "/abc"), [(2, false)]);
        assert_eq!(found(&paths, "/"), [(2, false)]);
        assert_eq!(found(&[], "/a"), []);
    }

    proptest! {
        #[test]
        fn it_is_what_looking_at_each_would_find(
            paths in prop::collection::vec("(/[ab]{0,2}){0,3}[ab]?", 0..12),
            path in "(/[ab]{0,2}){1,5}",
        ) {
            let index = PathIndex::new(paths.iter().map(String::as_str));
            let mut found: Vec<usize> = index.above(&path).map(|(number, _)| number).collect();
            found.sort_unstable();
            let above = |one: &String| {
                let rest = path.strip_prefix(one.as_str());
                rest.is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && !one.ends_with('/')))
            };
            let numbered = paths.iter().enumerate();
            let expected: Vec<usize> =
                numbered.filter(|(_, one)| above(one)).map(|(number, _)| number).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
