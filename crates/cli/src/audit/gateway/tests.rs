use panoply_audit::{Finding, Place};

use super::covered::{is_path, path};
use super::*;

#[test]
fn every_rule_is_covered_or_said_not_to_be() {
    for rule in panoply_audit::RULES
        .iter()
        .filter(|rule| rule.group() != "audit")
    {
        let cover = cover(rule.id);
        assert_ne!(
            cover,
            Nothing("it is no matter of the gateway's"),
            "{}",
            rule.id
        );
    }
}

/// One finding of each rule, in a file and on a site.
fn everything() -> [Report; 2] {
    let source = panoply_audit::Source::new("src/a\nb = 1.js", "app.post('/login')\n");
    let mut code = Report::new("nowhere");
    let mut site = Report::new("https://shop.example");
    for rule in panoply_audit::RULES {
        let at = panoply_audit::Location::new(&source, 0..3);
        let message = "`POST /api/login` is `\"wrong\"`\n[evil]";
        code.push(Finding::new(rule, Place::Code(at), message));
        let url = "https://shop.example/sign-in?next=\n[evil]".to_owned();
        site.push(Finding::new(rule, Place::Url(url), message));
    }
    [code, site]
}

#[test]
fn the_gateway_takes_the_file_and_every_finding_is_in_it() {
    let targets = ["nowhere".to_owned(), "https://shop.example".to_owned()];
    let toml = config(&everything(), &targets);
    for rule in panoply_audit::RULES
        .iter()
        .filter(|rule| rule.group() != "audit")
    {
        assert!(
            toml.contains(&format!("{}: ", rule.id)),
            "{}: {toml}",
            rule.id
        );
    }
    let source = panoply_gateway::config::Source::new().text("panoply.toml", &*toml);
    let loaded = source
        .load()
        .unwrap_or_else(|error| panic!("{error}\n{toml}"));
    assert_eq!(
        loaded.value("tls.domains").as_deref(),
        Some("[\"shop.example\"]")
    );
    assert_eq!(loaded.text("headers.preset"), Some("helmet"));
    assert_eq!(
        loaded.config.login.map(|logins| logins.len()),
        Some(2),
        "{toml}"
    );
    insta::assert_snapshot!(toml);
}

#[test]
fn what_is_commented_out_can_be_put_in_force() {
    let toml = config(&everything(), &[]);
    let whole: Vec<&str> = toml
        .lines()
        .map(|line| match line.strip_prefix('#') {
            // Of an app that is started and one that runs there can be one.
            Some(setting) if !setting.starts_with(' ') && !setting.starts_with("upstream") => {
                setting
            }
            _ => line,
        })
        .collect();
    let source = panoply_gateway::config::Source::new();
    let loaded = source.text("panoply.toml", whole.join("\n")).load();
    loaded.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn paths_and_hosts_are_read() {
    assert_eq!(
        path("`POST /login` has no limit").as_deref(),
        Some("/login")
    );
    assert_eq!(
        path("`app.post('/api/login')` has none").as_deref(),
        Some("/api/login")
    );
    assert_eq!(path("no /login"), None);
    assert!(!is_path("/:tenant/login") && !is_path("/") && !is_path("/a\"b"));
    assert_eq!(
        host("https://ada@Shop.example:8443/login?x#y"),
        Some(("shop.example".into(), "/login".into()))
    );
    assert_eq!(
        host("http://[::1]:3000"),
        Some(("[::1]".into(), String::new()))
    );
    assert!(is_name("shop.example") && !is_name("127.0.0.1") && !is_name("localhost"));
}

#[test]
fn no_text_leaves_its_comment() {
    let mut page = Page::default();
    page.prose(&one_line("a\nb = 1\r\u{85}c"));
    assert!(
        page.text.lines().all(|line| line.starts_with('#')),
        "{}",
        page.text
    );
}
