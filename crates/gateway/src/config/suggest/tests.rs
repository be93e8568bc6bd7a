//! What somebody meant is found.

use toml::{Table, Value};

use super::super::layers::Source;
use super::*;

fn top() -> Vec<&'static str> {
    vec![
        "app",
        "route",
        "listen",
        "run",
        "tls",
        "acme",
        "headers",
        "client",
        "limits",
        "login",
        "cookies",
        "cross_site",
        "keys",
        "access",
        "limit",
        "probes",
        "challenge",
        "store",
        "pages",
        "maintenance",
        "log",
        "admin",
        "reports",
        "audit",
    ]
}

#[test]
fn what_was_meant_is_found_wherever_it_is() {
    let said = |word: &str, here: &[&str]| key(word, here).unwrap_or_default();
    let top = top();
    for (word, meant) in [
        // A slip, here.
        ("lissten", "did you mean `listen`?"),
        ("cookie_s", "did you mean `cookies`?"),
        // A part of a key of another table, or all of it.
        ("proxies", "did you mean `client.trusted_proxies`?"),
        ("trusted_proxies", "did you mean `client.trusted_proxies`?"),
        ("trusted_proxys", "did you mean `client.trusted_proxies`?"),
        ("workers", "did you mean `listen.workers`?"),
        ("streams", "did you mean `limits.streams`?"),
        ("http", "did you mean `listen.http`?"),
        (
            "certificate",
            "did you mean `tls.certificate`, `tls.app.certificate` or `tls.clients.certificate`?",
        ),
        // What others call it.
        ("proxy_pass", "here that is `app.upstream`"),
        ("trust proxy", "here that is `client.trusted_proxies`"),
        ("trustProxy", "here that is `client.trusted_proxies`"),
        ("client_max_body_size", "here that is `limits.body_bytes`"),
        ("rateLimit", "here that is `[[limit]]`"),
        (
            "headerField",
            "here that is `user_header` of a table `[[access]]`, which tells the app who has logged in",
        ),
        (
            "satisfy",
            "here that is `satisfy` of a table `[[access]]`, which has both `allow` and `users`",
        ),
        // Nothing like it.
        ("gzip", ""),
        ("quux", ""),
    ] {
        assert_eq!(said(word, &top), meant, "{word}");
    }
    let limits = ["header_bytes", "head_timeout", "idle_timeout", "body_bytes"];
    assert_eq!(
        said("timeout", &limits),
        "did you mean `head_timeout` or `idle_timeout`?"
    );
    assert_eq!(said("body", &limits), "did you mean `body_bytes`?");
    assert_eq!(said("url", &limits), "");
    // What is for some names says so in one word.
    for word in ["domain", "server_name", "hosts", "hostnames"] {
        let limit = ["path", "domains", "methods", "points"];
        assert_eq!(said(word, &limit), "did you mean `domains`?", "{word}");
    }
    assert_eq!(
        said("trusted_proxies", &limits),
        "did you mean `client.trusted_proxies`?"
    );
    assert_eq!(
        path("TRUSTED_PROXIES").unwrap(),
        "did you mean `client.trusted_proxies`?"
    );
    assert_eq!(path("LISTEN_HTPS").unwrap(), "did you mean `listen.https`?");
    assert_eq!(path("QUUX"), None);
}

#[test]
fn what_a_variable_meant_is_a_sentence_of_its_own() {
    let help = |name: &str| {
        let error = super::super::env::path(name).unwrap_err().to_string();
        error.split("help: ").nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(
        help("PANOPLY_REDIS_URL"),
        "here that is `PANOPLY_STORE_URL`; unset this one"
    );
    assert_eq!(
        help("PANOPLY_LISTEN_HTPS"),
        "did you mean `PANOPLY_LISTEN_HTTPS`? Otherwise unset it"
    );
}

/// Whatever it says is there can be written: a key of a wrong name is an error of its own.
#[test]
fn what_is_named_here_is_known_here() {
    let known = |path: &str| {
        let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
        let mut value = Value::Table(Table::new());
        for key in [last]
            .into_iter()
            .chain(above.rsplit('.').filter(|key| !key.is_empty()))
        {
            let mut table = Table::new();
            table.insert(key.to_owned(), value);
            value = Value::Table(table);
        }
        let text = toml::to_string(&value).unwrap();
        let said = Source::new().text("panoply.toml", text).load().err();
        said.is_none_or(|error| !error.to_string().contains("unknown"))
    };
    assert!(!known("app.origins") && !known("apps"));
    for (name, ours) in ELSEWHERE {
        for path in ours.split('`').skip(1).step_by(2) {
            let path = path.trim_matches(['[', ']']);
            let is_path = !path.contains([' ', '/'])
                && ![
                    "PORT",
                    "Server",
                    "window",
                    "allow",
                    "users",
                    "htpasswd",
                    "except",
                    "satisfy",
                    "user_header",
                    "strip_path",
                    "path",
                    "domains",
                ]
                .contains(&path);
            assert!(!is_path || known(path), "{name}: {path}");
        }
    }
    let mut names: Vec<_> = ELSEWHERE.iter().map(|(name, _)| plain(name)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), ELSEWHERE.len(), "one is there twice");
    for key in top().iter().chain(SETTINGS) {
        let is_ours = ELSEWHERE.iter().any(|(name, _)| name == key);
        assert!(!is_ours, "{key} is a key");
    }
}
