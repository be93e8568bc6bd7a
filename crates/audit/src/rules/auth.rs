//! Logins.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static NO_RATE_LIMIT: Rule = Rule {
    id: "auth/no-rate-limit",
    severity: Severity::High,
    title: "logins can be tried without a limit",
    why: "A list of common passwords is through in minutes.",
    help: "Limit failures by user and address: rate-limiter-flexible, or `panoply run`, which does so by itself.",
    article: Article::BruteForce,
    seen: Seen::Both,
};

pub(crate) static LIMITER_TOO_LATE: Rule = Rule {
    id: "auth/limiter-too-late",
    severity: Severity::High,
    title: "the limiter comes after the login, which it does nothing for",
    why: "Express runs in the order of registration.",
    help: "Move the limiter in front of the route, or into it.",
    article: Article::BruteForce,
    seen: Seen::Static,
};

pub(crate) static SPOOFABLE_KEY: Rule = Rule {
    id: "auth/limiter-spoofable-key",
    severity: Severity::High,
    title: "the limiter counts by what the client may choose",
    why: "With another header in every request nobody ever reaches the limit.",
    help: "Count by `req.ip` with `trust proxy` set rightly, and by user name.",
    article: Article::BruteForce,
    seen: Seen::Static,
};

pub(crate) static IP_ONLY: Rule = Rule {
    id: "auth/limiter-ip-only",
    severity: Severity::Info,
    title: "logins are limited by address alone",
    why: "Guesses at one user from many addresses are not seen.",
    help: "Count by user name and address as well, as the article shows with rate-limiter-flexible.",
    article: Article::BruteForce,
    seen: Seen::Static,
};
