//! What is believed of proxies.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static TRUST_ALL: Rule = Rule {
    id: "proxy/trust-all",
    severity: Severity::High,
    title: "every client may say what its address is",
    why: "With `trust proxy` true, `X-Forwarded-For` is believed from anybody: limits by address are walked around, logs lie.",
    help: "Say how many proxies there are, or which: `app.set('trust proxy', 1)`.",
    article: Article::BruteForce,
    seen: Seen::Static,
};

pub(crate) static TRUST_UNSET: Rule = Rule {
    id: "proxy/trust-unset",
    severity: Severity::Medium,
    title: "`trust proxy` is not set, and something depends on it",
    why: "Behind a proxy secure cookies are not set at all, and all clients share one address and one limit.",
    help: "`app.set('trust proxy', 1)` if one proxy is in front.",
    article: Article::BruteForce,
    seen: Seen::Static,
};
