//! How a client is told how it stands.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use panoply_core::{Decision, Rule, State, unindexed};

use super::config::{Algorithm, ShowHeaders};
use super::layer::Limit;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");
const LEGACY: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// What an answer tells: of every limit that was asked; the older headers of the narrowest.
#[derive(Debug, Default)]
pub(super) struct Standing {
    policy: Option<HeaderValue>,
    limits: Option<HeaderValue>,
    legacy: Option<Box<[HeaderValue; 3]>>,
}

/// The text of a header, which seldom needs an allocation: what is written for each request.
struct Text {
    room: [u8; Self::ROOM],
    length: usize,
    /// All of it, once there is no more room.
    long: Vec<u8>,
}

impl Text {
    const ROOM: usize = 96;

    const fn new() -> Self {
        Self {
            room: [0; Self::ROOM],
            length: 0,
            long: Vec::new(),
        }
    }

    fn push(&mut self, part: &[u8]) {
        let end = self.length.saturating_add(part.len());
        if let Some(place) = self.room.get_mut(self.length..end) {
            place.copy_from_slice(part);
        } else {
            if self.length <= Self::ROOM {
                let begun = self.room.get(..self.length);
                self.long.extend_from_slice(begun.unwrap_or_default());
            }
            self.long.extend_from_slice(part);
        }
        self.length = end;
    }

    fn number(&mut self, number: impl itoa::Integer) {
        self.push(itoa::Buffer::new().format(number).as_bytes());
    }

    fn as_bytes(&self) -> &[u8] {
        self.room.get(..self.length).unwrap_or(&self.long)
    }
}

impl Standing {
    /// How a client stands after a decision about these limits.
    pub(super) fn new(limits: &[&Limit], decision: &Decision) -> Self {
        let told = || limits.iter().copied().zip(decision.states());
        let standard =
            |limit: &Limit| matches!(limit.headers, ShowHeaders::Standard | ShowHeaders::Both);
        let mut text = Text::new();
        for (limit, state) in told().filter(|(limit, _)| standard(limit)) {
            let reset = seconds(decision.wait(state).unwrap_or_default());
            if text.length > 0 {
                text.push(b", ");
            }
            text.push(&limit.standing);
            text.number(remaining(limit, state));
            text.push(b";t=");
            text.number(reset);
        }
        let standing = HeaderValue::from_bytes(text.as_bytes()).ok();
        Self {
            policy: policy(limits.iter().copied().filter(|limit| standard(limit))),
            limits: standing
                .filter(|standing| !standing.is_empty())
                .map(unindexed),
            legacy: legacy(told(), decision),
        }
    }

    /// Tells it, once.
    pub(super) fn tell(&mut self, headers: &mut HeaderMap) {
        if let Some(policy) = self.policy.take() {
            headers.append(POLICY, policy);
        }
        if let Some(limits) = self.limits.take() {
            headers.append(STANDING, limits);
        }
        if let Some(legacy) = self.legacy.take() {
            for (name, value) in LEGACY.into_iter().zip(*legacy) {
                headers.insert(name, value);
            }
        }
    }
}

/// What `RateLimit-Policy` says of a rule; none where its name cannot stand in a header.
pub(super) fn policy_of(rule: &Rule) -> HeaderValue {
    let mut text = begun(rule, b";q=");
    text.number(rule.points());
    text.push(b";w=");
    text.number(seconds(rule.window().unwrap_or_default()));
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or(HeaderValue::from_static(""))
}

/// How `RateLimit` begins with a rule, up to the number that is left.
pub(super) fn standing_of(rule: &Rule) -> Box<[u8]> {
    begun(rule, b";r=").as_bytes().into()
}

/// The name of a rule, and what comes behind it.
fn begun(rule: &Rule, next: &[u8]) -> Text {
    let mut text = Text::new();
    for part in [&b"\""[..], rule.name().as_bytes(), b"\"", next] {
        text.push(part);
    }
    text
}

/// The policies of these limits, as one.
fn policy<'a>(mut limits: impl Iterator<Item = &'a Limit>) -> Option<HeaderValue> {
    let first = limits.next()?.policy.clone();
    let Some(second) = limits.next() else {
        return Some(first);
    };
    let mut text = Text::new();
    text.push(first.as_bytes());
    for limit in std::iter::once(second).chain(limits) {
        text.push(b", ");
        text.push(limit.policy.as_bytes());
    }
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

fn legacy<'a>(
    told: impl Iterator<Item = (&'a Limit, &'a State)>,
    decision: &Decision,
) -> Option<Box<[HeaderValue; 3]>> {
    let legacy =
        told.filter(|(limit, _)| matches!(limit.headers, ShowHeaders::Legacy | ShowHeaders::Both));
    let (limit, state) = legacy.min_by_key(|(limit, state)| remaining(limit, state))?;
    let reset = seconds(decision.wait(state).unwrap_or_default());
    let reset = i64::try_from(reset).unwrap_or(i64::MAX);
    let [points, remaining, reset] =
        [limit.rule.points(), remaining(limit, state), reset].map(HeaderValue::from);
    Some(Box::new([points, unindexed(remaining), unindexed(reset)]))
}

fn remaining(limit: &Limit, state: &State) -> i64 {
    let left = limit.rule.points().saturating_sub(state.count).max(0);
    match limit.algorithm {
        // A rate that refuses may have a part of a point left.
        Algorithm::Gcra if !state.allowed => left.min(i64::from(limit.cost) - 1),
        _ => left,
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_was_pushed_however_long() {
        for size in 0..=Text::ROOM {
            let (mut text, mut all) = (Text::new(), Vec::new());
            for part in [vec![b'a'; size], vec![b'b'; 3], Vec::new(), vec![b'c'; 94]] {
                text.push(&part);
                all.extend_from_slice(&part);
                assert_eq!(text.as_bytes(), all);
            }
            text.number(u64::MAX);
            assert!(text.as_bytes().ends_with(b"18446744073709551615"));
        }
    }
}
