//! What is shown in place of the error pages that a framework has by itself.

use super::support;

use std::time::Duration;

use support::{App, Gateway, curl, example, free_port, panoply, text};

/// A body that body-parser refuses, so that Express answers with the stack of its error.
const BROKEN: [&str; 4] = [
    "-H",
    "Content-Type: application/x-www-form-urlencoded; charset=koi8-x",
    "-d",
    "a=b",
];

#[test]
fn the_pages_of_express_are_the_site_s_own() {
    let naked = App::start(&example("express-login"));
    let gateway = Gateway::before_example("express-login", "");
    let ca = gateway.ca();
    let (nope, account) = ("/nope", "/account");

    // Naked, each tells that it is Express, and where its files are.
    let told = curl(&ca, &[&format!("{}{nope}", naked.origin())]);
    assert!(told.text().contains("Cannot GET /nope"), "{}", told.text());
    let login = format!("{}{account}", naked.origin());
    let told = curl(&ca, &[&BROKEN[..], &[&login]].concat());
    assert!(told.text().contains("node_modules"), "{}", told.text());

    let url = gateway.url(nope);
    let page = curl(&ca, &["-H", "Accept: text/html", &url]);
    assert_eq!(page.status, 404);
    assert!(page.text().contains("There is nothing at this address."));
    assert!(!page.text().contains("Cannot GET"));
    // The session that Express made with it is kept, and the policy is the site's.
    assert_eq!(page.all("set-cookie").len(), 1);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'"), "{policy}");
    let problem = curl(&ca, &["-H", "Accept: application/json", &url]);
    assert_eq!(
        problem.header("content-type").as_deref(),
        Some("application/problem+json")
    );
    let head = curl(&ca, &["--head", &url]);
    assert_eq!(head.status, 404);
    let policy = head.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'"), "{policy}");
    let stack = curl(&ca, &[&BROKEN[..], &[&gateway.url(account)]].concat());
    assert_eq!(stack.status, 415);
    assert!(!stack.text().contains("node_modules"), "{}", stack.text());
    // None of that is a refusal of ours.
    let metrics = curl(&ca, &[&format!("{}/metrics", gateway.admin)]).text();
    assert!(!metrics.contains("error-page"), "{metrics}");
}

#[test]
fn they_are_left_alone_where_somebody_says_so_or_has_a_page() {
    let gateway =
        Gateway::before_example("express-login", "[pages]\nframework_errors = \"pass\"\n");
    let page = curl(&gateway.ca(), &[&gateway.url("/nope")]);
    assert!(page.text().contains("Cannot GET /nope"), "{}", page.text());

    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("404.html");
    std::fs::write(&own, "<h1>Lost in {status}</h1>").unwrap();
    let config = format!(
        "[pages]\nhtml = {{ 404 = {:?} }}\n",
        own.display().to_string()
    );
    let mut gateway = Gateway::before_example("express-login", &config);
    // It is for Express's own alone: what another app answers is not replaced, and nobody should wait for that.
    let told = ["pages.html.404", "error pages that Express has by itself"];
    gateway.process.line_with(&told, Duration::from_secs(10));
    let mut check = panoply();
    let checked = check.arg("check").arg("--config");
    let checked = checked.arg(gateway.config_path()).output().unwrap();
    let said = text(&checked.stdout);
    assert!(told.iter().all(|word| said.contains(word)), "{said}");
    let page = curl(
        &gateway.ca(),
        &["-H", "Accept: text/html", &gateway.url("/nope")],
    );
    assert_eq!(
        (page.status, page.text().as_str()),
        (404, "<h1>Lost in 404</h1>")
    );
}

#[test]
fn a_refusal_of_head_has_no_body_over_either_version() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let gateway = Gateway::before(&nobody, "");
    for version in ["--http1.1", "--http2"] {
        let head = curl(&gateway.ca(), &[version, "--head", &gateway.url("/")]);
        assert_eq!(head.status, 502, "{version}");
        assert_eq!(head.text(), "", "{version}");
        assert!(head.header("content-length").is_some(), "{version}");
    }
}
