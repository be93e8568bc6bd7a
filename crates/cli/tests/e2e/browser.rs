//! Chromium before the examples and the demo: what must work works, what must not run does not.

use super::support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Gateway, Process, Verdicts, node, panoply};

fn check_shop(wrong: &mut Verdicts, what: &str, works: &Value) {
    let expected = json!({
        "counter": "9 of 2000 characters",
        "commented": true,
        "basket": "One mug in your basket.",
        "image": true,
        "complaint": "That is not the password.",
        "owner": true,
    });
    for (key, value) in expected.as_object().unwrap() {
        wrong.equal(&format!("{what}: {key}"), works[key].clone(), value.clone());
    }
    wrong.check(works["styled"].as_i64() > Some(0), || {
        format!("{what}: no style sheet")
    });
}

#[test]
fn the_demo_is_robbed_naked_and_not_guarded() {
    let home = tempfile::TempDir::with_prefix("panoply-e2e-").unwrap();
    let mut command = panoply();
    command
        .args(["demo", "--state"])
        .arg(home.path().join("state"))
        .args(support::DEMO_ON_FREE_PORTS);
    command.current_dir(home.path());
    let mut demo = Process::start(&mut command);
    demo.line_with(&["ready"], Duration::from_secs(30));
    let urls: Vec<String> = support::wait_for("the demo's URLs", Duration::from_secs(10), || {
        let lines = demo.stdout();
        let urls: Vec<String> = lines.iter().flat_map(|line| support::urls(line)).collect();
        urls.iter()
            .any(|url| url.starts_with("https:"))
            .then_some(urls)
    });
    let guarded = urls
        .iter()
        .find(|url| url.starts_with("https:"))
        .unwrap()
        .clone();
    // The naked shop is the plain origin that says what it runs on.
    let naked = urls
        .iter()
        .filter(|url| url.starts_with("http:"))
        .find(|url| {
            let answer = support::curl("/dev/null".as_ref(), &[&format!("{url}/account")]);
            answer.status == 200 && answer.header("x-powered-by").is_some()
        })
        .unwrap_or_else(|| panic!("no naked shop among {urls:?}"))
        .clone();
    let mut wrong = Verdicts::default();

    let seen = node("browser.mjs", &["attack", &naked], None);
    for step in ["storedScript", "storedHandler", "reflected"] {
        let loot = seen[step]["pwned"].as_str().unwrap_or_default();
        wrong.check(loot.contains("connect.sid"), || {
            format!("naked {step} did not run: {}", seen[step])
        });
        wrong.equal(step, seen[step]["alarm"].clone(), "ran");
    }
    wrong.equal("naked, framed", seen["framed"]["shown"].clone(), true);
    check_shop(&mut wrong, "naked", &seen["works"]);

    let seen = node("browser.mjs", &["attack", &guarded], None);
    for step in ["storedScript", "storedHandler", "reflected"] {
        wrong.equal(
            &format!("guarded {step} ran"),
            seen[step]["pwned"].clone(),
            Value::Null,
        );
        wrong.equal(
            &format!("guarded {step}"),
            seen[step]["alarm"].clone(),
            "refused",
        );
    }
    wrong.equal("guarded, framed", seen["framed"]["shown"].clone(), false);
    // Because of the header, not of the certificate.
    let said = seen["framed"]["said"].to_string();
    wrong.check(
        said.contains("frame-ancestors") || said.contains("X-Frame-Options"),
        || said.clone(),
    );
    check_shop(&mut wrong, "guarded", &seen["works"]);
    wrong.settle();
}

#[test]
fn the_examples_work_in_a_browser() {
    let login = Gateway::before_example("express-login", "");
    let seen = node("browser.mjs", &["login", &login.origin], None);
    let mut wrong = Verdicts::default();
    wrong.equal("not logged in", seen["sentTo"].clone(), "/login");
    wrong.equal(
        "wrong password",
        seen["wrong"].clone(),
        "Wrong name or password.",
    );
    wrong.equal("user", seen["user"].clone(), "ada");
    wrong.equal("at", seen["at"].clone(), "/account");
    wrong.equal("after logout", seen["afterLogout"].clone(), "/login");
    let said = seen["said"].to_string();
    wrong.check(
        !said.contains("Content Security Policy") && !said.contains("Content-Security-Policy"),
        || said.clone(),
    );

    let realtime = Gateway::before_example("express-realtime", "");
    let seen = node("browser.mjs", &["realtime", &realtime.origin], None);
    wrong.equal("socket", seen["socket"].clone(), "echo: hello");
    wrong.equal("events", seen["events"].clone(), "5");
    let said = seen["said"].to_string();
    wrong.check(!said.contains("Content Security Policy"), || said.clone());
    wrong.settle();
}

#[test]
fn a_nonce_blesses_the_apps_own_script_and_no_other() {
    let strict =
        "[headers]\npreset = \"strict\"\nnonce_placeholder = \"3q2-7wAAAAB_ZmFrZW5vbmNl\"\n";
    let gateway = Gateway::setup()
        .config(strict)
        .command(&support::test_app("moody.mjs"))
        .start();
    let mut wrong = Verdicts::default();
    let mut nonces = Vec::new();
    for version in ["--http1.1", "--http2"] {
        let answer = support::curl(&gateway.ca(), &[version, &gateway.url("/nonce")]);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        let body = answer.text();
        let nonce = body
            .split("nonce=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_default();
        wrong.check(policy.contains(&format!("'nonce-{nonce}'")), || {
            format!("{policy} and {body}")
        });
        wrong.check(nonce.len() >= 22, || {
            format!("{nonce:?} is less than 128 bits")
        });
        let length = answer
            .header("content-length")
            .and_then(|text| text.parse().ok());
        wrong.check(
            length.is_none_or(|length: usize| length == answer.body.len()),
            || format!("{answer:?}"),
        );
        nonces.push(nonce.to_owned());
    }
    wrong.check(nonces[0] != nonces[1], || {
        format!("the same nonce twice: {nonces:?}")
    });
    let seen = node("browser.mjs", &["nonce", &gateway.origin], None);
    wrong.equal("what ran", seen["title"].clone(), "still own");
    wrong.settle();
}
