//! The host that a request names.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static REFLECTED: Rule = Rule {
    id: "host/reflected",
    severity: Severity::Medium,
    title: "links and redirects lead to whatever host a request names",
    why: "Whoever asks for a password reset in another's name chooses where the link in the mail leads, and a cache keeps pages whose links are his.",
    help: "Answer only for your own names: in the proxy in front (Panoply's `tls.domains` or `listen.hosts`, nginx's `default_server`), or in the app (`ALLOWED_HOSTS`, `config.hosts`).",
    article: Article::Input,
    seen: Seen::Live,
};
