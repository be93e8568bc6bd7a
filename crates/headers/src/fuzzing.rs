//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(clippy::expect_used, reason = "what fails is found")]

use http::HeaderValue;

use crate::scope::{Prefix, Prefixes, is_ambiguous, readings};
use crate::{ContentSecurityPolicy, HeadersConfig};

/// A policy that an application sent: printed and parsed it is itself, and it can be sent.
pub fn csp(data: &[u8]) {
    let Ok(Ok(policy)) = str::from_utf8(data).map(ContentSecurityPolicy::parse) else {
        return;
    };
    let printed = policy.to_string();
    let again = ContentSecurityPolicy::parse(&printed).expect("what was printed");
    assert_eq!(again, policy);
    assert!(HeaderValue::try_from(printed).is_ok());
    let _ = policy.check();
}

/// An options object of Helmet's: refused, or it can be built and sent.
pub fn helmet(data: &[u8]) {
    let Ok(options) = serde_json::from_slice(data) else {
        return;
    };
    if let Ok(config) = HeadersConfig::from_helmet(&options) {
        config.build().expect("what was read can be sent");
    }
    for middleware in ["hpkp", "hsts", "frameguard", "xssFilter", "referrerPolicy"] {
        if let Ok(config) = HeadersConfig::from_helmet3(middleware, &options) {
            config.build().expect("what was read can be sent");
        }
    }
}

/// A prefix, and behind a line a path: one that is not ambiguous lies where every reader puts it.
pub fn scope(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let (prefix, path) = text.split_once('\n').unwrap_or(("/embed", text));
    let Ok(prefix) = Prefix::new(prefix) else {
        return;
    };
    let readings = readings(path);
    if is_ambiguous(path) || !path.starts_with('/') {
        // Whoever goes by the prefix must be told of a path that an app may see below it.
        return;
    }
    let prefixes = Prefixes::new([&prefix].into_iter());
    if prefixes.longest(path).is_some() {
        assert_eq!(
            prefixes.doubted(path, false, None),
            [0],
            "{prefix:?} {path:?} {readings:?}"
        );
    }
    let [kept, taken] = readings;
    assert_eq!(
        kept,
        taken.trim_end_matches('/'),
        "{path:?} hides a step up"
    );
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[("csp", csp), ("helmet", helmet), ("scope", scope)]);
}
