//! Browsers alone, which solve a task first.

use super::support;

use std::time::Duration;

use rustix::process::Signal;
use support::upgrade::Last;
use support::{Answer, App, Gateway, Verdicts, ask, curl, node, panoply, test_app, text, wait_for};

const SMALL: &str = "[challenge]\npaths = [\"/\"]\nwork = 8\nexcept = [\"/hooks/\"]\n";

/// What a command says of the gateway on the state of `first`, and whether it could.
fn say(first: &Gateway, arguments: &[&str]) -> (bool, String) {
    let state = first.dir.path().join("state");
    let mut command = panoply();
    let output = command.args(arguments).arg("--state").arg(state).output();
    let output = output.unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), said)
}

/// What a browser asks.
fn page(gateway: &Gateway, version: &str, path: &str, more: &[&str]) -> Answer {
    let url = gateway.url(path);
    let own = [version, "--path-as-is", "-H", "Accept: text/html", &url];
    curl(&gateway.ca(), &[more, &own].concat())
}

/// A pass for whoever asks so, as a header.
fn pass(gateway: &Gateway, version: &str) -> String {
    let task = page(gateway, version, "/", &[]);
    assert_eq!(task.status, 403, "{}", task.text());
    let solved = node("solve.mjs", &[&task.text()], None);
    let solution = format!("Panoply-Solution: {}", solved["solution"].as_str().unwrap());
    let at = gateway.url(solved["at"].as_str().unwrap());
    let ask = [version, "-X", "POST", "-H", &solution, &at];
    let given = curl(&gateway.ca(), &ask);
    assert_eq!(given.status, 201, "{}", given.text());
    let set = given.header("set-cookie").unwrap();
    format!("Cookie: {}", set.split(';').next().unwrap())
}

#[test]
fn browsers_are_let_in_with_a_pass_by_both_protocols_and_nobody_else() {
    let app = App::start(&test_app("asked.mjs"));
    let mut gateway = Gateway::before(&app.origin(), SMALL);
    let mut wrong = Verdicts::default();
    let mut passes = Vec::new();
    for version in ["--http1.1", "--http2"] {
        let asked_for = |path: &str, more: &[&str]| page(&gateway, version, path, more);
        let task = asked_for("/shop?a=b", &[]);
        wrong.equal(version, task.status, 403);
        let header = |name| task.header(name).unwrap_or_default();
        wrong.equal(version, header("cache-control"), "no-store".to_owned());
        let policy = header("content-security-policy");
        wrong.check(
            policy.starts_with("default-src 'none';script-src 'sha256-"),
            || policy,
        );
        wrong.check(task.text().contains("<noscript>"), || task.text());
        let head = asked_for("/shop", &["--head"]);
        wrong.check(head.status == 403 && head.text().is_empty(), || head.text());
        let plain = curl(
            &gateway.ca(),
            &[version, "-H", "Accept: application/json", &gateway.url("/")],
        );
        let media = plain.header("content-type").unwrap_or_default();
        wrong.check(
            plain.status == 403 && media == "application/problem+json",
            || media,
        );
        // What is not spelled so is no exception.
        for (path, status) in [
            ("/robots.txt", 200),
            ("/hooks/pay", 200),
            ("/robots.txt/../x", 403),
            ("/.well-known/..%2fadmin", 403),
            ("/hooks/%2e%2e/admin", 403),
        ] {
            let asked = asked_for(path, &[]).status;
            wrong.check(asked == status, || format!("{version} {path}: {asked}"));
        }
        let own = pass(&gateway, version);
        let let_in = asked_for("/shop", &["-H", &own, "-H", "Cookie: a=1"]);
        wrong.equal(version, let_in.status, 200);
        wrong.check(let_in.text().contains("\"cookie\":\"a=1\""), || {
            let_in.text()
        });
        let sent = asked_for("/sent", &["-H", &own, "-d", "text=much"]);
        wrong.check(sent.text().contains("text=much"), || sent.text());
        let forged = asked_for("/", &["-H", &own[..own.len() - 3]]);
        wrong.equal(version, forged.status, 403);
        let huge = format!("Panoply-Solution: {} 1", "a".repeat(9000));
        let at = gateway.url("/.well-known/panoply/challenge");
        let refused = curl(&gateway.ca(), &[version, "-X", "POST", "-H", &huge, &at]);
        wrong.equal(version, refused.status, 403);
        passes.push(own);
    }
    let plain = Gateway::before(&app.origin(), &format!("[tls]\nmode = \"off\"\n{SMALL}"));
    let own = pass(&plain, "--http1.1");
    wrong.check(own.starts_with("Cookie: panoply-pass="), || own.clone());
    for (line, status) in [("Cookie: a=1", 403), (&*own, 101)] {
        let host = plain.address();
        let head = format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{line}\r\n\r\n"
        );
        wrong.equal("a socket", ask(host, head.as_bytes()).status(), status);
    }

    // Who was let in is so after a restart as well.
    let (done, said) = say(&gateway, &["challenge", "show"]);
    let told = done && said.contains("below /") && said.contains("passes given since the start: 2");
    wrong.check(told, || said);
    let metrics = wait_for("the passes", Duration::from_secs(20), || {
        let metrics = curl(&gateway.ca(), &[&format!("{}/metrics", gateway.admin)]).text();
        metrics
            .contains("panoply_passes_given_total 2")
            .then_some(metrics)
    });
    for rule in ["challenge/page", "challenge/pass", "challenge/solution"] {
        let told = format!("panoply_refused_total{{rule=\"{rule}\"}}");
        wrong.check(metrics.contains(&told), || format!("{rule}: {metrics}"));
    }
    let log = gateway.process.said().join("\n");
    wrong.check(log.contains("challenge/page"), || log);
    gateway.process.signal(Signal::TERM);
    gateway.process.status(Duration::from_secs(20));
    let after = Gateway::setup()
        .state_of(&gateway)
        .config(SMALL)
        .upstream(&app.origin())
        .start();
    let ca = gateway.ca().display().to_string();
    for own in &passes {
        let more = ["--cacert", &ca, "-H", own];
        let again = page(&after, "--http2", "/", &more);
        wrong.check(again.status == 200, || again.text());
    }
    wrong.settle();
}

