//! Which of many paths one that was asked for may lie below.

use std::collections::{BTreeMap, HashSet};

use smallvec::SmallVec;

use super::path::{Below, Reading};

/// Paths by their segments, found without a look at those that are elsewhere.
///
/// It finds what [`Below::covers`] says of each, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct BelowIndex {
    nodes: Vec<Node>,
    count: usize,
}

/// All paths that begin alike.
#[derive(Debug, Default)]
struct Node {
    next: BTreeMap<Box<str>, usize>,
    /// Those that end here.
    ends: Vec<usize>,
}

/// The numbers of paths.
pub(crate) type Numbers = SmallVec<[usize; 4]>;

impl BelowIndex {
    /// They are numbered as they come.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = &'a Below>) -> Self {
        let mut index = Self {
            nodes: vec![Node::default()],
            count: 0,
        };
        for path in paths {
            let mut at = 0;
            for segment in path.segments() {
                at = index.step(at, segment);
            }
            if let Some(node) = index.nodes.get_mut(at) {
                node.ends.push(index.count);
            }
            index.count += 1;
        }
        index
    }

    fn step(&mut self, at: usize, segment: &str) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else {
            return 0;
        };
        if let Some(next) = node.next.get(segment) {
            return *next;
        }
        node.next.insert(segment.into(), new);
        self.nodes.push(Node::default());
        new
    }

    /// The numbers of those that it may lie below.
    pub(crate) fn covering(&self, asked: &Reading<'_>) -> Numbers {
        let mut found = Numbers::new();
        for one in asked.all() {
            if !one.is_told() {
                return (0..self.count).collect();
            }
            let segments: SmallVec<[&str; 16]> = one.segments().collect();
            if one.may_leave_out(&segments) {
                self.left_of(&segments, &mut found);
            } else {
                self.beginning(&segments, &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Those that a path begins with.
    fn beginning(&self, segments: &[&str], found: &mut Numbers) {
        let mut at: SmallVec<[usize; 2]> = SmallVec::from_slice(&[0]);
        self.end(0, found);
        for segment in segments {
            let mut next = SmallVec::new();
            for node in at {
                self.follow(node, segment, found, &mut |node| next.push(node));
            }
            at = next;
            if at.is_empty() {
                break;
            }
        }
    }

    /// Those that are left where some segments of a path are left out: whatever has been reached can be gone on from.
    fn left_of(&self, segments: &[&str], found: &mut Numbers) {
        let mut reached = HashSet::new();
        let mut at = vec![0];
        self.end(0, found);
        for segment in segments {
            let mut next = Vec::new();
            for node in &at {
                self.follow(*node, segment, found, &mut |node| {
                    if reached.insert(node) {
                        next.push(node);
                    }
                });
            }
            at.append(&mut next);
        }
    }

    /// Goes from a node by a segment, which may have a format where a path ends, and dots, which are nothing to Windows,
    /// wherever it stands.
    fn follow(&self, at: usize, segment: &str, found: &mut Numbers, go: &mut impl FnMut(usize)) {
        let Some(node) = self.nodes.get(at).filter(|node| !node.next.is_empty()) else {
            return;
        };
        let points = segment.match_indices('.').map(|(at, _)| at);
        for end in points.chain([segment.len()]) {
            let (own, format) = segment.split_at(end);
            if let Some(next) = node.next.get(own) {
                self.end(*next, found);
                if format.bytes().all(|byte| byte == b'.') {
                    go(*next);
                }
            }
        }
    }

    fn end(&self, at: usize, found: &mut Numbers) {
        if let Some(node) = self.nodes.get(at) {
            found.extend_from_slice(&node.ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn it_is_what_a_look_at_each_finds(
            paths in prop::collection::vec("(/(a|b|a[.]b|caf\u{e9}|index[.]php|c[.]d[.]e)){0,3}/?", 0..12),
            asked in prop::collection::vec(
                prop::sample::select(vec![
                    "/", "/", "/", "/", "a", "b", "a", "b", ".b", ".", "..", "A", "%61", "%2561", "caf%E9", "caf%C3%A9",
                    "index.php", "(S(x))", "c.d", ".e", ";", "%2f", "%00", "%20", "x",
                ]),
                0..12,
            ),
        ) {
            let paths = paths.iter().map(|path| format!("/{}", path.trim_start_matches('/')));
            let paths: Vec<Below> = paths.filter_map(|path| Below::new(&path)).collect();
            let asked = format!("/{}", asked.concat());
            for reading in [Reading::of(&asked), Reading::of(&asked).doubted()] {
                let found = BelowIndex::new(&paths).covering(&reading);
                let each = paths.iter().enumerate().filter(|(_, path)| path.covers(&reading));
                let each: Vec<usize> = each.map(|(number, _)| number).collect();
                prop_assert_eq!(found.to_vec(), each, "{}", asked);
            }
        }
    }
}
