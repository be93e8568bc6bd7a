//! Security headers.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static HELMET_MISSING: Rule = Rule {
    id: "headers/helmet-missing",
    severity: Severity::High,
    title: "no security headers: Helmet is not used",
    why: "Without them a script in a comment runs, pages can be framed, and types are guessed.",
    help: "`npm install helmet`, and `app.use(helmet())` in front of everything else.",
    article: Article::Helmet,
    seen: Seen::Static,
};

pub(crate) static HELMET_PARTIAL: Rule = Rule {
    id: "headers/helmet-partial",
    severity: Severity::Medium,
    title: "only some of Helmet's headers are set",
    why: "The ones that are missing are those that the others rely on.",
    help: "Use all of it, `app.use(helmet())`, and say there what has to differ.",
    article: Article::Helmet,
    seen: Seen::Static,
};

pub(crate) static HELMET_WEAKENED: Rule = Rule {
    id: "headers/helmet-weakened",
    severity: Severity::Medium,
    title: "a part of Helmet is switched off or weakened",
    why: "The header that is off is the one that would have stopped the attack it is for.",
    help: "Allow what the app needs in the policy instead of switching it off.",
    article: Article::Helmet,
    seen: Seen::Static,
};

pub(crate) static HELMET_TOO_LATE: Rule = Rule {
    id: "headers/helmet-too-late",
    severity: Severity::High,
    title: "Helmet comes after routes, which it does nothing for",
    why: "Express runs in the order of registration: what answers before Helmet answers without its headers.",
    help: "Move `app.use(helmet())` in front of the first route.",
    article: Article::Helmet,
    seen: Seen::Static,
};

pub(crate) static CSP: Rule = Rule {
    id: "headers/content-security-policy",
    severity: Severity::High,
    title: "no Content-Security-Policy, or one that stops nothing",
    why: "A script that gets into a page runs with everything the visitor may do.",
    help: "Send a policy without `'unsafe-inline'`, `'unsafe-eval'` and wildcards for scripts; Helmet's default is a start.",
    article: Article::Helmet,
    seen: Seen::Live,
};

pub(crate) static HSTS: Rule = Rule {
    id: "headers/strict-transport-security",
    severity: Severity::Medium,
    title: "no Strict-Transport-Security, or too short a one",
    why: "The first request of each visit can be caught over plain HTTP and kept there.",
    help: "`Strict-Transport-Security: max-age=31536000; includeSubDomains`",
    article: Article::Helmet,
    seen: Seen::Live,
};

pub(crate) static NOSNIFF: Rule = Rule {
    id: "headers/x-content-type-options",
    severity: Severity::Medium,
    title: "no X-Content-Type-Options: nosniff",
    why: "An upload that looks like a script can be run as one.",
    help: "`X-Content-Type-Options: nosniff`",
    article: Article::Helmet,
    seen: Seen::Live,
};

pub(crate) static FRAME: Rule = Rule {
    id: "headers/x-frame-options",
    severity: Severity::Medium,
    title: "pages can be framed by any site",
    why: "A page in an invisible frame has the visitor click what somebody else wants.",
    help: "`Content-Security-Policy: frame-ancestors 'self'`, with `X-Frame-Options: SAMEORIGIN` for old browsers.",
    article: Article::Helmet,
    seen: Seen::Live,
};

pub(crate) static REFERRER: Rule = Rule {
    id: "headers/referrer-policy",
    severity: Severity::Low,
    title: "no Referrer-Policy, or one that tells everything",
    why: "Addresses with tokens in them reach every site that the page links to.",
    help: "`Referrer-Policy: no-referrer`, or `strict-origin-when-cross-origin`.",
    article: Article::Helmet,
    seen: Seen::Live,
};

pub(crate) static COOP: Rule = Rule {
    id: "headers/cross-origin-opener-policy",
    severity: Severity::Low,
    title: "no Cross-Origin-Opener-Policy",
    why: "A page that opened this one keeps a handle on its window.",
    help: "`Cross-Origin-Opener-Policy: same-origin`",
    article: Article::Helmet,
    seen: Seen::Live,
};

pub(crate) static CORP: Rule = Rule {
    id: "headers/cross-origin-resource-policy",
    severity: Severity::Low,
    title: "no Cross-Origin-Resource-Policy",
    why: "Other sites can load what is answered here into their own process.",
    help: "`Cross-Origin-Resource-Policy: same-origin`",
    article: Article::Helmet,
    seen: Seen::Live,
};

pub(crate) static CORS: Rule = Rule {
    id: "headers/cors",
    severity: Severity::High,
    title: "other sites may read what is answered here",
    why: "A page of any site reads what its visitor may read, with the visitor's cookies.",
    help: "Name the origins that may, and never reflect the one that asks.",
    article: Article::Considerations,
    seen: Seen::Live,
};

pub(crate) static SRI: Rule = Rule {
    id: "headers/subresource-integrity",
    severity: Severity::Medium,
    title: "scripts of other hosts are loaded without a hash of what they should be",
    why: "Whoever takes over that host runs scripts in every page here.",
    help: "Add `integrity` and `crossorigin` to each such script, or serve it yourself.",
    article: Article::Considerations,
    seen: Seen::Live,
};