#[test]
fn it_is_switched_on_and_off_and_stays_so_through_a_reload_and_a_restart() {
    let app = App::start(&test_app("asked.mjs"));
    let table = "[tls]\nmode = \"off\"\n[challenge]\nwork = 8\nexempt = [\"198.51.100.0/24\"]\n[client]\ntrusted_proxies = [\"loopback\"]\n";
    let mut gateway = Gateway::before(&app.origin(), table);
    let mut wrong = Verdicts::default();
    let from = |gateway: &Gateway, client: &str| {
        let client = format!("X-Forwarded-For: {client}");
        page(gateway, "--http2", "/", &["-H", &client]).status
    };
    wrong.equal("before", from(&gateway, "203.0.113.9"), 200);
    let (done, said) = say(&gateway, &["challenge", "show"]);
    wrong.check(done && said.contains("no pass is asked for"), || said);
    let (done, said) = say(&gateway, &["challenge", "on", "--for", "1h"]);
    wrong.check(done && said.contains("let in for 1h"), || said);
    wrong.equal("on", from(&gateway, "203.0.113.9"), 403);
    wrong.equal("exempt", from(&gateway, "198.51.100.7"), 200);
    // The balancer itself, as it looks whether the gateway is well, or where it names nobody.
    wrong.equal("a proxy", page(&gateway, "--http2", "/", &[]).status, 403);
    let well = page(&gateway, "--http1.1", "/healthz", &[]).status;
    wrong.equal("a proxy at /healthz", well, 200);
    let (_, status) = say(&gateway, &["status"]);
    wrong.check(
        status.contains("challenge: only browsers") && status.contains("for 59m"),
        || status,
    );
    let (_, blocks) = say(&gateway, &["blocks", "list"]);
    wrong.check(blocks.contains("challenge      all but browsers"), || {
        blocks
    });
    gateway.reload(table);
    wrong.equal("reloaded", from(&gateway, "203.0.113.9"), 403);
    gateway.process.signal(Signal::TERM);
    gateway.process.status(Duration::from_secs(20));
    let after = Gateway::setup()
        .state_of(&gateway)
        .config(table)
        .upstream(&app.origin())
        .start();
    wrong.equal("restarted", from(&after, "203.0.113.9"), 403);
    let (_, said) = say(&gateway, &["challenge", "show"]);
    wrong.check(said.contains("everywhere, for "), || said);
    let (done, said) = say(&gateway, &["challenge", "off"]);
    wrong.check(done && said.contains("no pass is asked for"), || said);
    wrong.equal("off", from(&after, "203.0.113.9"), 200);
    let (done, said) = say(&gateway, &["challenge", "off"]);
    wrong.check(done && said.contains("it was not on"), || said);
    // What would make the balancer take the gateway for dead is said at once.
    let said_so = |said: &str| said.contains("what your proxies ask in their own name");
    let (done, said) = say(&gateway, &["challenge", "on"]);
    wrong.check(done && !said_so(&said), || said);
    after.reload(&table.replace("exempt", "except = [\"/x\"]\n# exempt"));
    let (done, said) = say(&gateway, &["challenge", "on"]);
    wrong.check(done && said_so(&said), || said);
    let (done, said) = say(&gateway, &["challenge", "on", "--for", "1ms"]);
    wrong.check(!done && said.contains("write `1s` or more"), || said);
    wrong.settle();
}

