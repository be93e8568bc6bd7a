//! A policy that is learnt for each name of a site that has headers of its own.

use super::support;

use std::fs;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Gateway, Recorder, Verdicts, curl, panoply, text, wait_for};

const CONFIG: &str = "[tls]\nmode = \"off\"
[client]
trusted_proxies = [\"loopback\"] # so that a test can be several clients

[headers.content-security-policy]
report_only = true

[[headers.domain]]
domains = [\"docs.a.test\"] # where the search is
content-security-policy = { append = { script-src = [\"https://search.test\"] }, report_only = true }

[[headers.domain]]
domains = [\"old.a.test\"]
x-frame-options = false
";

fn csp(gateway: &Gateway, arguments: &[&str]) -> Output {
    let state = gateway.dir.path().join("state");
    let mut command = panoply();
    command.arg("csp").args(arguments).arg("--state").arg(state);
    let command = command.arg("--config").arg(gateway.config_path());
    command.output().unwrap()
}

/// What two clients say of a page under `host`.
fn report(gateway: &Gateway, host: &str, blocked: &str) {
    let body = json!({ "csp-report": {
        "document-uri": format!("http://{host}/p?x=1"), "effective-directive": "img-src", "blocked-uri": blocked,
        "disposition": "report",
    } });
    for client in ["192.0.2.7", "198.51.100.9"] {
        let url = gateway.url("/.well-known/panoply/reports");
        let headers = [
            "Content-Type: application/csp-report".to_owned(),
            format!("X-Forwarded-For: {client}"),
            format!("Host: {host}"),
        ];
        let mut arguments = vec!["--data".to_owned(), body.to_string(), url];
        arguments.extend(headers.into_iter().flat_map(|one| ["-H".to_owned(), one]));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert_eq!(curl("/dev/null".as_ref(), &arguments).status, 204);
    }
}

#[test]
fn each_name_learns_by_its_own_pages() {
    let app = Recorder::start();
    let gateway = Gateway::setup()
        .config(CONFIG)
        .upstream(&app.origin())
        .start();
    let mut wrong = Verdicts::default();
    report(&gateway, "a.test", "https://site.test/x.png");
    report(&gateway, "old.a.test", "https://old.test/x.png");
    report(&gateway, "DOCS.a.test:80", "https://docs.test/x.png");
    let found = wait_for("three sources", Duration::from_secs(10), || {
        let output = csp(&gateway, &["suggest", "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).ok()?;
        (found["proposal"]["allow"].as_array()?.len() == 3).then_some(found)
    });
    let mut allowed: Vec<_> = { found["proposal"]["allow"].as_array().unwrap().iter() }
        .map(|one| {
            format!(
                "{} {} {}",
                one["domains"], one["source"], one["seen"]["pages"]
            )
        })
        .collect();
    allowed.sort();
    wrong.equal(
        "whose they are",
        allowed,
        [
            r#"["docs.a.test"] "https://docs.test" ["docs.a.test/p"]"#,
            r#"[] "https://old.test" ["old.a.test/p"]"#,
            r#"[] "https://site.test" ["/p"]"#,
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    let told = text(&csp(&gateway, &["suggest"]).stdout);
    for said in [
        "Only reported under docs.a.test, so that",
        "img-src https://docs.test (under docs.a.test)",
        "[[headers.domain]]\ndomains = [\"docs.a.test\"]\n",
    ] {
        wrong.check(told.contains(said), || format!("no {said:?} in {told}"));
    }
    wrong.check(!told.contains("under old.a.test"), || told.clone());

    let output = csp(&gateway, &["enforce", "--yes"]);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    wrong.check(output.status.success(), || said.clone());
    let written = fs::read_to_string(gateway.config_path()).unwrap();
    wrong.check(written.contains("# where the search is"), || {
        written.clone()
    });
    let policy = |host: &str| {
        let host = format!("Host: {host}");
        let answer = curl("/dev/null".as_ref(), &["-H", &host, &gateway.url("/")]);
        let policy = answer.header("content-security-policy");
        policy.unwrap_or_default()
    };
    for (host, own, others) in [
        (
            "a.test",
            vec!["https://site.test", "https://old.test"],
            vec!["https://docs.test", "search"],
        ),
        (
            "docs.a.test",
            vec!["https://docs.test", "https://search.test"],
            vec!["report-only"],
        ),
    ] {
        let policy = policy(host);
        let has = |source: &&&str| policy.contains(**source);
        wrong.equal(host, own.iter().filter(has).count(), own.len());
        wrong.equal(host, others.iter().filter(has).count(), 0);
    }
    wrong.settle();
}
