//! How a client is told how it stands.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use panoply_core::{Decision, Rule, State, unindexed};
use smallvec::SmallVec;

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

/// The text of a header, which seldom needs an allocation.
type Text = SmallVec<[u8; 96]>;

impl Standing {
    /// How a client stands after a decision about these limits.
    pub(super) fn new(limits: &[&Limit], decision: &Decision) -> Self {
        let told = || limits.iter().copied().zip(decision.states());
        let standard =
            |limit: &Limit| matches!(limit.headers, ShowHeaders::Standard | ShowHeaders::Both);
        let mut text = Text::new();
        for (limit, state) in told().filter(|(limit, _)| standard(limit)) {
            let reset = seconds(decision.wait(state).unwrap_or_default());
            if !text.is_empty() {
                text.extend_from_slice(b", ");
            }
            name(&mut text, limit.rule.name());
            number(&mut text, b";r=", remaining(limit, state));
            number(&mut text, b";t=", reset);
        }
        let standing = HeaderValue::from_bytes(&text).ok();
        Self {
            policy: policy(limits.iter().copied().filter(|limit| standard(limit))),
            limits: standing
                .filter(|standing| !standing.is_empty())
                .map(unindexed),
            legacy: legacy(told(), decision),
        }
    }

    /// Tells it.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        for (name, value) in [(POLICY, self.policy), (STANDING, self.limits)] {
            if let Some(value) = value {
                headers.append(name, value);
            }
        }
        for (name, value) in LEGACY
            .into_iter()
            .zip(self.legacy.into_iter().flat_map(|all| *all))
        {
            headers.insert(name, value);
        }
    }
}

/// What `RateLimit-Policy` says of a rule; none where its name cannot stand in a header.
pub(super) fn policy_of(rule: &Rule) -> HeaderValue {
    let mut text = Text::new();
    name(&mut text, rule.name());
    number(&mut text, b";q=", rule.points());
    number(
        &mut text,
        b";w=",
        seconds(rule.window().unwrap_or_default()),
    );
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
}

/// The policies of these limits, as one.
fn policy<'a>(mut limits: impl Iterator<Item = &'a Limit>) -> Option<HeaderValue> {
    let first = limits.next()?.policy.clone();
    let Some(second) = limits.next() else {
        return Some(first);
    };
    let mut text = Text::from_slice(first.as_bytes());
    for limit in std::iter::once(second).chain(limits) {
        text.extend_from_slice(b", ");
        text.extend_from_slice(limit.policy.as_bytes());
    }
    HeaderValue::from_bytes(&text).ok()
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

fn name(text: &mut Text, name: &str) {
    text.push(b'"');
    text.extend_from_slice(name.as_bytes());
    text.push(b'"');
}

fn number(text: &mut Text, key: &[u8], number: impl itoa::Integer) {
    text.extend_from_slice(key);
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
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
