//! What tells an attacker what runs.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static X_POWERED_BY: Rule = Rule {
    id: "fingerprint/x-powered-by",
    severity: Severity::Low,
    title: "`X-Powered-By` tells that it is Express",
    why: "Who looks for servers with a known hole of Express finds this one by it.",
    help: "`app.disable('x-powered-by')`, which Helmet does too.",
    article: Article::Fingerprinting,
    seen: Seen::Both,
};

pub(crate) static SERVER: Rule = Rule {
    id: "fingerprint/server-version",
    severity: Severity::Low,
    title: "the server tells its name and version",
    why: "Who looks for servers with a known hole finds this one by it.",
    help: "Leave the version out of `Server`.",
    article: Article::Fingerprinting,
    seen: Seen::Live,
};
