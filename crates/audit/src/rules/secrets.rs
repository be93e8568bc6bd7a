//! Secrets.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static HARDCODED: Rule = Rule {
    id: "secrets/hardcoded",
    severity: Severity::High,
    title: "a secret stands in the source",
    why: "Whoever has seen the repository can sign sessions and tokens of any user, or use what a key or password opens.",
    help: "Take it from the environment, without a default, and change it now that it was written down.",
    article: Article::Cookies,
    seen: Seen::Static,
};

pub(crate) static SAMPLE_ENV: Rule = Rule {
    id: "secrets/sample-env-loaded",
    severity: Severity::High,
    title: "the sample file of secrets is the one that is loaded",
    why: "Its values are in the repository, where everybody reads them.",
    help: "Load `.env`, which is not in the repository.",
    article: Article::Cookies,
    seen: Seen::Static,
};
