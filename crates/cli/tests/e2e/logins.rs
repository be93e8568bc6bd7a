//! Logins: what is guarded with nothing written, how exactly, and what a person can see and do.

use super::support;

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use support::{
    Answer, App, DEMO_ON_FREE_PORTS, Gateway, Process, Verdicts, curl, example, node_in, panoply,
    raw, require, test_app, text, urls, wait_for,
};

/// How many passwords the app was shown for `user`.
fn shown(app: &App, user: &str) -> u64 {
    let request =
        format!("GET /shown?user={user} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let reply = raw(&format!("127.0.0.1:{}", app.port), request.as_bytes()).text();
    let body = reply.rsplit("\r\n\r\n").next().unwrap();
    let digits: String = body
        .split("\r\n")
        .find(|line| line.parse::<u64>().is_ok())
        .unwrap_or("0")
        .into();
    // Node sends it in one chunk, whose length stands before it.
    body.split("\r\n")
        .nth(1)
        .and_then(|line| line.parse().ok())
        .unwrap_or_else(|| digits.parse().unwrap())
}

pub(super) fn guess(gateway: &Gateway, version: &str, number: u32, user: &str) -> Value {
    let ca = gateway.ca();
    let number = number.to_string();
    let environment = [("CA", ca.to_str().unwrap())];
    node_in(
        "guesses.mjs",
        &[version, &number, user, &gateway.origin],
        None,
        &environment,
    )
}

fn login(gateway: &Gateway, more: &[&str]) -> Answer {
    let url = gateway.url("/login");
    let mut arguments = vec![url.as_str()];
    arguments.extend(more);
    curl(&gateway.ca(), &arguments)
}

fn blocks(gateway: &Gateway, arguments: &[&str]) -> (bool, String, String) {
    let output = support::blocks(&gateway.dir.path().join("state"), arguments);
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn of_a_thousand_guesses_the_app_is_shown_ten() {
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), "");
    let mut wrong = Verdicts::default();
    for (version, user) in [("1", "ada"), ("2", "grace")] {
        // Another client each time would need another address: the tens of both users are within
        // the hundred of one client.
        let counts = guess(&gateway, version, 1000, user);
        wrong.equal(version, counts["401"].as_u64(), Some(10));
        wrong.equal(version, counts["429"].as_u64(), Some(990));
        wrong.equal(version, shown(&app, user), 10);
    }
    wrong.settle();
}

#[test]
fn a_login_below_another_path_is_guarded_with_nothing_written() {
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), "");
    let mut wrong = Verdicts::default();
    for (path, user) in [
        ("/hub/login", "ada"),
        ("/NoAuth/Login.html?next=/", "grace"),
    ] {
        let url = gateway.url(path);
        for number in 0..12 {
            let data = format!("username={user}&password=wrong{number}");
            let answer = curl(&gateway.ca(), &[&url, "-d", &data]);
            let expected = if number < 10 { 401 } else { 429 };
            wrong.equal(path, answer.status, expected);
        }
        wrong.equal(path, shown(&app, user), 10);
    }
    wrong.settle();
}

#[test]
fn a_login_that_nobody_guards_is_told_of_with_its_path() {
    let app = App::start(&test_app("logins.mjs"));
    let mut gateway = Gateway::before(&app.origin(), "");
    let url = gateway.url("/enter");
    for text in ["pass=by", "text=passwords"] {
        let answer = curl(
            &gateway.ca(),
            &[&gateway.url("/other"), "-d", &format!("a=1;{text}")],
        );
        assert_eq!(answer.status, 200);
    }
    let answer = curl(&gateway.ca(), &[&url, "-d", "user=ada&password=wrong"]);
    assert_eq!(answer.status, 401);
    let line =
        { &mut gateway.process }.line_with(&["where no login is guarded"], Duration::from_secs(10));
    assert!(
        line.contains("/enter") && !line.contains("wrong\""),
        "{line}"
    );
    let answer = curl(
        &gateway.ca(),
        &[&gateway.url("/login"), "-d", "u=ada&password=right"],
    );
    assert_eq!(answer.status, 302);
    gateway
        .process
        .line_with(&["no user name was found"], Duration::from_secs(10));
}

