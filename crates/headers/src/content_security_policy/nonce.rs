//! A policy that waits for the nonce of a request.

use http::HeaderValue;
use panoply_core::{Nonce, unindexed};

use super::{ContentSecurityPolicy, Keyword, Source};
use crate::Error;

/// A policy cut at each place where a nonce belongs.
#[derive(Debug, Clone)]
pub(crate) struct NonceValue {
    first: Box<str>,
    rest: Vec<Box<str>>,
    length: usize,
    without: HeaderValue,
}

impl NonceValue {
    /// The policy in pieces, or nothing if it asks for no nonce.
    pub(crate) fn new(policy: &ContentSecurityPolicy) -> Result<Option<Self>, Error> {
        if !policy.uses_nonce() {
            return Ok(None);
        }
        // No source contains white space, so that the word with its quotes is found whole.
        let text = policy.to_string();
        let mut pieces = text.split(Source::Nonce.as_str()).map(Box::from);
        let first: Box<str> = pieces.next().unwrap_or_default();
        let rest: Vec<_> = pieces.collect();
        let nonces = rest.len() * ("'nonce-'".len() + Nonce::LEN);
        let length = first.len() + rest.iter().map(|piece| piece.len()).sum::<usize>() + nonces;
        let without = without(policy).value()?;
        Ok(Some(Self {
            first,
            rest,
            length,
            without,
        }))
    }

    /// The value with `nonce` in every place; one allocation.
    pub(crate) fn render(&self, nonce: &Nonce) -> HeaderValue {
        let mut text = String::with_capacity(self.length);
        text.push_str(&self.first);
        for piece in &self.rest {
            text.push_str("'nonce-");
            text.push_str(nonce.as_str());
            text.push('\'');
            text.push_str(piece);
        }
        HeaderValue::try_from(text).map_or_else(|_| self.without.clone(), unindexed)
    }

    /// The value when there is no nonce to be had: what one would have opened is closed.
    pub(crate) const fn without_nonce(&self) -> &HeaderValue {
        &self.without
    }
}

/// Without its nonce a list must not fall back to the `'unsafe-inline'` that stands beside it for
/// old browsers.
fn without(policy: &ContentSecurityPolicy) -> ContentSecurityPolicy {
    let mut closed = policy.clone();
    for (_, sources) in &mut closed.directives {
        if sources.contains(&Source::Nonce) {
            *sources = vec![Keyword::None.into()];
        }
    }
    closed
}
