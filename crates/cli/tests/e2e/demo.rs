//! The demo's page in Chromium: every attack carried out by its button, on both doors, and what it says.

use super::support;

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use support::{Process, Verdicts, node, panoply};
use tempfile::TempDir;

/// The attacks, and a word of what the guarded door has to show for its verdict.
const ATTACKS: [(&str, &str); 11] = [
    ("stolen", "document.cookie: (empty)"),
    ("stored", "directive: script-src-elem"),
    ("reflected", "directive: script-src-elem"),
    ("framed", "frame-ancestors 'self'"),
    ("forged", "403"),
    ("tampered", "a guest"),
    ("guessed", "Retry-After: 3600"),
    ("fingerprint", "HTTP/1.1 200"),
    ("headers", "content-security-policy"),
    ("malformed", "400"),
    ("rate", "HTTP/1.1 429"),
];

fn demo() -> (Process, String, TempDir) {
    demo_by(panoply())
}

fn demo_by(mut command: Command) -> (Process, String, TempDir) {
    let home = TempDir::with_prefix("panoply-e2e-").unwrap();
    command
        .args(["demo", "--state"])
        .arg(home.path().join("state"))
        .args(support::DEMO_ON_FREE_PORTS)
        .current_dir(home.path());
    let mut demo = Process::start(&mut command);
    let line = demo.line_with(&["demo ready, open "], Duration::from_secs(30));
    let start = support::urls(&line).first().unwrap().clone();
    (demo, start, home)
}

fn judge(wrong: &mut Verdicts, when: &str, cards: &Value) {
    for (id, proof) in ATTACKS {
        let card = &cards[id];
        wrong.equal(
            &format!("{when} {id}: trouble"),
            card["trouble"].clone(),
            Value::Null,
        );
        let why = card["why"].as_str().unwrap_or_default();
        wrong.check(why.starts_with("Why."), || format!("{when} {id}: {why:?}"));
        for (door, verdict) in [("naked", "fell"), ("guarded", "held")] {
            let side = &card[door];
            wrong.check(side["verdict"] == verdict, || {
                format!("{when} {id} {door}: {side:#}, expected {verdict}")
            });
            for part in ["sent", "answered", "saw"] {
                let text = side[part].as_str().unwrap_or_default();
                wrong.check(!text.is_empty(), || {
                    format!("{when} {id} {door}: no {part}")
                });
            }
        }
        let answered = card["guarded"]["answered"].as_str().unwrap_or_default();
        wrong.check(answered.contains(proof), || {
            format!("{when} {id}: {proof:?} is not in {answered}")
        });
    }
}