#[test]
fn a_locked_user_is_told_when_and_the_log_by_what() {
    let app = App::start(&test_app("logins.mjs"));
    let page = "<h1>Slow down</h1>{detail} {retry_after}";
    let setup = Gateway::setup();
    let file = setup.dir().join("429.html");
    std::fs::write(&file, page).unwrap();
    let config = format!("[pages]\nhtml = {{ 429 = '{}' }}\n", file.display());
    let gateway = setup.config(&config).upstream(&app.origin()).start();
    let mut wrong = Verdicts::default();
    for _ in 0..10 {
        let answer = login(&gateway, &["-d", "username=zoltan&password=wrong"]);
        wrong.equal("a guess", answer.status, 401);
        wrong.check(answer.header("ratelimit").is_none(), || {
            "a quota is told".into()
        });
    }
    let right = ["-d", "email=ZOLTAN%20&password=right"];
    let refused = login(&gateway, &right);
    wrong.equal("the right password", refused.status, 429);
    wrong.equal(
        "when",
        refused.header("retry-after").as_deref(),
        Some("3600"),
    );
    let html = login(
        &gateway,
        &[&right[..], &["-H", "Accept: text/html"]].concat(),
    );
    wrong.check(
        html.text()
            .starts_with("<h1>Slow down</h1>Too many failed logins."),
        || html.text(),
    );
    wrong.check(
        html.text().ends_with("3600") || html.text().ends_with("3599"),
        || html.text(),
    );
    let json = login(
        &gateway,
        &[&right[..], &["-H", "Accept: application/json"]].concat(),
    );
    wrong.equal("a problem", json.json()["status"].as_u64(), Some(429));

    let (_, listed, _) = blocks(&gateway, &["list", "--json"]);
    let all: Vec<Value> = { listed.lines() }
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let by = |rule: &str| all.iter().find(|block| block["rule"] == rule).unwrap();
    let block = by("login/pair");
    wrong.equal("the user", by("login/user")["client"].as_str(), None);
    wrong.equal("the client", block["client"].as_str(), Some("127.0.0.1"));
    let id = block["id"].as_str().unwrap().to_owned();
    wait_for("the log", Duration::from_secs(10), || {
        let said = gateway.process.said();
        let line = |words: &[&str]| {
            said.iter()
                .any(|line| words.iter().all(|word| line.contains(word)))
        };
        let told = line(&[
            "the first answer of this kind",
            "failure",
            "the status says so",
        ]) && line(&["locked after too many failed logins", &id, "login/pair"])
            && line(&["\"status\":429", &id, "login/pair"]);
        told.then_some(())
    });
    let said = gateway.process.said().join("\n");
    wrong.check(!said.to_lowercase().contains("zoltan"), || {
        "a user name is logged".into()
    });
    let metrics = curl(&gateway.ca(), &[&format!("{}/metrics", gateway.admin)]).text();
    for line in [
        "panoply_logins_total{outcome=\"failure\"} 10",
        "panoply_refused_total{rule=\"login/pair\"} 3",
    ] {
        wrong.check(metrics.contains(line), || format!("no {line}"));
    }

    let (done, said, _) = blocks(&gateway, &["release", &id]);
    wrong.check(done && said.contains("released"), || said);
    // Her failures from everywhere still count, which only her name can find.
    wrong.equal("still", login(&gateway, &right).status, 429);
    let (done, said, _) = blocks(&gateway, &["release", "--user", "Zoltan"]);
    wrong.check(done && said.contains("released"), || said);
    wrong.equal("released", login(&gateway, &right).status, 302);
    wrong.settle();
}

