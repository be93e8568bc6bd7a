//! Sessions.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static MEMORY_STORE: Rule = Rule {
    id: "session/memory-store",
    severity: Severity::High,
    title: "sessions are kept in the memory of the process",
    why: "They are gone at every restart, grow without an end, and are not shared by several processes.",
    help: "Give express-session a `store`, such as connect-redis.",
    article: Article::Cookies,
    seen: Seen::Static,
};

pub(crate) static DEFAULT_NAME: Rule = Rule {
    id: "session/default-name",
    severity: Severity::Low,
    title: "the session cookie has its default name",
    why: "`connect.sid` tells that it is Express, and lets attackers aim at it.",
    help: "Give it a general name: `name: 'sessionId'`, or `__Host-id`.",
    article: Article::Cookies,
    seen: Seen::Both,
};

pub(crate) static SENSITIVE: Rule = Rule {
    id: "session/cookie-session-sensitive",
    severity: Severity::High,
    title: "a cookie session holds what its visitor must not see",
    why: "cookie-session signs what it stores but does not hide it: it is readable in the browser.",
    help: "Keep it on the server (express-session with a store), and only an id in the cookie.",
    article: Article::Cookies,
    seen: Seen::Static,
};

pub(crate) static NESTED: Rule = Rule {
    id: "session/cookie-session-nested",
    severity: Severity::High,
    title: "cookie-session does not look into `cookie: {…}`",
    why: "Its options stand at the top: what is written inside is ignored without a word, and the cookie goes out without it.",
    help: "Write `secure`, `httpOnly`, `sameSite` and the others beside `name` and `keys`.",
    article: Article::Cookies,
    seen: Seen::Static,
};
