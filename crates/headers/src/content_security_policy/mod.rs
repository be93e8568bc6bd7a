//! `Content-Security-Policy`: what a page may load, run, hold and be held by.
//!
//! Content Security Policy Level 3 (W3C). Printed as Helmet prints it: `name value value;name …`.

use std::fmt;

use http::HeaderValue;

mod allows;
mod check;
mod config;
mod directive;
mod lacking;
mod nonce;
mod source;

pub use self::config::CspConfig;
pub(crate) use self::config::{Csp, Name};
pub use self::directive::Directive;
pub(crate) use self::lacking::lacking;
pub(crate) use self::nonce::NonceValue;
pub use self::source::{Keyword, Source};

use crate::Error;
use crate::error::check_characters;

/// A policy: directives with their values, each directive once.
///
/// ```
/// use panoply_headers::{ContentSecurityPolicy, Directive};
///
/// let policy = ContentSecurityPolicy::parse("default-src 'none'; img-src 'self' data:")?;
/// assert_eq!(policy.to_string(), "default-src 'none';img-src 'self' data:");
/// assert_eq!(policy.sources(Directive::ImgSrc).map(<[_]>::len), Some(2));
/// assert!(ContentSecurityPolicy::parse("script-src 'slef'")?.check().is_err());
/// # Ok::<(), panoply_headers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContentSecurityPolicy {
    directives: Vec<(Name, Vec<Source>)>,
}

impl ContentSecurityPolicy {
    /// Reads a policy as browsers do (CSP Level 3 §2.2.1): empty directives are skipped, a
    /// directive that comes again is ignored, an unknown one is kept. Whether it makes sense is for
    /// [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// [`Error::Character`] for a comma, which would begin another policy, and for a character that
    /// is not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.replace('\t', " ");
        check_characters(&text, &[','])?;
        let mut policy = Self::default();
        for directive in text.split(';') {
            let mut words = directive.split_ascii_whitespace();
            if let Some(name) = words.next() {
                let name = Name::from(name.to_ascii_lowercase().as_str());
                if policy.get(&name).is_none() {
                    let sources = words.map(Source::from).collect();
                    policy.directives.push((name, sources));
                }
            }
        }
        Ok(policy)
    }

    /// What `directive` says, if it is there.
    pub fn sources(&self, directive: Directive) -> Option<&[Source]> {
        self.get(&Name::Known(directive))
    }

    /// What is said of `directive`, by itself or by the one that is asked in its place.
    pub fn effective(&self, directive: Directive) -> Option<&[Source]> {
        directive.chain().find_map(|one| self.sources(one))
    }

    /// The directives in order, by name.
    pub fn directives(&self) -> impl Iterator<Item = (&str, &[Source])> {
        self.directives
            .iter()
            .map(|(name, sources)| (name.as_str(), sources.as_slice()))
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.directives.is_empty()
    }

    /// Whether browsers understand any of it.
    pub(crate) fn is_understood(&self) -> bool {
        let known = |(name, _): &(Name, _)| matches!(name, Name::Known(_));
        self.directives.iter().any(known)
    }

    /// Whether it asks for a fresh nonce for each request.
    pub fn uses_nonce(&self) -> bool {
        self.directives
            .iter()
            .any(|(_, sources)| sources.contains(&Source::Nonce))
    }

    /// The value as it is sent, unless it needs a nonce.
    pub(crate) fn value(&self) -> Result<HeaderValue, Error> {
        let text = self.to_string();
        check_characters(&text, &[])?;
        HeaderValue::try_from(text).map_err(|_| Error::form("a header value", "something else"))
    }

    pub(crate) fn get(&self, name: &Name) -> Option<&[Source]> {
        let named = self.directives.iter().find(|(one, _)| one == name);
        named.map(|(_, sources)| sources.as_slice())
    }

    /// Puts `sources` in the place of what is there, or at the end.
    pub(crate) fn set(&mut self, name: Name, sources: Vec<Source>) {
        match self.directives.iter_mut().find(|(one, _)| *one == name) {
            Some((_, there)) => *there = sources,
            None => self.directives.push((name, sources)),
        }
    }

    pub(crate) fn remove(&mut self, name: &Name) {
        self.directives.retain(|(one, _)| one != name);
    }

    /// Adds `sources` to what holds now: to those of the directive asked in its place when it is
    /// not there itself, so that adding never takes away.
    pub(crate) fn append(&mut self, directive: Directive, sources: &[Source]) {
        let mut all: Vec<_> = self.effective(directive).unwrap_or_default().to_vec();
        all.retain(|source| !source.is(Keyword::None));
        for source in sources {
            if !all.contains(source) {
                all.push(source.clone());
            }
        }
        self.set(Name::Known(directive), all);
    }

    /// The policy for a request that came over plain HTTP.
    pub(crate) fn without_upgrade(&self) -> Self {
        let mut policy = self.clone();
        policy.remove(&Name::Known(Directive::UpgradeInsecureRequests));
        policy
    }
}

impl fmt::Display for ContentSecurityPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, sources)) in self.directives.iter().enumerate() {
            if number > 0 {
                f.write_str(";")?;
            }
            f.write_str(name.as_str())?;
            // A Helmet object can hold an empty word: `[""]` prints as no value at all.
            if sources.iter().any(|source| !source.as_str().is_empty()) || sources.len() > 1 {
                sources
                    .iter()
                    .try_for_each(|source| write!(f, " {source}"))?;
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for ContentSecurityPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