#[test]
fn a_known_device_gets_in_while_its_user_is_attacked() {
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), "");
    let jar = gateway.dir.path().join("jar");
    let jar = jar.to_str().unwrap();
    let right = ["-d", "username=ada&password=right"];
    let first = login(&gateway, &[&right[..], &["-c", jar]].concat());
    assert_eq!(first.status, 302);
    let cookie = first.header("set-cookie").unwrap();
    for word in [
        "__Host-panoply_device=",
        "HttpOnly",
        "Secure",
        "SameSite=Lax",
        "Path=/",
    ] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert_eq!(guess(&gateway, "1", 30, "ada")["401"].as_u64(), Some(10));
    assert_eq!(login(&gateway, &right).status, 429);
    assert_eq!(
        login(&gateway, &[&right[..], &["-b", jar]].concat()).status,
        302
    );
    // Another user's login is not opened by it.
    let grace = ["-d", "username=grace&password=guess", "-b", jar];
    for _ in 0..10 {
        login(&gateway, &grace);
    }
    assert_eq!(login(&gateway, &grace).status, 429);
}

#[test]
fn a_login_of_its_own_and_limits_by_path() {
    let app = App::start(&test_app("logins.mjs"));
    let config = "
        [[login]]
        path = \"/api/token\"
        username = \"email\"
        pair = { points = 2, window = \"1h\", lock = \"1h\" }

        [[limit]]
        path = \"/api/\"
        points = 5
        window = \"1h\"
        headers = \"both\"

        [[limit]]
        path = \"/\"
        points = 1
        window = \"1h\"
        key = \"header:x-key\"
        dry_run = true
    ";
    let gateway = Gateway::before(&app.origin(), config);
    let mut wrong = Verdicts::default();
    let json = |user: &str| {
        let body = format!("{{\"email\":\"{user}\",\"password\":\"wrong\"}}");
        let url = gateway.url("/api/token");
        curl(
            &gateway.ca(),
            &[&url, "-H", "Content-Type: application/json", "-d", &body],
        )
    };
    wrong.equal("first", json("ada").status, 401);
    wrong.equal("second", json("Ada").status, 401);
    let third = json("ada");
    wrong.equal("third", third.status, 429);
    wrong.check(third.header("retry-after").is_some(), || {
        "no Retry-After".into()
    });
    wrong.equal(
        "left",
        third.header("x-ratelimit-remaining").as_deref(),
        Some("2"),
    );
    // The usual paths are no logins once others are written.
    for _ in 0..12 {
        let answer = login(&gateway, &["-d", "username=bob&password=wrong"]);
        wrong.equal("no login", answer.status, 401);
    }
    let api = || curl(&gateway.ca(), &[&gateway.url("/api/things")]);
    wrong.equal("fourth of five", api().status, 200);
    wrong.equal("fifth of five", api().status, 200);
    let over = api();
    wrong.equal("over", over.status, 429);
    wrong.check(
        over.header("ratelimit")
            .is_some_and(|value| value.contains("\"/api/\";r=0")),
        || format!("{:?}", over.headers),
    );
    // The policy's own headers are there as well.
    wrong.check(over.header("content-security-policy").is_some(), || {
        "no headers".into()
    });
    wrong.equal(
        "elsewhere",
        curl(&gateway.ca(), &[&gateway.url("/")]).status,
        200,
    );
    wrong.settle();
}

#[test]
fn a_client_that_is_blocked_by_hand_gets_nothing() {
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), "");
    let home = || curl(&gateway.ca(), &[&gateway.url("/")]).status;
    assert_eq!(home(), 200);
    let (done, said, why) = blocks(&gateway, &["add", "127.0.0.1", "--for", "1h"]);
    assert!(done, "{why}");
    assert!(said.starts_with("blocked 127.0.0.1 for 1h"), "{said}");
    assert_eq!(home(), 403);
    let (_, table, _) = blocks(&gateway, &["list"]);
    assert!(
        table.contains("block/client") && table.contains("127.0.0.1"),
        "{table}"
    );
    // The list is made anew with a new configuration.
    gateway.process.signal(Signal::HUP);
    wait_for("the reload", Duration::from_secs(10), || {
        let said = gateway.process.said();
        said.iter()
            .any(|line| line.contains("has been reloaded"))
            .then_some(())
    });
    assert_eq!(home(), 403);
    let (done, said, _) = blocks(&gateway, &["release", "127.0.0.1"]);
    assert!(done, "{said}");
    assert_eq!(home(), 200);
    let (done, _, why) = blocks(&gateway, &["release", "127.0.0.1"]);
    assert!(!done && why.contains("nothing is blocked"), "{why}");
    // Of several, one that is refused keeps none from being blocked.
    let several = ["add", "203.0.113.9", "0.0.0.0/0", "2001:db8::1"];
    let (done, said, why) = blocks(&gateway, &several);
    assert!(!done && why.contains("is too wide"), "{why}");
    for client in ["203.0.113.9", "2001:db8::1"] {
        assert!(said.contains(&format!("blocked {client} until")), "{said}");
        let (done, _, why) = blocks(&gateway, &["release", client]);
        assert!(done, "{why}");
    }
    let (done, _, why) = blocks(&gateway, &["release", "nobody"]);
    assert!(!done && why.contains("16 hexadecimal digits"), "{why}");
    for (wrong, told) in [
        (
            &["shop.example"][..],
            "write an address, such as `203.0.113.9`",
        ),
        (&["203.0.113.0/33"], "or a network, such as"),
        (&["0.0.0.0/0"], "is too wide"),
        (&["::/0"], "is too wide"),
        (&["127.0.0.1/8"], "holds this machine itself"),
        (&["203.0.113.9", "--for", "0s"], "that is no time at all"),
        (&["203.0.113.9", "--for", "1ms"], "write `1s` or more"),
        (&["203.0.113.9", "--for", "soon"], "write it as `10s`"),
    ] {
        let (done, _, why) = blocks(&gateway, &[&["add"], wrong].concat());
        assert!(!done && why.contains(told), "{why}");
    }
}

