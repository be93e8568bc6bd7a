//! The test of the Content-Security-Policy.

use std::collections::BTreeSet;

use super::policy::Policy;
use super::{Outcome, Sight, outcome};

const BROAD: [&str; 8] = [
    "ftp:",
    "http:",
    "https:",
    "*",
    "http://*",
    "http://*.*",
    "https://*",
    "https://*.*",
];
const UNSAFE: [&str; 2] = ["'unsafe-inline'", "data:"];
const PASSIVE: [&str; 2] = ["img-src", "media-src"];
const PROOFS: [&str; 4] = ["'sha256-", "'sha384-", "'sha512-", "'nonce-"];

const INVALID: Outcome = outcome("csp-header-invalid", -25);
const REPEATED: Outcome = outcome("csp-implemented-but-duplicate-directives", 0);
const STYLE_ONLY: Outcome = outcome("csp-implemented-with-unsafe-inline-in-style-src-only", 0);
const PASSIVE_ONLY: Outcome = outcome(
    "csp-implemented-with-insecure-scheme-in-passive-content-only",
    -10,
);
const SAFE: Outcome = outcome("csp-implemented-with-no-unsafe", 5);
const SAFE_NONE: Outcome = outcome("csp-implemented-with-no-unsafe-default-src-none", 10);

pub(super) fn test(sight: &Sight<'_>) -> Outcome {
    let Some(mut policy) = combined(sight) else {
        return INVALID;
    };
    if !counts(sight) {
        let reported = sight.answer().filled("content-security-policy-report-only");
        return match reported {
            Some(_) => outcome("csp-not-implemented-but-reporting-enabled", -25),
            None => outcome("csp-not-implemented", -25),
        };
    }
    let result = judge(&mut policy, sight.is_secure());
    let passes = [SAFE, SAFE_NONE, STYLE_ONLY, PASSIVE_ONLY].contains(&result);
    if passes && policy.repeats {
        REPEATED
    } else {
        result
    }
}

/// What header and page say together; none if that cannot be read.
pub(super) fn combined(sight: &Sight<'_>) -> Option<Policy> {
    let header = sight.answer().header("content-security-policy");
    let mut policies: Vec<String> = header.into_iter().collect();
    policies.extend(
        sight
            .page
            .into_iter()
            .flat_map(|page| page.policies.clone()),
    );
    Policy::read(&policies).ok()
}

/// Whether there is a policy that does anything where it stands.
pub(super) fn counts(sight: &Sight<'_>) -> bool {
    let sent: Vec<String> =
        { sight.answer().header("content-security-policy").into_iter() }.collect();
    let written = sight.page.map_or(&[][..], |page| &page.policies);
    let parts = [Policy::read(&sent), Policy::read_meta(written)];
    parts.iter().flatten().any(|policy| !policy.is_empty())
}

fn judge(policy: &mut Policy, secure: bool) -> Outcome {
    let everything = BTreeSet::from(["*".to_owned()]);
    let [script, style, object] =
        ["script-src", "style-src", "object-src"].map(|name| policy.deciding(name));
    for name in [script, style].into_iter().flatten() {
        if let Some(sources) = policy.get_mut(name).filter(|sources| has_proof(sources)) {
            // Browsers that know nonces ignore it beside one.
            sources.remove("'unsafe-inline'");
        }
    }
    let mut dynamic_alone = false;
    if let Some(sources) = script.and_then(|name| policy.get_mut(name))
        && sources.contains("'strict-dynamic'")
    {
        if has_proof(sources) {
            let ignored = |source: &String| {
                BROAD.iter().any(|broad| source.starts_with(broad))
                    || matches!(&**source, "'self'" | "'unsafe-inline'")
            };
            sources.retain(|source| !ignored(source));
        } else {
            dynamic_alone = true;
        }
    }
    let sources = |name: Option<&'static str>| {
        name.and_then(|name| policy.get(name))
            .unwrap_or(&everything)
    };
    let (scripts, styles, objects) = (sources(script), sources(style), sources(object));
    let is_broad = |source: &String| BROAD.contains(&source.as_str());
    let is_unsafe = |source: &String| is_broad(source) || UNSAFE.contains(&source.as_str());
    let is_plain = |source: &String| source.starts_with("http:") || source.starts_with("ftp:");
    let active = { policy.all() }
        .filter(|(name, _)| !PASSIVE.contains(name) && *name != "script-src")
        .flat_map(|(_, sources)| sources);
    let mut active = active.chain(scripts);
    let passive = PASSIVE
        .iter()
        .filter_map(|name| policy.get(policy.deciding(name)?));
    let mut passive = passive.flatten();
    let eval = "'unsafe-eval'";

    if dynamic_alone {
        INVALID
    } else if scripts.iter().any(is_unsafe) || objects.iter().any(is_broad) {
        outcome("csp-implemented-with-unsafe-inline", -20)
    } else if secure && active.any(is_plain) {
        outcome("csp-implemented-with-insecure-scheme", -20)
    } else if scripts.contains(eval) || styles.contains(eval) {
        outcome("csp-implemented-with-unsafe-eval", -10)
    } else if secure && passive.any(is_plain) {
        PASSIVE_ONLY
    } else if styles.iter().any(is_unsafe) {
        STYLE_ONLY
    } else if { policy.get("default-src") }
        .is_some_and(|sources| sources.len() == 1 && sources.contains("'none'"))
    {
        SAFE_NONE
    } else {
        SAFE
    }
}

fn has_proof(sources: &BTreeSet<String>) -> bool {
    let proof = |source: &String| PROOFS.iter().any(|proof| source.starts_with(proof));
    sources.iter().any(proof)
}
