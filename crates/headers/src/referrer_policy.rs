//! `Referrer-Policy`: how much of the page's address is told where its links lead.
//!
//! Referrer Policy (W3C) §3. Stricter first, by how much is told and to whom: `no-referrer`,
//! `same-origin`, `strict-origin`, `origin`, `strict-origin-when-cross-origin`,
//! `origin-when-cross-origin`, `no-referrer-when-downgrade`, `unsafe-url`. Of several words in one
//! header browsers take the last that they know (§8.1).

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::Error;
use crate::keyword::keywords;

keywords! {
    /// How much is told.
    pub enum Referrer, "a Referrer-Policy" {
        /// Nothing.
        NoReferrer = "no-referrer",
        /// The address, to the page's own origin only.
        SameOrigin = "same-origin",
        /// The origin, but nothing from HTTPS to HTTP.
        StrictOrigin = "strict-origin",
        /// The origin, to all.
        Origin = "origin",
        /// The address to its own origin, the origin to others, nothing from HTTPS to HTTP: what
        /// browsers do by themselves.
        StrictOriginWhenCrossOrigin = "strict-origin-when-cross-origin",
        /// The address to its own origin, the origin to others.
        OriginWhenCrossOrigin = "origin-when-cross-origin",
        /// The address to all, but nothing from HTTPS to HTTP.
        NoReferrerWhenDowngrade = "no-referrer-when-downgrade",
        /// The address, to all.
        UnsafeUrl = "unsafe-url",
        /// No policy: what the browser does by itself.
        Unset = "",
    }
}

/// One word, or several of which a browser takes the last that it knows. Default: `no-referrer`.
///
/// ```
/// use panoply_headers::{Referrer, ReferrerPolicy};
///
/// let policy: ReferrerPolicy = "no-referrer, strict-origin".parse()?;
/// assert_eq!(policy.effective(), Referrer::StrictOrigin);
/// assert_eq!(policy.to_string(), "no-referrer,strict-origin");
/// # Ok::<(), panoply_headers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrerPolicy(Vec<Referrer>);

impl ReferrerPolicy {
    /// The words in this order.
    ///
    /// # Errors
    ///
    /// When there are none, or one comes twice.
    pub fn new(words: Vec<Referrer>) -> Result<Self, Error> {
        if words.is_empty() {
            return Err(Error::missing("a Referrer-Policy", "write `no-referrer`"));
        }
        let again = |(at, word): (usize, &Referrer)| words.iter().take(at).any(|one| one == word);
        match words.iter().enumerate().find(|pair| again(*pair)) {
            None => Ok(Self(words)),
            Some((_, word)) => Err(Error::Twice {
                key: String::new(),
                found: word.to_string(),
                other: None,
            }),
        }
    }

    /// What a browser does that knows all of them.
    pub fn effective(&self) -> Referrer {
        self.0.last().copied().unwrap_or(Referrer::Unset)
    }

    pub(crate) fn value(&self) -> HeaderValue {
        match self.0.as_slice() {
            [one] => HeaderValue::from_static(one.as_str()),
            _ => HeaderValue::try_from(self.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static(Referrer::NoReferrer.as_str())),
        }
    }

    /// What the application's value says, if a browser understands any of it.
    pub(crate) fn read(value: &HeaderValue) -> Option<Referrer> {
        let words = value.to_str().ok()?.split(',').rev();
        words
            .filter_map(|word| word.trim().parse().ok())
            .find(|word| *word != Referrer::Unset)
    }
}

impl Default for ReferrerPolicy {
    fn default() -> Self {
        Self(vec![Referrer::NoReferrer])
    }
}

impl From<Referrer> for ReferrerPolicy {
    fn from(word: Referrer) -> Self {
        Self(vec![word])
    }
}

impl fmt::Display for ReferrerPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|word| word.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

impl FromStr for ReferrerPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let words = text.split(',').map(|word| word.trim().parse());
        Self::new(words.collect::<Result<_, _>>()?)
    }
}

impl<'de> Deserialize<'de> for ReferrerPolicy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PolicyVisitor;

        impl<'de> Visitor<'de> for PolicyVisitor {
            type Value = ReferrerPolicy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Referrer-Policy as text, or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ReferrerPolicy, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ReferrerPolicy, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = seq.next_element()? {
                    words.push(word);
                }
                ReferrerPolicy::new(words).map_err(de::Error::custom)
            }
        }

        from.deserialize_any(PolicyVisitor)
    }
}
