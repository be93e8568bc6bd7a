//! Rules for paths, and which of them a request falls under, however its path is spelled.

use std::collections::HashMap;

use http::Request;
use panoply_core::spelling::{is_path, sent};
use panoply_core::{ClientAddress, HostNames, PathIndex};
use smallvec::SmallVec;

use crate::Error;
use crate::access::index::BelowIndex;
use crate::access::meant;
use crate::access::path::{Below, Reading};
use crate::names::{Hosts, names};
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
pub struct PathRules {
    rules: Box<[Rule]>,
    /// By what is spelled, and by what may be read.
    literal: PathIndex,
    below: BelowIndex,
}

#[derive(Debug)]
struct Rule {
    /// As clients write it, without a slash at its end.
    literal: Box<str>,
    below: Below,
    /// The names under which it is one; all of the site's without any.
    names: Option<HostNames>,
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
        Self::by_name(prefixes.into_iter().map(|prefix| (prefix, None)))
    }

    /// The same, each under some of the site's names alone, such as `shop.example` or `*.shop.example`, or under all.
    ///
    /// What is certainly asked for is so under the name by which its app is found: what a trusted proxy says, else that
    /// of the target or of `Host`. A rule that might be meant is minded if any name that a request carries is one of its
    /// own, or the request carries none, or an address alone.
    ///
    /// ```
    /// use http::Request;
    /// use panoply_limits::PathRules;
    ///
    /// let media = ["media.example".to_owned()];
    /// let rules = PathRules::by_name([("/", Some(&media[..])), ("/upload", None)]).unwrap();
    /// let certain = |host: &str, path: &str| {
    ///     rules.find(&Request::get(path).header("host", host).body(()).unwrap()).certain
    /// };
    /// assert_eq!(certain("media.example", "/a"), Some(0));
    /// assert_eq!(certain("media.example", "/upload/a"), Some(1));
    /// assert_eq!(certain("shop.example", "/a"), None);
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and when a name is no host, or a list of them is empty.
    pub fn by_name<'a, T: AsRef<str>>(
        prefixes: impl IntoIterator<Item = (T, Option<&'a [String]>)>,
    ) -> Result<Self, (usize, Error)> {
        const EXAMPLE: &str = "a path such as `\"/upload\"`, which means all below it as well";
        let mut rules: Vec<Rule> = Vec::new();
        let mut spelled: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for (number, (prefix, domains)) in prefixes.into_iter().enumerate() {
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
            let literal = sent(prefix);
            let literal: Box<str> = literal.trim_end_matches('/').into();
            let names = names(domains).map_err(|error| (number, error))?;
            let same = spelled.entry(literal.clone()).or_default();
            let mut same_rules = same.iter().filter_map(|number| rules.get(*number));
            if same_rules.any(|rule| meet(rule.names.as_ref(), names.as_ref())) {
                return Err(wrong(format!("is `{prefix}` a second time")));
            }
            same.push(number);
            rules.push(Rule {
                literal,
                below,
                names,
                within: Box::default(),
            });
        }
        let below = BelowIndex::new(rules.iter().map(|rule| &rule.below));
        let within = |(number, rule): (usize, &Rule)| {
            let reading = Reading::of(if rule.literal.is_empty() {
                "/"
            } else {
                &rule.literal
            });
            let above = below.covering(&reading).into_iter();
            let above = above.filter_map(|number| Some((number, rules.get(number)?)));
            // Of two of one path, the one for some names is more to the point.
            let is_more = |above: &Rule| above.literal == rule.literal && above.names.is_some();
            let above = above.filter(|(other, above)| *other == number || !is_more(above));
            above.map(|(number, _)| number).collect()
        };
        let within: Vec<Box<[usize]>> = rules.iter().enumerate().map(within).collect();
        for (rule, within) in rules.iter_mut().zip(within) {
            rule.within = within;
        }
        Ok(Self {
            literal: PathIndex::new(rules.iter().map(|rule| &*rule.literal)),
            rules: rules.into(),
            below,
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The longest prefix that `path` has as it is spelled, if every app reads it there, of the rules for all names.
    pub fn certain(&self, path: &str) -> Option<usize> {
        if self.rules.is_empty() {
            return None;
        }
        let nameless = |rule: &Rule| rule.names.is_none().then_some(0);
        self.longest(path, &Reading::of(path), nameless)
    }

    /// Whether some of them are for some names alone.
    pub fn are_by_name(&self) -> bool {
        self.rules.iter().any(|rule| rule.names.is_some())
    }

    /// The rules that a request falls under.
    pub fn find<B>(&self, request: &Request<B>) -> PathsFound {
        self.find_by(request.extensions().get(), request)
    }

    /// The same of a request that does not carry its client yet.
    pub fn find_by<B>(&self, client: Option<&ClientAddress>, request: &Request<B>) -> PathsFound {
        let mut found = PathsFound::default();
        if self.rules.is_empty() {
            return found;
        }
        let whole = original(request.extensions(), request.uri()).path();
        let reading = Reading::of(whole);
        let hosts = Hosts::by(client, request);
        found.certain = self.longest(whole, &reading, |rule| hosts.fit(rule.names.as_ref()));
        found.add(self, &reading, &hosts);
        // Some apps take another path than the one that was asked for, where a header says so.
        for (_, reading) in meant(request.headers()) {
            found.add(self, &reading, &hosts);
        }
        found
    }

    fn longest(
        &self,
        path: &str,
        reading: &Reading<'_>,
        fit: impl Fn(&Rule) -> Option<u8>,
    ) -> Option<usize> {
        if !reading.is_plain() {
            return None;
        }
        let path = sent(path);
        let rules = self.literal.above(&path);
        let rules = rules.filter_map(|(number, _)| Some((number, self.rules.get(number)?)));
        let has = |rule: &Rule| !reading.has_program_behind(rule.below.depth());
        let rules = rules.filter(|(_, rule)| has(rule));
        let rules = rules.filter_map(|(number, rule)| Some((number, rule, fit(rule)?)));
        let longest = rules.max_by_key(|(_, rule, fit)| (rule.literal.len(), *fit));
        longest.map(|(number, ..)| number)
    }
}

impl PathsFound {
    fn add<B>(&mut self, rules: &PathRules, reading: &Reading<'_>, hosts: &Hosts<'_, B>) {
        let certain = self.certain.and_then(|number| rules.rules.get(number));
        // But of another name that is carried as well, for which the one that is certain is none.
        let is_above = |number: usize, rule: &Rule| {
            let is_for = |certain: &Rule| {
                certain.names.is_none() || hosts.fit(rule.names.as_ref()).is_some()
            };
            certain.is_some_and(|certain| certain.within.contains(&number) && is_for(certain))
        };
        // The name in so many words says more than a wildcard.
        let says_less = |rule: &Rule| {
            let is_there = certain.is_some_and(|certain| certain.literal == rule.literal);
            is_there && hosts.fit(rule.names.as_ref()).is_some() && hosts.are_one()
        };
        let covering = rules.below.covering(reading).into_iter();
        let covering = covering.filter_map(|number| Some((number, rules.rules.get(number)?)));
        for (number, rule) in covering {
            if !is_above(number, rule)
                && !says_less(rule)
                && hosts.may_mean(rule.names.as_ref())
                && !self.possible.contains(&number)
            {
                self.possible.push(number);
            }
        }
    }
}

/// Whether two rules have the same of some name.
fn meet(one: Option<&HostNames>, other: Option<&HostNames>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            let others = other.sorted();
            one.sorted().iter().any(|name| others.contains(name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