#[test]
fn a_network_that_is_blocked_by_hand_gets_nothing() {
    let app = App::start(&test_app("logins.mjs"));
    let config = "[client]\ntrusted_proxies = [\"loopback\", \"10.0.0.5\"]\nipv6_prefix = 56\n";
    let gateway = Gateway::before(&app.origin(), config);
    let from = |gateway: &Gateway, client: &str| {
        let header = format!("X-Forwarded-For: {client}");
        curl(&gateway.ca(), &[&gateway.url("/"), "-H", &header])
    };
    let mut wrong = Verdicts::default();
    let (done, said, why) = blocks(&gateway, &["add", "203.0.113.7/24", "--for", "1d"]);
    wrong.check(done, || why.clone());
    wrong.check(said.starts_with("blocked 203.0.113.0/24 for 1d"), || said);
    wrong.check(why.contains("leave the length out"), || why.clone());
    for network in ["2001:db8::/32", "2001:db9::9/128", "2001:dba:0:1ff::/56"] {
        let (done, _, why) = blocks(&gateway, &["add", network]);
        wrong.check(done, || why);
    }
    // What counts as one client is the configuration's to say.
    let (done, _, why) = blocks(&gateway, &["add", "2001:dbb:0:1ff::9"]);
    wrong.check(done, || why);
    for proxies in ["10.0.0.0/8", "10.0.0.5"] {
        let (done, _, why) = blocks(&gateway, &["add", proxies]);
        wrong.check(!done && why.contains("`client.trusted_proxies`"), || why);
    }
    let refused = |gateway: &Gateway, wrong: &mut Verdicts| {
        for (client, status) in [
            ("203.0.113.9", 403),
            ("203.0.114.9", 200),
            ("2001:db8:9::9", 403),
            ("2001:db9::9", 403),
            ("2001:db9::8", 200),
            ("2001:dba:0:101::1", 403),
            ("2001:dbb:0:101::1", 403),
            ("2001:dbb:0:201::1", 200),
        ] {
            wrong.equal(client, from(gateway, client).status, status);
        }
    };
    refused(&gateway, &mut wrong);
    let (_, table, _) = blocks(&gateway, &["list"]);
    for told in [
        "block/network",
        "203.0.113.0/24",
        "2001:db8::/32",
        "2001:dba:0:100::",
    ] {
        wrong.check(table.contains(told), || format!("{told}: {table}"));
    }
    let (_, listed, _) = blocks(&gateway, &["list", "--json"]);
    let listed: Vec<Value> = { listed.lines() }
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let block = { listed.iter() }.find(|block| block["network"] == "203.0.113.0/24");
    let block = block.expect("a line for the network");
    wrong.equal("kind", block["kind"].as_str(), Some("network"));
    let id = block["id"].as_str().unwrap().to_owned();
    // The log and the metrics have the rule, and the log the id.
    wait_for("the refusal in the log", Duration::from_secs(20), || {
        let said = gateway.process.said();
        let has_it = |line: &String| line.contains("block/network") && line.contains(&id);
        said.iter().any(has_it).then_some(())
    });
    let metrics = curl(&gateway.ca(), &[&format!("{}/metrics", gateway.admin)]).text();
    wrong.check(metrics.contains("rule=\"block/network\""), || metrics);
    let page = curl(&gateway.ca(), &[&format!("{}/", gateway.admin)]).text();
    wrong.check(page.contains("203.0.113.0/24"), || page);
    // A client in it cannot be let out of it.
    let (done, _, why) = blocks(&gateway, &["release", "203.0.113.9"]);
    wrong.check(
        !done && why.contains("`panoply blocks release 203.0.113.0/24`"),
        || why,
    );
    // They outlive the process.
    gateway.process.signal(Signal::KILL);
    let again = Gateway::setup().config(config).upstream(&app.origin());
    let again = again.state_of(&gateway).start();
    let from_again = |client: &str| {
        let header = format!("X-Forwarded-For: {client}");
        curl(&gateway.ca(), &[&again.url("/"), "-H", &header]).status
    };
    wrong.equal("again", from_again("203.0.113.9"), 403);
    wrong.equal("again, IPv6", from_again("2001:db8:9::9"), 403);
    for (key, client) in [
        ("203.0.113.0/24", "203.0.113.9"),
        ("2001:db9::9/128", "2001:db9::9"),
        ("2001:dba:0:1ff::1", "2001:dba:0:101::1"),
    ] {
        let (done, _, why) = blocks(&gateway, &["release", key]);
        wrong.check(done, || why);
        wrong.equal(key, from_again(client), 200);
    }
    let (done, _, why) = blocks(&gateway, &["release", "203.0.113.0/24"]);
    wrong.check(!done && why.contains("nothing is blocked"), || why);
    wrong.settle();
}

