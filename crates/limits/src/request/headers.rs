//! How a client is told how it stands.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use panoply_core::{Decision, State};

use super::config::{Algorithm, ShowHeaders};
use super::layer::Limit;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");
const LEGACY: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// Adds the headers of every limit that was asked; the older ones tell of the narrowest.
pub(super) fn write(limits: &[&Limit], decision: &Decision, headers: &mut HeaderMap) {
    let told = limits.iter().zip(decision.states());
    let mut narrowest: Option<(i64, &Limit, &State)> = None;
    let (mut policies, mut standings) = (Vec::new(), Vec::new());
    for (limit, state) in told {
        let remaining = remaining(limit, state);
        let name = limit.rule.name();
        if matches!(limit.headers, ShowHeaders::Standard | ShowHeaders::Both) {
            let window = seconds(limit.rule.window().unwrap_or_default());
            let points = limit.rule.points();
            policies.push(format!("\"{name}\";q={points};w={window}"));
            let reset = seconds(decision.wait(state).unwrap_or_default());
            standings.push(format!("\"{name}\";r={remaining};t={reset}"));
        }
        let legacy = matches!(limit.headers, ShowHeaders::Legacy | ShowHeaders::Both);
        if legacy && narrowest.is_none_or(|(least, ..)| remaining < least) {
            narrowest = Some((remaining, limit, state));
        }
    }
    for (name, values) in [(POLICY, policies), (STANDING, standings)] {
        if let Ok(value) = HeaderValue::from_str(&values.join(", "))
            && !value.is_empty()
        {
            headers.append(name, value);
        }
    }
    if let Some((remaining, limit, state)) = narrowest {
        let reset = seconds(decision.wait(state).unwrap_or_default());
        let reset = i64::try_from(reset).unwrap_or(i64::MAX);
        for (name, value) in LEGACY
            .into_iter()
            .zip([limit.rule.points(), remaining, reset])
        {
            headers.insert(name, HeaderValue::from(value));
        }
    }
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
