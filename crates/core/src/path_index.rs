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
        let ends = ends(path).take_while(|end| *end <= self.longest);
        ends.flat_map(move |end| {
            let prefix = path.get(..end).unwrap_or_default();
            let whole = end == path.len();
            self.same(prefix).map(move |number| (number, whole))
        })
    }

    /// The numbers of those that are `prefix`.
    fn same<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = usize> + 'a {
        let start = self.paths.partition_point(|(path, _)| &**path < prefix);
        let from = self.paths.get(start..).unwrap_or_default().iter();
        from.take_while(move |(path, _)| &**path == prefix)
            .map(|(_, number)| *number)
    }
}

/// Where the segments of a path end, the root's first.
fn ends(path: &str) -> impl Iterator<Item = usize> + '_ {
    let slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
    let last = Some(path.len()).filter(|_| !path.ends_with('/') || path.is_empty());
    slashes.map(|(at, _)| at).chain(last)
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
