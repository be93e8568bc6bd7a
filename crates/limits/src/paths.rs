//! Rules for paths, and which of them a request falls under, however its path is spelled.

use http::Request;
use percent_encoding::utf8_percent_encode;
use smallvec::SmallVec;

use crate::Error;
use crate::access::path::{Below, ENCODED, Reading};
use crate::access::{is_path, meant};
use crate::original::original;

/// Prefixes of paths, numbered as they come, each of which has a rule of its own.
///
/// What a path certainly lies below, as it is spelled, may be given leave by the rule. What some app might read
/// there all the same, without case, decoded, or with steps taken, may be held to it.
///
/// ```
/// use http::Request;
/// use panoply_limits::PathRules;
///
/// let rules = PathRules::new(["/upload", "/upload/small"]).unwrap();
/// let found = |path: &str| {
///     let found = rules.find(&Request::get(path).body(()).unwrap());
///     (found.certain, found.possible.to_vec())
/// };
/// assert_eq!(found("/upload/a.png"), (Some(0), vec![]));
/// assert_eq!(found("/upload/small/a"), (Some(1), vec![]));
/// assert_eq!(found("/Upload/a"), (None, vec![0]));
/// assert_eq!(found("/upload/../a"), (None, vec![0]));
/// ```
#[derive(Debug, Default)]
pub struct PathRules(Box<[Rule]>);

#[derive(Debug)]
struct Rule {
    /// As clients write it, without a slash at its end.
    literal: Box<str>,
    below: Below,
    /// The rules that it lies below itself: it is more to the point than they are.
    within: Box<[usize]>,
}

/// The rules that a request falls under, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathsFound {
    /// The longest prefix that the path has as it is spelled, if it can be read in no other way.
    pub certain: Option<usize>,
    /// Those beside it below which some app might read the path.
    pub possible: SmallVec<[usize; 2]>,
}

impl PathRules {
    /// Rules for these prefixes: `/embed` and `/embed/` are for `/embed` and all below it.
    ///
    /// # Errors
    ///
    /// With its number, when one of them is no path, could be read in several ways, or comes twice.
    pub fn new<T: AsRef<str>>(
        prefixes: impl IntoIterator<Item = T>,
    ) -> Result<Self, (usize, Error)> {
        const EXAMPLE: &str = "a path such as `\"/upload\"`, which means all below it as well";
        let mut rules: Vec<Rule> = Vec::new();
        for (number, prefix) in prefixes.into_iter().enumerate() {
            let prefix = prefix.as_ref();
            let wrong = |problem| {
                let key = "prefix";
                let example = EXAMPLE;
                (
                    number,
                    Error::Value {
                        key,
                        problem,
                        example,
                    },
                )
            };
            let below = is_path(prefix).then(|| Below::new(prefix)).flatten();
            let below = below.ok_or_else(|| wrong(format!("is `{prefix}`, which is no path")))?;
            let literal = utf8_percent_encode(prefix, ENCODED).to_string();
            let literal: Box<str> = literal.trim_end_matches('/').into();
            if rules.iter().any(|rule| rule.literal == literal) {
                return Err(wrong(format!("is `{prefix}` a second time")));
            }
            rules.push(Rule {
                literal,
                below,
                within: Box::default(),
            });
        }
        let within = |rule: &Rule| {
            let reading = Reading::of(if rule.literal.is_empty() {
                "/"
            } else {
                &rule.literal
            });
            let above = rules.iter().enumerate();
            let above = above.filter(|(_, above)| above.below.covers(&reading));
            above.map(|(number, _)| number).collect()
        };
        let within: Vec<Box<[usize]>> = rules.iter().map(within).collect();
        for (rule, within) in rules.iter_mut().zip(within) {
            rule.within = within;
        }
        Ok(Self(rules.into()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The longest prefix that `path` has as it is spelled, if every app reads it there.
    pub fn certain(&self, path: &str) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        self.longest(path, &Reading::of(path))
    }

    /// The rules that a request falls under.
    pub fn find<B>(&self, request: &Request<B>) -> PathsFound {
        let mut found = PathsFound::default();
        if self.0.is_empty() {
            return found;
        }
        let whole = original(request.extensions(), request.uri()).path();
        let reading = Reading::of(whole);
        found.certain = self.longest(whole, &reading);
        found.add(self, &reading);
        // Some apps take another path than the one that was asked for, where a header says so.
        for (_, reading) in meant(request.headers()) {
            found.add(self, &reading);
        }
        found
    }

    fn longest(&self, path: &str, reading: &Reading<'_>) -> Option<usize> {
        if !reading.is_plain() {
            return None;
        }
        let has = |rule: &Rule| {
            let rest = path.strip_prefix(&*rule.literal);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                && !reading.has_program_behind(rule.below.depth())
        };
        let rules = self.0.iter().enumerate().filter(|(_, rule)| has(rule));
        let longest = rules.max_by_key(|(_, rule)| rule.literal.len());
        longest.map(|(number, _)| number)
    }
}

impl PathsFound {
    fn add(&mut self, rules: &PathRules, reading: &Reading<'_>) {
        let certain = self.certain.and_then(|number| rules.0.get(number));
        let is_above = |number: usize| certain.is_some_and(|rule| rule.within.contains(&number));
        for (number, rule) in rules.0.iter().enumerate() {
            if !is_above(number) && rule.below.covers(reading) && !self.possible.contains(&number) {
                self.possible.push(number);
            }
        }
    }
}

#[cfg(test)]
mod tests;
