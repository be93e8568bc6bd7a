//! What is answered when something goes wrong.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static DEFAULT_404: Rule = Rule {
    id: "errors/default-404",
    severity: Severity::Low,
    title: "unknown paths get Express's own 404 page",
    why: "Its text, `Cannot GET /…`, tells that it is Express.",
    help: "Add a handler after the last route: `app.use((req, res) => res.status(404).send('Not found'))`.",
    article: Article::Fingerprinting,
    seen: Seen::Both,
};

pub(crate) static DEFAULT_HANDLER: Rule = Rule {
    id: "errors/default-handler",
    severity: Severity::Medium,
    title: "errors get Express's own page",
    why: "Without NODE_ENV=production it shows the stack, with paths and versions; with it, it tells that it is Express.",
    help: "Add a handler with four arguments at the very end: `app.use((err, req, res, next) => …)`.",
    article: Article::Fingerprinting,
    seen: Seen::Both,
};

pub(crate) static DEV_HANDLER: Rule = Rule {
    id: "errors/dev-handler-unguarded",
    severity: Severity::Medium,
    title: "stack traces are sent to clients in production",
    why: "They name files, versions and queries: a map of the app.",
    help: "Only in development: `if (app.get('env') === 'development')`.",
    article: Article::Fingerprinting,
    seen: Seen::Both,
};