#[test]
fn every_button_carries_out_its_attack() {
    let (demo, start, home) = demo();
    let shots = std::env::var("PANOPLY_TEST_SHOTS").unwrap_or_default();
    let seen = node("demo.mjs", &[&start, &shots], None);
    let mut wrong = Verdicts::default();

    // Without a certificate that the browser trusts, nothing is claimed of the guarded frame.
    let untrusted = &seen["untrusted"];
    wrong.equal("told of the certificate", untrusted["trust"].clone(), true);
    let framed = &untrusted["cards"]["framed"];
    wrong.equal("naked, framed", framed["naked"]["verdict"].clone(), "fell");
    wrong.equal(
        "untrusted, framed",
        framed["guarded"]["verdict"].clone(),
        "unclear",
    );

    judge(&mut wrong, "alone", &seen["single"]);
    judge(&mut wrong, "all", &seen["all"]["cards"]);
    wrong.equal("score, naked", seen["all"]["score"][0].clone(), "11 of 11");
    wrong.equal("score, guarded", seen["all"]["score"][1].clone(), "0 of 11");
    wrong.equal("trusted", seen["all"]["trust"].clone(), false);
    wrong.equal("where the focus stays", seen["focus"].clone(), "grade");

    let alarm = seen["alarm"].as_str().unwrap_or_default();
    wrong.check(alarm.contains("read document.cookie: connect.sid="), || {
        format!("in the frame whose script read the session: {alarm:?}")
    });
    let gone = seen["gone"].as_str().unwrap_or_default();
    let told = gone.contains(": not carried out.") && gone.contains("start it again");
    wrong.check(told, || format!("once the demo has ended: {gone}"));

    let cards = &seen["all"]["cards"];
    let naked = cards["stolen"]["naked"]["answered"]
        .as_str()
        .unwrap_or_default();
    wrong.check(naked.contains("connect.sid=s%3A"), || naked.to_owned());
    let naked = cards["guessed"]["naked"]["answered"]
        .as_str()
        .unwrap_or_default();
    wrong.check(naked.contains("303 letmein1"), || naked.to_owned());
    let guarded = cards["guessed"]["guarded"]["answered"]
        .as_str()
        .unwrap_or_default();
    wrong.equal(
        "guesses that reached the shop",
        guarded.matches("401 ").count(),
        10,
    );
    wrong.check(guarded.contains("of before: HTTP/1.1 303"), || {
        guarded.to_owned()
    });
    let rows = cards["headers"]["rows"].as_u64().unwrap_or_default();
    wrong.check(rows > 15, || format!("{rows} headers are compared"));

    let grade = |door: &str| {
        cards["grade"][door]["letter"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    wrong.equal("grade, naked", grade("naked"), "F");
    // No HSTS under a certificate of the local authority, which costs 20 of 100 points.
    wrong.equal("grade, guarded", grade("guarded"), "B+");

    wrong.equal(
        "clicked through the disguise",
        seen["clicked"].clone(),
        "Account closed",
    );
    wrong.equal("errors", seen["errors"].clone(), Value::Array(Vec::new()));
    wrong.equal("too wide", seen["wide"].clone(), 0);
    wrong.equal("too wide for a phone", seen["narrow"].clone(), 0);
    wrong.settle();
    // In a pipe it says one line, and opens nothing.
    assert_eq!(demo.stdout().len(), 1, "{:?}", demo.stdout());
    drop(home);
}

#[test]
fn the_page_is_strict_and_nobody_elses() {
    let (_demo, start, _home) = demo();
    let none = std::path::Path::new("/dev/null");
    let page = support::curl(none, &[&format!("{start}/")]);
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap_or_default();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let attack = format!("{start}/attacks/forged");
    let foreign = ["-X", "POST", "-H", "Origin: https://evil.example", &attack];
    assert_eq!(support::curl(none, &foreign).status, 403);
    let rebound = ["-H", "Host: evil.example", &attack];
    assert_eq!(support::curl(none, &rebound).status, 421);
}

#[test]
fn it_ends_with_the_terminal_it_was_begun_in() {
    let (mut demo, start, _home) = demo();
    demo.signal(Signal::HUP);
    let status = demo.status(Duration::from_secs(20));
    assert!(status.success(), "{status}: {}", demo.said().join("\n"));
    let address = start.trim_start_matches("http://").trim_end_matches('/');
    assert!(std::net::TcpStream::connect(address).is_err());
}

/// As `nohup` has it.
#[test]
fn where_the_end_of_the_terminal_is_ignored_it_goes_on() {
    let mut outliving = Command::new("sh");
    let program = panoply();
    outliving
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(program.get_program());
    for (name, _) in program.get_envs() {
        outliving.env_remove(name);
    }
    let (mut demo, start, _home) = demo_by(outliving);
    demo.signal(Signal::HUP);
    // One that ends answers some of them at most.
    for _ in 0..20 {
        let answer = support::curl(std::path::Path::new("/dev/null"), &[&start]);
        assert_eq!(answer.status, 200);
    }
    demo.signal(Signal::TERM);
    assert!(demo.status(Duration::from_secs(20)).success());
}
