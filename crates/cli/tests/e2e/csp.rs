//! A policy that is learnt: reported, suggested, put in force; and what a stranger's reports can do to it.

use super::support;

use std::process::Output;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Gateway, Recorder, Verdicts, curl, node, panoply, test_app, text, wait_for};

const PATH: &str = "/.well-known/panoply/reports";

const LEARNING: &str = "# Ours.
[client]
trusted_proxies = [\"loopback\"] # so that a test can be several clients

[headers]
nonce_placeholder = \"3q2-7wAAAAB_ZmFrZW5vbmNl\"

[headers.content-security-policy]
report_only = true # for a while
";

/// `panoply csp …` about this gateway.
fn csp(gateway: &Gateway, arguments: &[&str]) -> Output {
    panoply()
        .arg("csp")
        .args(arguments)
        .arg("--state")
        .arg(gateway.dir.path().join("state"))
        .arg("--config")
        .arg(gateway.config_path())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// A report of somebody's.
fn report(gateway: &Gateway, client: &str, directive: &str, blocked: &str) {
    let body = json!({ "csp-report": {
        "document-uri": "https://a.test/", "effective-directive": directive, "blocked-uri": blocked,
        "disposition": "report",
    } });
    let answer = curl(
        &gateway.ca(),
        &[
            "-H",
            "Content-Type: application/csp-report",
            "-H",
            &format!("X-Forwarded-For: {client}"),
            "--data",
            &body.to_string(),
            &gateway.url(PATH),
        ],
    );
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn suggested(gateway: &Gateway) -> Value {
    let output = csp(gateway, &["suggest", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Directive and source of each of a list.
fn pairs(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pair = |one: &Value| (text(&one["directive"]), text(&one["source"]));
    list.as_array().unwrap().iter().map(pair).collect()
}

#[test]
fn from_reports_to_a_policy_that_holds() {
    let gateway = Gateway::setup()
        .config(LEARNING)
        .command(&test_app("third-party.mjs"))
        .start();
    let mut wrong = Verdicts::default();

    // Learning: everything works, an injected script too, and it is said so.
    let seen = node("browser.mjs", &["learnt", &gateway.origin], None);
    let all = json!([
        "/api",
        "/font.woff2",
        "/frame.html",
        "/lib.js",
        "/pixel.png",
        "/style.css"
    ]);
    wrong.equal("taken while learning", seen["taken"].clone(), all.clone());
    for mark in ["lib", "own", "inline"] {
        wrong.equal(mark, seen["ran"][mark].clone(), "ran");
    }
    wrong.check(
        gateway
            .process
            .said()
            .iter()
            .any(|line| line.contains("nothing is blocked")),
        || "the start does not say that nothing is blocked".to_owned(),
    );
    let expected = [
        "connect-src",
        "font-src",
        "frame-src",
        "img-src",
        "script-src",
        "style-src",
    ];
    let found = wait_for("Chromium's reports", Duration::from_secs(20), || {
        let found = suggested(&gateway);
        let allowed = pairs(&found["proposal"]["allow"]);
        (allowed.len() >= expected.len()).then_some(found)
    });
    let allowed = pairs(&found["proposal"]["allow"]);
    let other = allowed[0].1.clone();
    // The same server by another name, which nothing allows.
    let evil = other.replace("127.0.0.1", "localhost");
    for directive in expected {
        let pair = (directive.to_owned(), other.clone());
        wrong.check(allowed.contains(&pair), || {
            format!("{pair:?} not in {allowed:?}")
        });
    }
    wrong.equal("sources proposed", allowed.len(), expected.len());
    let by_hand = pairs(&found["proposal"]["by_hand"]);
    let inline = ("script-src-elem".to_owned(), "inline".to_owned());
    wrong.check(by_hand.contains(&inline), || format!("{by_hand:?}"));

    // A stranger makes up reports, in number; a second visitor reports what the first did.
    for _ in 0..10 {
        report(
            &gateway,
            "203.0.113.66",
            "script-src-elem",
            "https://evil.example",
        );
        report(&gateway, "203.0.113.66", "script-src", "'unsafe-inline'");
        report(
            &gateway,
            "203.0.113.66",
            "frame-ancestors",
            "https://evil.example",
        );
    }
    report(
        &gateway,
        "203.0.113.66",
        "script-src",
        "chrome-extension://abcdef/x.js",
    );
    for directive in expected {
        report(&gateway, "198.51.100.7", directive, &other);
        report(&gateway, "198.51.100.8", directive, &other);
    }
    let doubted = wait_for("the stranger's reports", Duration::from_secs(10), || {
        let found = suggested(&gateway);
        let doubted = pairs(&found["proposal"]["doubtful"]);
        let evidence = &found["evidence"];
        (!doubted.is_empty() && evidence["clients"] == 4).then_some(found)
    });
    let forged = ("script-src".to_owned(), "https://evil.example".to_owned());
    wrong.equal(
        "doubted",
        pairs(&doubted["proposal"]["doubtful"]),
        vec![forged],
    );
    wrong.equal("extensions", doubted["evidence"]["noise"].clone(), 1);
    let text = said(&csp(&gateway, &["suggest"]));
    for part in [
        "nothing is blocked",
        "Doubtful",
        "only one client of 4",
        "PANOPLY_NONCE",
        "'sha256-…'",
        "[headers.content-security-policy]",
        "/basket",
    ] {
        wrong.check(text.contains(part), || format!("{part:?} is not in {text}"));
    }

    // What is known outlives the gateway; nothing is written unasked.
    let before = std::fs::read_to_string(gateway.config_path()).unwrap();
    let unasked = csp(&gateway, &["enforce"]);
    wrong.equal("unasked", unasked.status.code(), Some(2));
    wrong.equal(
        "the file",
        std::fs::read_to_string(gateway.config_path()).unwrap(),
        before.clone(),
    );
    let unknown = csp(
        &gateway,
        &["enforce", "--yes", "--with", "https://typo.example"],
    );
    wrong.check(said(&unknown).contains("nothing was reported"), || {
        said(&unknown)
    });

    // In force, without a restart: the site works, what was injected does not.
    let done = csp(&gateway, &["enforce", "--yes"]);
    wrong.check(done.status.success(), || said(&done));
    wrong.check(said(&done).contains("in force in the gateway"), || {
        said(&done)
    });
    let after = std::fs::read_to_string(gateway.config_path()).unwrap();
    wrong.check(after.contains("report_only = false # for a while"), || {
        after.clone()
    });
    wrong.check(
        after.starts_with("# Ours.\n") && !after.contains("evil"),
        || after.clone(),
    );
    // What will not work is said by name, before it does not.
    for blocked in ["script-src-elem inline on ", "Left out as doubtful"] {
        wrong.check(said(&done).contains(blocked), || {
            format!("{blocked}: {}", said(&done))
        });
    }
    for line in said(&done).lines().filter(|line| line.starts_with("- ")) {
        wrong.check(before.contains(line.trim_start_matches("- ")), || {
            line.to_owned()
        });
    }
    let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
    wrong.check(answer.header("content-security-policy").is_some(), || {
        format!("{answer:?}")
    });
    let seen = node("browser.mjs", &["learnt", &gateway.origin], None);
    wrong.equal("taken when enforced", seen["taken"].clone(), all);
    for (mark, ran) in [
        ("lib", json!("ran")),
        ("own", json!("ran")),
        ("inline", Value::Null),
    ] {
        wrong.equal(
            &format!("{mark} when enforced"),
            seen["ran"][mark].clone(),
            ran,
        );
    }
    let seen = node("browser.mjs", &["injected", &gateway.origin, &evil], None);
    for mark in ["injected", "handler", "evil", "guessed"] {
        wrong.equal(mark, seen["ran"][mark].clone(), Value::Null);
    }
    let again = csp(&gateway, &["enforce", "--yes"]);
    wrong.check(said(&again).contains("nothing is to be added"), || {
        said(&again)
    });

    // As it was advised: the nonce blesses the app's own script, and no other.
    let config = after.replacen("script-src = [", "script-src = [\"'nonce'\", ", 1);
    std::fs::write(gateway.config_path(), config).unwrap();
    gateway.process.signal(Signal::HUP);
    wait_for("the nonce", Duration::from_secs(10), || {
        let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
        let policy = answer.header("content-security-policy")?;
        policy.contains("'nonce-").then_some(())
    });
    let seen = node("browser.mjs", &["injected", &gateway.origin, &evil], None);
    wrong.equal("blessed", seen["ran"]["inline"].clone(), "ran");
    for mark in ["injected", "handler", "evil", "guessed"] {
        wrong.equal(
            &format!("{mark} beside a nonce"),
            seen["ran"][mark].clone(),
            Value::Null,
        );
    }
    wrong.settle();
}

#[test]
fn evidence_outlives_the_gateway_and_is_forgotten_when_told() {
    let app = Recorder::start();
    let config = "[client]\ntrusted_proxies = [\"loopback\"]\n";
    let mut gateway = Gateway::setup()
        .config(config)
        .upstream(&app.origin())
        .start();
    for client in ["198.51.100.7", "198.51.100.8"] {
        report(&gateway, client, "img-src", "https://img.example");
    }
    wait_for("the reports", Duration::from_secs(10), || {
        let allowed = pairs(&suggested(&gateway)["proposal"]["allow"]);
        (!allowed.is_empty()).then_some(())
    });
    // However little time it has to stop in.
    gateway.process.signal(Signal::TERM);
    gateway.process.status(Duration::from_secs(10));
    let mut wrong = Verdicts::default();
    let left = suggested(&gateway);
    wrong.equal(
        "clients left",
        left["proposal"]["allow"][0]["seen"]["clients"].clone(),
        2,
    );
    let file = std::fs::read_to_string(gateway.dir.path().join("state/csp-reports.json")).unwrap();
    wrong.check(!file.contains("198.51"), || {
        "a client is named in the file".to_owned()
    });

    // Without a gateway that runs it is written all the same, and said what is missing.
    let done = csp(&gateway, &["enforce", "--yes"]);
    wrong.check(done.status.success(), || said(&done));
    wrong.check(said(&done).contains("no gateway runs"), || said(&done));
    let forgotten = csp(&gateway, &["forget"]);
    wrong.equal("nobody to tell", forgotten.status.code(), Some(2));

    let again = Gateway::setup()
        .state_of(&gateway)
        .config(&std::fs::read_to_string(gateway.config_path()).unwrap())
        .upstream(&app.origin())
        .start();
    let state = gateway.dir.path().join("state");
    let ask = |arguments: &[&str]| {
        let mut command = panoply();
        command
            .arg("csp")
            .args(arguments)
            .arg("--state")
            .arg(&state);
        command.args(["--config".as_ref(), again.config_path().as_os_str()]);
        command.output().unwrap()
    };
    let text = said(&ask(&["suggest"])).replace('\n', " ");
    wrong.check(
        text.contains("2 reports of 2 clients") && text.contains("allowed by now"),
        || text.clone(),
    );

    // To begin to learn is as much of a change, and says what it costs.
    let learning = ask(&["learn", "--yes"]);
    wrong.check(said(&learning).contains("an injected script runs"), || {
        said(&learning)
    });
    let answer = curl(&state.join("ca.pem"), &[&again.url("/")]);
    wrong.equal(
        "enforced",
        answer.header("content-security-policy"),
        None::<String>,
    );
    wrong.check(
        answer
            .header("content-security-policy-report-only")
            .is_some_and(|policy| policy.contains("https://img.example")),
        || format!("{answer:?}"),
    );
    wrong.check(ask(&["forget"]).status.success(), || {
        "not forgotten".to_owned()
    });
    let text = said(&ask(&["suggest"]));
    wrong.check(text.contains("0 reports of 0 clients"), || text.clone());
    let checked = panoply()
        .arg("check")
        .args(["--config".as_ref(), again.config_path().as_os_str()])
        .output()
        .unwrap();
    wrong.check(
        said(&checked).contains("content-security-policy.report_only: nothing is blocked"),
        || said(&checked),
    );
    wrong.settle();
}

#[test]
fn a_file_that_cannot_be_changed_so_is_left_alone() {
    let app = Recorder::start();
    let config = "[headers]\ncontent-security-policy = false\n[reports]\nenabled = true\n";
    let gateway = Gateway::setup()
        .config(config)
        .upstream(&app.origin())
        .start();
    let mut wrong = Verdicts::default();
    let refused = csp(&gateway, &["learn", "--yes"]);
    wrong.equal("no policy", refused.status.code(), Some(2));
    wrong.check(said(&refused).contains("sends no policy"), || {
        said(&refused)
    });
    wrong.equal(
        "the file",
        std::fs::read_to_string(gateway.config_path()).unwrap(),
        config,
    );
    let nowhere = panoply()
        .args(["csp", "learn", "--yes"])
        .current_dir(gateway.dir.path().join("state"))
        .output()
        .unwrap();
    wrong.check(said(&nowhere).contains("panoply init"), || said(&nowhere));
    wrong.settle();
}
