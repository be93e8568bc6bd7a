//! All rules, a file a group.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod cookie;
pub(crate) mod deps;
pub(crate) mod errors;
pub(crate) mod fingerprint;
pub(crate) mod headers;
pub(crate) mod host;
pub(crate) mod proxy;
pub(crate) mod redirect;
pub(crate) mod runtime;
pub(crate) mod secrets;
pub(crate) mod session;
pub(crate) mod tls;

use crate::rule::Rule;

/// Every rule, by group.
pub static RULES: &[&Rule] = &[
    &deps::EXPRESS_EOL,
    &deps::EXPRESS_VULNERABLE,
    &deps::VULNERABLE,
    &deps::NO_LOCKFILE,
    &runtime::NODE_EOL,
    &tls::NO_HTTPS,
    &tls::NO_REDIRECT,
    &tls::OLD_PROTOCOL,
    &tls::WEAK_CIPHER,
    &tls::CERT,
    &tls::PLAIN_HTTP_SERVER,
    &headers::HELMET_MISSING,
    &headers::HELMET_PARTIAL,
    &headers::HELMET_WEAKENED,
    &headers::HELMET_TOO_LATE,
    &headers::CSP,
    &headers::HSTS,
    &headers::NOSNIFF,
    &headers::FRAME,
    &headers::REFERRER,
    &headers::COOP,
    &headers::CORP,
    &headers::CORS,
    &headers::SRI,
    &fingerprint::X_POWERED_BY,
    &fingerprint::SERVER,
    &errors::DEFAULT_404,
    &errors::DEFAULT_HANDLER,
    &errors::DEV_HANDLER,
    &session::MEMORY_STORE,
    &session::DEFAULT_NAME,
    &session::SENSITIVE,
    &session::NESTED,
    &cookie::NO_SECURE,
    &cookie::NO_HTTP_ONLY,
    &cookie::NO_SAME_SITE,
    &cookie::RELATIVE_PATH,
    &cookie::BROAD_DOMAIN,
    &cookie::NO_EXPIRY,
    &secrets::HARDCODED,
    &secrets::SAMPLE_ENV,
    &proxy::TRUST_ALL,
    &proxy::TRUST_UNSET,
    &auth::NO_RATE_LIMIT,
    &auth::LIMITER_TOO_LATE,
    &auth::SPOOFABLE_KEY,
    &auth::IP_ONLY,
    &redirect::OPEN,
    &host::REFLECTED,
    &audit::NO_REASON,
    &audit::STALE_SUPPRESSION,
    &audit::EXPIRED_SUPPRESSION,
    &audit::STALE_BASELINE,
];

/// The rule of this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_have_a_group() {
        let ids: HashSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            assert!(rule.id.contains('/'), "{}", rule.id);
            assert_eq!(super::rule(rule.id), Some(*rule));
            assert!(!rule.title.ends_with('.'), "{}", rule.id);
            assert!(rule.why.ends_with('.'), "{}", rule.id);
        }
    }
}
