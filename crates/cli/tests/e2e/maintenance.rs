//! A site that is closed for a while, on all its nodes.

use super::support;

use std::time::Duration;

use support::{App, Gateway, Redis, Verdicts, curl, panoply, test_app, text, wait_for};

const PAGE: &str = "<h1>Back soon</h1><p>{detail} Come again in {retry_after} s.</p>";

/// What a command says of the gateway, and whether it could.
fn ask(gateway: &Gateway, arguments: &[&str]) -> (bool, String) {
    let state = gateway.dir.path().join("state");
    let mut command = panoply();
    let output = command.args(arguments).arg("--state").arg(state).output();
    let output = output.unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), said)
}

fn say(gateway: &Gateway, arguments: &[&str]) -> (bool, String) {
    ask(gateway, &[&["maintenance"], arguments].concat())
}

#[test]
fn everybody_is_asked_to_come_again_and_whoever_looks_after_it_is_let_in() {
    let (app, redis) = (App::start(&test_app("logins.mjs")), Redis::start());
    let pages = tempfile::tempdir().unwrap();
    let page = pages.path().join("503.html");
    std::fs::write(&page, PAGE).unwrap();
    let config = format!(
        "[tls]\nmode = \"off\"\n[store]\nurl = \"{}\"\nsecret = \"a secret of all nodes\"\nnodes = 2\n\
         [client]\ntrusted_proxies = [\"loopback\"]\n\
         [maintenance]\nallow = [\"198.51.100.0/24\"]\n[pages]\nhtml = {{ 503 = \"{}\" }}\n",
        redis.url(),
        page.display()
    );
    let nodes = [(); 2].map(|()| Gateway::before(&app.origin(), &config));
    let [one, other] = &nodes;
    let from = |gateway: &Gateway, client: &str| {
        let client = format!("X-Forwarded-For: {client}");
        let page = ["-H", "Accept: text/html", "-H", &client, &gateway.url("/")];
        curl(&gateway.ca(), &page)
    };
    let mut wrong = Verdicts::default();
    let (done, said) = say(one, &["off"]);
    wrong.check(done && said.contains("was not closed"), || said);

    let (done, said) = say(one, &["on", "--for", "30m"]);
    wrong.check(done && said.contains("503 for 30m"), || said);
    // Where it was said at once, elsewhere as soon as it is learnt.
    wrong.check(from(one, "203.0.113.9").status == 503, || "one".to_owned());
    wait_for("the other node", Duration::from_secs(20), || {
        (from(other, "203.0.113.9").status == 503).then_some(())
    });
    for gateway in &nodes {
        let answer = from(gateway, "203.0.113.9");
        let left: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        wrong.check((1..=1800).contains(&left), || left.to_string());
        let told = format!("is being worked on. Come again in {left} s.");
        wrong.check(answer.text().contains(&told), || answer.text());
        let policy = answer.header("content-security-policy");
        wrong.check(policy.is_some(), || "no policy".to_owned());
        let office = from(gateway, "198.51.100.7").status;
        wrong.check(office == 200, || format!("the office: {office}"));
        let health = curl(&gateway.ca(), &[&format!("{}/health", gateway.admin)]);
        wrong.check(health.status == 200, || health.text());
    }
    let (_, status) = ask(other, &["status"]);
    wrong.check(
        status.contains("maintenance: everybody is answered 503 for 29m"),
        || status,
    );
    let (_, blocks) = ask(other, &["blocks", "list"]);
    wrong.check(blocks.contains("maintenance    everybody"), || blocks);

    let (done, said) = say(other, &["off"]);
    wrong.check(done && said.contains("let in again"), || said);
    wait_for("all nodes", Duration::from_secs(20), || {
        let open = |gateway: &Gateway| from(gateway, "203.0.113.9").status == 200;
        (open(one) && open(other)).then_some(())
    });
    // In place of the time that was said before, there is none.
    for (arguments, told) in [
        (&["on", "--for", "1h"][..], "503 for 1h"),
        (&["on"], "503 until"),
    ] {
        let (done, said) = say(one, arguments);
        wrong.check(done && said.contains(told), || said);
    }
    let answer = from(one, "203.0.113.9");
    let again = answer.header("retry-after");
    wrong.check(again.as_deref() == Some("60"), || format!("{again:?}"));
    let (done, said) = say(one, &["on", "--for", "0s"]);
    wrong.check(!done && said.contains("no time at all"), || said);
    let (done, said) = say(one, &["on", "--for", "1ms"]);
    wrong.check(!done && said.contains("write `1s` or more"), || said);
    wrong.settle();
}