#[test]
fn chromium_works_and_ends_at_the_page_that_was_asked_for() {
    let app = App::start(&test_app("asked.mjs"));
    let gateway = Gateway::before(&app.origin(), "[challenge]\npaths = [\"/\"]\n");
    let shots = std::env::var("CHALLENGE_SHOTS").unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("own.html");
    let words = "<!doctype html><html lang=de><title>Moment</title><style>h1{color:red}</style><h1>Moment</h1>{task}\
                 <p hidden data-panoply=cookies>Bitte Cookies erlauben.</p><p hidden data-panoply=working>Rechnet.</p>";
    std::fs::write(&page, words).unwrap();
    let own = "[challenge]\npaths = [\"/\"]\nwork = 8\n[pages]\n";
    let own = Gateway::before(
        &app.origin(),
        &format!("{own}html = {{ challenge = {page:?} }}\n"),
    );
    let origins = [&*gateway.origin, &own.origin, &shots];
    let seen = node(
        "browser.mjs",
        &[&["challenge"], &origins[..]].concat(),
        None,
    );
    let mut wrong = Verdicts::default();
    wrong.equal("title", seen["title"].clone(), "The app");
    wrong.equal("at", seen["at"].clone(), "/deep/page?a=b#down");
    let asked = seen["asked"].as_str().unwrap_or_default().to_owned();
    wrong.check(asked.contains("\"cookie\":null"), || asked);
    wrong.equal("pages of work", seen["worked"].clone(), 1);
    // The pass is no script's, and the form of somebody whose pass has ended arrives all the same.
    wrong.equal("script", seen["script"].clone(), "");
    let sent = seen["sent"].as_str().unwrap_or_default().to_owned();
    wrong.check(
        sent.contains("text=a+long+letter") && sent.contains("POST"),
        || sent,
    );
    for forged in seen["forged"].as_array().unwrap() {
        let refused = forged
            .as_str()
            .unwrap_or_default()
            .contains("Only browsers are let in");
        wrong.check(refused, || forged.to_string());
    }
    // Whoever keeps no cookies is told so, and nothing goes round.
    let refuses = seen["withoutCookies"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    wrong.check(refuses.contains("allow cookies"), || refuses);
    let dressed = seen["dressed"].as_str().unwrap_or_default().to_owned();
    let in_own_words = dressed.contains("Moment") && dressed.contains("Cookies erlauben");
    let alone = !["allow cookies", "Rechnet", "Working"]
        .iter()
        .any(|other| dressed.contains(other));
    wrong.check(
        in_own_words && alone && dressed.contains("Try again"),
        || dressed,
    );
    wrong.equal("rounds without cookies", seen["rounds"].clone(), 1);
    let noscript = seen["withoutScript"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    wrong.check(noscript.contains("needs JavaScript"), || noscript);
    let said = seen["said"].to_string();
    wrong.check(!said.contains("Content Security Policy"), || said);
    wrong.settle();
}

#[test]
fn another_version_that_takes_over_asks_for_passes_and_takes_those_that_there_are() {
    let app = App::start(&test_app("asked.mjs"));
    let gateway = Gateway::before(&app.origin(), "[challenge]\nwork = 8\n");
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (done, said) = last.ask(&["challenge", "on"]);
    wrong.check(
        done && said.contains("until `panoply challenge off`"),
        || said,
    );
    let own = pass(&gateway, "--http2");
    let (done, said) = last.upgrade();
    wrong.check(done, || said);
    let status = |more: &[&str]| page(&gateway, "--http2", "/", more).status;
    wrong.equal("without", status(&[]), 403);
    wrong.equal("with", status(&["-H", &own]), 200);
    let (done, said) = last.ask(&["challenge", "off"]);
    wrong.check(done, || said);
    wrong.equal("off", status(&[]), 200);
    wrong.settle();
}
