//! The runtime the app is started with.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static NODE_EOL: Rule = Rule {
    id: "runtime/node-eol",
    severity: Severity::Medium,
    title: "Node.js is of a line that gets no fixes any more",
    why: "Holes in its HTTP parser, TLS and URL handling stay open from now on.",
    help: "Move to a supported line of Node.js.",
    article: Article::Versions,
    seen: Seen::Static,
};