#[test]
fn what_is_sent_to_https_is_no_attempt() {
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), "");
    let plain = format!("{}/login", gateway.http.as_ref().unwrap());
    for _ in 0..20 {
        let answer = curl(
            &gateway.ca(),
            &[&plain, "-d", "username=ada&password=wrong"],
        );
        assert_eq!(answer.status, 308);
    }
    assert_eq!(
        login(&gateway, &["-d", "username=ada&password=right"]).status,
        302
    );
}

#[test]
fn the_demo_s_password_is_guessed_naked_and_not_guarded() {
    let state = tempfile::tempdir().unwrap();
    let mut command = panoply();
    command.arg("demo").args(DEMO_ON_FREE_PORTS);
    command.arg("--state").arg(state.path());
    let mut demo = Process::start(&mut command);
    let line = demo.line_with(&["demo ready"], Duration::from_mins(1));
    let [_, naked, guarded] = urls(&line).try_into().unwrap();
    let ca = state.path().join("ca.pem");
    let words = "123456 password 12345678 qwerty 123456789 12345 1234 111111 1234567 dragon 123123 letmein1";
    let guess = |origin: &str| -> Vec<u16> {
        let url = format!("{origin}/login");
        let one = |word| {
            let form = format!("username=owner&password={word}");
            curl(&ca, &[&url, "-d", &form]).status
        };
        words.split(' ').map(one).collect()
    };
    assert_eq!(guess(&naked), [[401; 11].as_slice(), &[303]].concat());
    assert_eq!(guess(&guarded), [[401; 10].as_slice(), &[429; 2]].concat());
}

