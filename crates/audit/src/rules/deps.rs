//! Dependencies: what the lock file says.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static EXPRESS_EOL: Rule = Rule {
    id: "deps/express-eol",
    severity: Severity::High,
    title: "Express is of a line that gets no fixes any more",
    why: "What is found in it from now on stays open, and is looked for first: old versions are told by scanners.",
    help: "Move to Express 5, or at least to the newest 4: `npm install express@5`.",
    article: Article::Versions,
    seen: Seen::Static,
};

pub(crate) static EXPRESS_VULNERABLE: Rule = Rule {
    id: "deps/express-vulnerable",
    severity: Severity::High,
    title: "this version of Express has known holes",
    why: "They are published with a way to use them; attackers try them on every server they find.",
    help: "Update Express: `npm install express@latest`.",
    article: Article::Versions,
    seen: Seen::Static,
};

pub(crate) static VULNERABLE: Rule = Rule {
    id: "deps/vulnerable",
    severity: Severity::High,
    title: "a dependency has known holes",
    why: "They are published with a way to use them. Most take no knowledge of the app.",
    help: "Update it to a version that has the fix: `npm audit fix`, or `cargo update`.",
    article: Article::Dependencies,
    seen: Seen::Static,
};

pub(crate) static NO_LOCKFILE: Rule = Rule {
    id: "deps/no-lockfile",
    severity: Severity::Medium,
    title: "no lock file: what is installed is decided at install time",
    why: "A version that was taken over this morning is in production this afternoon, and nobody can say what runs.",
    help: "Commit the lock file that `npm install` writes, and install with `npm ci`.",
    article: Article::Dependencies,
    seen: Seen::Static,
};
