//! A Content-Security-Policy as the Observatory reads it: several policies are made one, of which holds
//! what all of them allow.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

/// Directives and their sources, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    directives: BTreeMap<String, BTreeSet<String>>,
    /// Whether one that may be repeated is.
    pub(crate) repeats: bool,
}

/// A policy that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// No directive is shorter.
const SHORTEST: usize = 6;
/// What does nothing in a `<meta>`.
const HEADERS_ONLY: [&str; 3] = ["frame-ancestors", "report-uri", "sandbox"];

struct Source {
    text: String,
    policy: usize,
    keep: bool,
}

impl Policy {
    /// Makes several policies one.
    pub(crate) fn read(policies: &[String]) -> Result<Self, Unreadable> {
        let clean = policies.iter().map(|text| {
            let line: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
            line.trim_matches(is_space).to_owned()
        });
        let clean: Vec<String> = clean.collect();
        if clean
            .iter()
            .any(|text| text.encode_utf16().count() < SHORTEST)
        {
            return Err(Unreadable);
        }
        let mut all: BTreeMap<String, Vec<Source>> = BTreeMap::new();
        let mut repeats = false;
        for (policy, text) in clean.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for entry in text.split(';') {
                let mut words = entry.split(is_space).filter(|word| !word.is_empty());
                let Some(directive) = words.next() else {
                    continue;
                };
                let directive = directive.to_lowercase();
                if !seen.insert(directive.clone()) {
                    // The first counts, says the standard; who wrote it twice meant something else.
                    if !matches!(&*directive, "report-uri" | "report-to") {
                        return Err(Unreadable);
                    }
                    repeats = true;
                }
                let words: Vec<String> = words.map(str::to_lowercase).collect();
                let before = if policy == 0 {
                    None
                } else {
                    all.remove(&directive)
                };
                let sources = combine(before.unwrap_or_default(), words, &directive, policy)?;
                all.insert(directive, sources);
            }
            // What only the first allows is kept if the next says nothing of that directive.
            if policy == 0 && clean.len() > 1 {
                let sources = all.values_mut().flatten();
                sources.for_each(|source| source.keep = false);
            }
        }
        let flat = |sources: Vec<Source>| {
            if sources.is_empty() {
                return BTreeSet::from(["'none'".to_owned()]);
            }
            sources.into_iter().map(|source| source.text).collect()
        };
        let directives = { all.into_iter() }.map(|(name, sources)| (name, flat(sources)));
        Ok(Self {
            directives: directives.collect(),
            repeats,
        })
    }

    /// The same of `<meta>`s, less what does nothing there.
    pub(crate) fn read_meta(policies: &[String]) -> Result<Self, Unreadable> {
        let mut policy = Self::read(policies)?;
        for directive in HEADERS_ONLY {
            policy.directives.remove(directive);
        }
        Ok(policy)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.directives.is_empty() && !self.repeats
    }

    pub(crate) fn has(&self, directive: &str) -> bool {
        self.directives.contains_key(directive)
    }

    pub(crate) fn get(&self, directive: &str) -> Option<&BTreeSet<String>> {
        self.directives.get(directive)
    }

    /// The directive that decides for another, `default-src` if there is no own.
    pub(crate) fn deciding(&self, directive: &'static str) -> Option<&'static str> {
        let names = [directive, "default-src"];
        names.into_iter().find(|name| self.has(name))
    }

    pub(super) fn get_mut(&mut self, directive: &str) -> Option<&mut BTreeSet<String>> {
        self.directives.get_mut(directive)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        { self.directives.iter() }.map(|(name, sources)| (name.as_str(), sources))
    }
}

/// The sources of a directive, with those of the policies before.
fn combine(
    mut sources: Vec<Source>,
    words: Vec<String>,
    directive: &str,
    policy: usize,
) -> Result<Vec<Source>, Unreadable> {
    let keep = policy == 0;
    let source = |text| Source { text, policy, keep };
    if words.is_empty() && directive.ends_with("-src") {
        sources.push(source("'none'".to_owned()));
    }
    sources.extend(words.into_iter().map(source));
    sources.sort_by(|a, b| alphabetical(&a.text, &b.text));
    for at in 1..sources.len() {
        let Some([before, here]) = sources.get_mut(at - 1..=at) else {
            continue;
        };
        // What begins with another of the same policy adds nothing to it.
        if here.policy == before.policy && here.text.starts_with(&before.text) {
            here.keep = false;
        }
        if here.policy != before.policy && is_within(&before.text, &here.text)? {
            here.keep = true;
        }
    }
    sources.retain(|source| source.keep);
    Ok(sources)
}

/// Whether one source's path allows another's.
fn is_within(wide: &str, narrow: &str) -> Result<bool, Unreadable> {
    if wide.is_empty() || (wide == "/" && narrow.is_empty()) {
        return Ok(true);
    }
    let is_folder = wide.ends_with('/');
    let mut parts: Vec<&str> = wide.split('/').collect();
    let others: Vec<&str> = narrow.split('/').collect();
    if parts.len() > others.len() || (!is_folder && parts.len() != others.len()) {
        return Ok(false);
    }
    if is_folder {
        parts.pop();
    }
    for (a, b) in parts.iter().zip(&others) {
        if decoded(a)? != decoded(b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn decoded(text: &str) -> Result<String, Unreadable> {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('%') {
        let digits = behind.as_bytes().get(..2).ok_or(Unreadable)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Unreadable);
        }
        rest = behind;
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map(String::from).map_err(|_| Unreadable)
}

/// The order of a dictionary: blanks, marks, digits, letters (CLDR's root order of ASCII).
fn alphabetical(a: &str, b: &str) -> Ordering {
    let marks = "\t _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";
    let rank = |c: char| match marks.find(c) {
        Some(at) => (0, at, c),
        None if c.is_ascii_digit() => (1, 0, c),
        None => (2, 0, c),
    };
    a.chars().map(rank).cmp(b.chars().map(rank))
}

/// What separates words in ECMAScript.
fn is_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}