#[test]
fn hydra_finds_the_password_of_a_naked_app_and_not_behind_the_gateway() {
    require("hydra");
    let words: String = (0..500)
        .map(|word| {
            if word == 300 {
                "lovelace\n".to_owned()
            } else {
                format!("word{word}\n")
            }
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("words");
    std::fs::write(&list, words).unwrap();
    let attack = |port: u16, scheme: &str| {
        let output = std::process::Command::new("hydra")
            .args([
                "-l",
                "ada",
                "-P",
                list.to_str().unwrap(),
                "-t",
                "16",
                "-f",
                "-I",
            ])
            .args(["-s", &port.to_string(), "127.0.0.1"])
            .arg(format!("{scheme}-post-form"))
            .arg("/login:username=^USER^&password=^PASS^:S=Logged in as")
            .current_dir(folder.path())
            .output()
            .unwrap();
        text(&output.stdout)
    };
    let naked = App::start(&example("express-login"));
    let found = attack(naked.port, "http");
    assert!(found.contains("password: lovelace"), "{found}");

    // With nothing written.
    let gateway = Gateway::before(&naked.origin(), "");
    let jar = folder.path().join("jar");
    let jar = jar.to_str().unwrap();
    let right = ["-d", "username=ada&password=lovelace"];
    let owner = login(&gateway, &[&right[..], &["-c", jar]].concat());
    assert_eq!(owner.header("location").as_deref(), Some("/account"));
    let port = gateway.port();
    let (found, meanwhile) = std::thread::scope(|scope| {
        let attack = scope.spawn(|| attack(port, "https"));
        let mut meanwhile = 0;
        // The owner's browser is known and gets in all the while; a stranger with the password does not.
        loop {
            let owner = login(&gateway, &[&right[..], &["-b", jar]].concat());
            assert_eq!(owner.header("location").as_deref(), Some("/account"));
            if attack.is_finished() {
                return (attack.join().unwrap(), meanwhile);
            }
            meanwhile += 1;
        }
    });
    assert!(meanwhile > 0);
    assert!(!found.contains("password: lovelace"), "{found}");
    assert_eq!(login(&gateway, &right).status, 429);
}

#[test]
fn a_reload_with_another_secret_forgets_nobody() {
    let app = App::start(&test_app("logins.mjs"));
    let config = |secret: &str| format!("[store]\nsecret = \"{secret} secret of the site\"\n");
    let mut gateway = Gateway::before(&app.origin(), &config("one"));
    assert_eq!(guess(&gateway, "1", 15, "ada")["401"].as_u64(), Some(10));
    std::fs::write(gateway.config_path(), config("other")).unwrap();
    gateway.process.signal(Signal::HUP);
    let limit = Duration::from_secs(10);
    gateway.process.line_with(&["has been reloaded"], limit);
    let right = login(&gateway, &["-d", "username=ada&password=right"]);
    assert_eq!(right.status, 429, "the lock is there");
    let told = ["store.secret", "only after a restart"];
    gateway.process.line_with(&told, limit);
}
