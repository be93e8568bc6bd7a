//! Redirects.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static OPEN: Rule = Rule {
    id: "redirect/open",
    severity: Severity::Medium,
    title: "a redirect goes wherever the request says",
    why: "A link to this site ends at somebody else's: the best bait there is.",
    help: "Compare the host with your own before you redirect, or allow paths alone.",
    article: Article::Input,
    seen: Seen::Static,
};
