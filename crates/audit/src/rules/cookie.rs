//! Cookies.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static NO_SECURE: Rule = Rule {
    id: "cookie/no-secure",
    severity: Severity::High,
    title: "a cookie goes over plain HTTP too",
    why: "Whoever is on the way can read it on the first request that is not HTTPS.",
    help: "`secure: true`; behind a proxy also `app.set('trust proxy', 1)`.",
    article: Article::Cookies,
    seen: Seen::Both,
};

pub(crate) static NO_HTTP_ONLY: Rule = Rule {
    id: "cookie/httponly-disabled",
    severity: Severity::Medium,
    title: "page script can read a cookie that it need not read",
    why: "One injected script takes every session it meets.",
    help: "`httpOnly: true`",
    article: Article::Cookies,
    seen: Seen::Both,
};

pub(crate) static NO_SAME_SITE: Rule = Rule {
    id: "cookie/no-samesite",
    severity: Severity::Medium,
    title: "a cookie is sent with what other sites cause",
    why: "A form on any site acts in the name of the visitor.",
    help: "`sameSite: 'lax'`",
    article: Article::Cookies,
    seen: Seen::Both,
};

pub(crate) static RELATIVE_PATH: Rule = Rule {
    id: "cookie/relative-path",
    severity: Severity::Low,
    title: "the path of a cookie does not begin with `/`",
    why: "Browsers ignore it, and take the folder of the page instead.",
    help: "`path: '/'`",
    article: Article::Cookies,
    seen: Seen::Both,
};

pub(crate) static BROAD_DOMAIN: Rule = Rule {
    id: "cookie/broad-domain",
    severity: Severity::Low,
    title: "a cookie is sent to every host of the domain",
    why: "The weakest host of the domain gets the sessions of all others, and can set its own.",
    help: "Leave `domain` out, so that the cookie stays with this host; better, name it `__Host-…`.",
    article: Article::Cookies,
    seen: Seen::Both,
};

pub(crate) static NO_EXPIRY: Rule = Rule {
    id: "cookie/no-expiry",
    severity: Severity::Info,
    title: "a session cookie has no end of its own",
    why: "It lasts as long as the browser is open, which restores it: for months.",
    help: "`maxAge`, or `expires`.",
    article: Article::Cookies,
    seen: Seen::Static,
};
