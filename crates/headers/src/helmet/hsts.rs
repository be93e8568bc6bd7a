//! Helmet's `strictTransportSecurity`.

use std::time::Duration;

use serde_json::Value as Json;

use super::javascript::{is_truthy, printed};
use crate::{Error, HstsConfig};

pub(super) fn read(options: &Json, strict: bool) -> Result<HstsConfig, Error> {
    // Helmet asks `"maxage" in options`, which fails for anything but an object or an array.
    if !matches!(options, Json::Object(_) | Json::Array(_)) {
        return Err(Error::form(
            "an object of options, true or false",
            printed(options),
        ));
    }
    for (wrong, right) in [
        ("maxage", "maxAge"),
        ("includeSubdomains", "includeSubDomains"),
    ] {
        if options.get(wrong).is_some() {
            return Err(Error::unknown("an option", wrong, [right].into_iter()).at(wrong));
        }
    }
    let mut hsts = HstsConfig::new();
    if let Some(age) = options.get("maxAge") {
        hsts = hsts.max_age(seconds(age).map_err(|error| error.at("maxAge"))?);
    }
    let subdomains = options.get("includeSubDomains").is_none_or(is_truthy);
    let preload = options.get("preload").is_some_and(is_truthy);
    hsts = hsts.include_subdomains(subdomains).preload(preload);
    if !strict {
        return Ok(hsts.lenient());
    }
    hsts.build()?;
    Ok(hsts)
}

/// A number of seconds, rounded down.
fn seconds(age: &Json) -> Result<Duration, Error> {
    const EXPECTED: &str = "a number of seconds, 0 or more";
    // Above this JavaScript writes numbers in a form that no browser reads here.
    const MAX: f64 = 1e18;
    if let Some(seconds) = age
        .as_u64()
        .filter(|seconds| *seconds < 1_000_000_000_000_000)
    {
        return Ok(Duration::from_secs(seconds));
    }
    match age.as_f64() {
        Some(seconds) if (0.0..MAX).contains(&seconds) => {
            Duration::try_from_secs_f64(seconds.floor())
                .map_err(|_| Error::form(EXPECTED, printed(age)))
        }
        _ => Err(Error::form(EXPECTED, printed(age))),
    }
}
