//! Transport security.

use crate::rule::{Article, Rule, Seen, Severity};

pub(crate) static NO_HTTPS: Rule = Rule {
    id: "tls/no-https",
    severity: Severity::High,
    title: "the site is not served over HTTPS",
    why: "Whoever is on the way reads and changes everything: passwords, sessions, scripts.",
    help: "Get a certificate, which Let's Encrypt gives for nothing: `panoply run --domain …` does all of it.",
    article: Article::Tls,
    seen: Seen::Live,
};

pub(crate) static NO_REDIRECT: Rule = Rule {
    id: "tls/no-redirect",
    severity: Severity::High,
    title: "plain HTTP is not redirected to HTTPS",
    why: "Whoever types the name alone stays on a connection that anybody on the way can read.",
    help: "Answer every request over plain HTTP with 301 or 308 to the same address over HTTPS.",
    article: Article::Tls,
    seen: Seen::Live,
};

pub(crate) static OLD_PROTOCOL: Rule = Rule {
    id: "tls/old-protocol",
    severity: Severity::High,
    title: "the server speaks a version of TLS that is broken",
    why: "SSL 3, TLS 1.0 and 1.1 have known attacks and were retired by RFC 8996; clients can be pushed down to them.",
    help: "Allow TLS 1.2 and 1.3 alone.",
    article: Article::Tls,
    seen: Seen::Live,
};

pub(crate) static WEAK_CIPHER: Rule = Rule {
    id: "tls/weak-cipher",
    severity: Severity::High,
    title: "the server accepts a weak cipher suite",
    why: "Without forward secrecy a key that leaks later opens everything recorded; RC4, 3DES and CBC have attacks of their own.",
    help: "Allow the suites of Mozilla's intermediate list.",
    article: Article::Tls,
    seen: Seen::Live,
};

pub(crate) static CERT: Rule = Rule {
    id: "tls/cert",
    severity: Severity::High,
    title: "the certificate is not one that browsers accept",
    why: "Visitors learn to click warnings away, and cannot tell the site from one that stands in its place.",
    help: "Serve a certificate for this name that is in date, with its whole chain.",
    article: Article::Tls,
    seen: Seen::Live,
};

pub(crate) static PLAIN_HTTP_SERVER: Rule = Rule {
    id: "tls/plain-http-server",
    severity: Severity::Info,
    title: "the app listens on plain HTTP, and nothing shows what stands in front of it",
    why: "If nothing in front ends TLS, passwords and sessions travel readable.",
    help: "Put a TLS proxy in front (`panoply run -- node server.js`), or serve with `https.createServer`.",
    article: Article::Tls,
    seen: Seen::Static,
};
