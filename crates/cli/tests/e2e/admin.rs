//! The admin page: who may see it, what it shows, and that nothing hostile on it comes alive.

use super::support;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{
    Answer, Gateway, Process, Recorder, Verdicts, ask, authority, curl, free_port, node, panoply,
    raw, text, wait_for,
};

const REPORTS: &str = "/.well-known/panoply/reports";
const NULL: &str = "/dev/null";
const PLAIN: &str = "[tls]\nmode = \"off\"\n";
const TOKEN: &str = "3f9c1e7d5a2b8f604d7e9a1c";

/// What each place that a stranger writes to is filled with.
const HOSTILE: &str = "\"'><img src=x onerror=window.pwned=1><script>window.pwned=1</script>";

fn get(url: &str, arguments: &[&str]) -> Answer {
    let mut all = arguments.to_vec();
    all.push(url);
    curl(NULL.as_ref(), &all)
}

fn command(gateway: &Gateway, arguments: &[&str]) -> Output {
    panoply()
        .args(arguments)
        .arg("--state")
        .arg(gateway.dir.path().join("state"))
        .output()
        .unwrap()
}

/// Everything that the page shows is there, much of it by strangers.
fn fill(gateway: &Gateway) {
    let address = gateway.address();
    for (directive, blocked) in [
        ("img-src", "https://img.example"),
        ("img-src", "https://img.example"),
        ("script-src-elem", "inline"),
        ("script-src-elem", "https://once.example"),
        ("script-src", HOSTILE),
        ("style-src", "javascript:window.pwned=1"),
    ] {
        let body = json!({ "csp-report": {
            "document-uri": "http://a.test/%3Cscript%3Ewindow.pwned=1",
            "effective-directive": directive, "blocked-uri": blocked,
        } });
        let body = body.to_string();
        let sent = format!(
            "POST {REPORTS} HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/csp-report\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        raw(address, sent.as_bytes());
    }
    // Pages whose path is fine, so that there are some.
    let body = json!({ "csp-report": { "document-uri": "http://a.test/shop",
        "effective-directive": "img-src", "blocked-uri": "https://img.example" } })
    .to_string();
    for _ in 0..2 {
        let answer = curl(
            NULL.as_ref(),
            &[
                "-H",
                "Content-Type: application/csp-report",
                "--data",
                &body,
                &gateway.url(REPORTS),
            ],
        );
        assert_eq!(answer.status, 204);
    }
    // Refused, with a path and a browser's name of their own choice.
    for path in ["/%3Cscript%3E", "/x'\"onmouseover=alert(1)", "/a/b/c"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nUser-Agent: {HOSTILE}\r\nCookie: a=b\r\n\
             Sec-Fetch-Site: cross-site\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let reply = raw(address, request.as_bytes());
        assert!((400..500).contains(&reply.status()), "{}", reply.text());
    }
    for address in ["203.0.113.9", "2001:db8::1"] {
        let added = command(gateway, &["blocks", "add", address, "--for", "1d"]);
        assert!(added.status.success(), "{}", text(&added.stderr));
    }
}

#[test]
fn the_page_in_a_browser() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    fill(&gateway);
    let mut wrong = Verdicts::default();
    let admin = &gateway.admin;
    wait_for("the reports on the page", Duration::from_secs(10), || {
        let page = get(&format!("{admin}/"), &[]).text();
        page.contains("https://img.example").then_some(())
    });
    // Some of what is hostile got through to the page, where it is text.
    let page = get(&format!("{admin}/"), &[]).text();
    wrong.check(
        page.contains("&lt;script&gt;window.pwned=1&lt;/script&gt;"),
        || page.clone(),
    );
    wrong.check(!page.contains("<script>") && !page.contains("<img"), || {
        page.clone()
    });
    let folder = std::env::var("PANOPLY_SCREENSHOTS").unwrap_or_default();
    let views = node(
        "browser.mjs",
        &["look", &format!("{admin}/"), &folder],
        None,
    );
    for (name, view) in views.as_object().unwrap() {
        wrong.equal(&format!("{name}: said"), view["said"].clone(), json!([]));
        wrong.equal(
            &format!("{name}: asked"),
            view["asked"].clone(),
            json!([admin]),
        );
        let text = view["text"].as_str().unwrap();
        for part in [
            "cross-site",
            "203.0.113.9",
            "Release",
            "https://img.example",
            "append = { img-src = [\"https://img.example\"] }",
            "PANOPLY_NONCE",
            "TLS is off",
            "sqlite:",
            "/a/b/c",
        ] {
            wrong.check(text.contains(part), || {
                format!("{name}: {part:?} is not there")
            });
        }
        if name == "no-script" {
            continue;
        }
        wrong.equal(
            &format!("{name}: pwned"),
            view["pwned"].clone(),
            Value::Null,
        );
        wrong.equal(&format!("{name}: elements"), view["elements"].clone(), 0);
        wrong.check(view["overflow"].as_i64() <= Some(0), || {
            format!("{name}: {} pixels stick out", view["overflow"])
        });
    }
    let seen = node(
        "browser.mjs",
        &["live", &format!("{admin}/"), &gateway.origin],
        None,
    );
    let number = |key: &str| seen[key].as_i64().unwrap_or(-1);
    wrong.check(number("after") > number("before"), || seen.to_string());
    wrong.equal("live: said", seen["said"].clone(), json!([]));

    // What another site can do is nothing.
    let listed = text(&command(&gateway, &["blocks", "list", "--json"]).stdout);
    let first: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let id = first["id"].as_str().unwrap();
    let seen = node("browser.mjs", &["attacked", admin, id], None);
    wrong.equal("another site's button", seen["pressed"].clone(), 403);
    wrong.equal("in a frame", seen["framed"].clone(), false);
    for read in seen["read"].as_array().unwrap() {
        wrong.equal("read by another site", read.clone(), "refused");
    }
    let still = text(&command(&gateway, &["blocks", "list", "--json"]).stdout);
    wrong.equal("blocks left", still.lines().count(), 2);

    let seen = node("browser.mjs", &["release", &format!("{admin}/")], None);
    wrong.equal(
        "the first stop",
        seen["first"].clone(),
        "Skip to the content",
    );
    let label = seen["label"].as_str().unwrap().to_owned();
    wrong.check(label.contains("block "), || label.clone());
    wrong.check(seen["outlined"] != "none", || {
        "where one is cannot be seen".to_owned()
    });
    wrong.equal("notice", seen["notice"].clone(), "The block is released.");
    wrong.equal("release: said", seen["said"].clone(), json!([]));
    let left = text(&command(&gateway, &["blocks", "list", "--json"]).stdout);
    wrong.equal("one block left", left.lines().count(), 1);
    wrong.settle();
}

#[test]
fn an_open_page_says_that_the_gateway_is_gone() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let id = gateway.process.id().to_string();
    let page = format!("{}/", gateway.admin);
    let seen = node("browser.mjs", &["stopped", &page, &id], None);
    let mut wrong = Verdicts::default();
    let before = seen["before"].to_string();
    wrong.check(before.contains("lamp good: store answers"), || {
        before.clone()
    });
    // Nothing goes on to be green.
    wrong.equal(
        "after",
        seen["after"].clone(),
        json!(["lamp: app not known", "lamp: store not known"]),
    );
    let said = seen["said"].as_str().unwrap_or_default();
    wrong.check(said.contains("The gateway does not answer"), || {
        said.to_owned()
    });
    wrong.settle();
}

#[test]
fn strangers_and_other_names_are_refused() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let added = command(&gateway, &["blocks", "add", "203.0.113.9"]);
    assert!(added.status.success());
    let admin = &gateway.admin;
    let address = authority(admin);
    let mut wrong = Verdicts::default();

    let page = get(&format!("{admin}/"), &[]);
    for (name, expected) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        for path in [
            "/",
            "/desk.js",
            "/desk.css",
            "/metrics",
            "/health",
            "/none",
            "/live.json",
        ] {
            let answer = get(&format!("{admin}{path}"), &[]);
            wrong.equal(
                &format!("{path} {name}"),
                answer.header(name).as_deref(),
                Some(expected),
            );
        }
    }
    let policy = page.header("content-security-policy").unwrap_or_default();
    wrong.check(
        policy.contains("default-src 'none'")
            && policy.contains("frame-ancestors 'none'")
            && !policy.contains("unsafe"),
        || policy.clone(),
    );
    wrong.equal(
        "permissions",
        page.header("permissions-policy").is_some(),
        true,
    );

    // DNS rebinding: a stranger's name that points here.
    for host in ["evil.test", "evil.test:9100", "127.0.0.1.evil.test"] {
        for path in ["/", "/metrics", "/live.json", "/desk.js"] {
            let asked = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            wrong.equal(
                &format!("{host} {path}"),
                raw(address, asked.as_bytes()).status(),
                421,
            );
        }
        let asked = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        wrong.equal("health", raw(address, asked.as_bytes()).status(), 200);
    }
    let port = address.rsplit(':').next().unwrap();
    let named = get(
        &format!("{admin}/metrics"),
        &["-H", &format!("Host: localhost:{port}")],
    );
    wrong.equal("by localhost", named.status, 200);
    let old = raw(address, b"GET /metrics HTTP/1.0\r\n\r\n");
    wrong.equal("an old scraper", old.status(), 200);

    // The button: only from the page itself, with the word that stands on it.
    let html = page.text();
    let value = |name: &str| {
        let at = html.find(&format!("name=\"{name}\" value=\"")).unwrap();
        html[at..].split('"').nth(3).unwrap().replace("&#43;", "+")
    };
    let (form, id) = (value("form"), value("id"));
    let press = |arguments: &[&str], form: &str| {
        let mut all = vec!["--data-urlencode", "x=y"];
        let (form, id) = (format!("form={form}"), format!("id={id}"));
        all.extend(["--data-urlencode", &form, "--data-urlencode", &id]);
        all.extend(arguments);
        get(&format!("{admin}/release"), &all)
    };
    let own = format!("Origin: {admin}");
    for (what, headers) in [
        ("no origin", vec![]),
        ("another", vec!["-H", "Origin: http://evil.test"]),
        ("null", vec!["-H", "Origin: null"]),
        ("another port", vec!["-H", "Origin: http://127.0.0.1:1"]),
        (
            "claimed",
            vec!["-H", &own, "-H", "Sec-Fetch-Site: cross-site"],
        ),
        (
            "same site",
            vec!["-H", &own, "-H", "Sec-Fetch-Site: same-site"],
        ),
    ] {
        wrong.equal(what, press(&headers, &form).status, 403);
    }
    let stale = press(&["-H", &own], "another word");
    wrong.equal(
        "another word",
        stale.header("location").as_deref(),
        Some("/?done=stale#blocks"),
    );
    let typed = get(
        &format!("{admin}/release"),
        &[
            "-H",
            &own,
            "-H",
            "Content-Type: text/plain",
            "--data",
            "id=x",
        ],
    );
    wrong.equal("no form", typed.status, 415);
    let long = format!("id={}", "x".repeat(10_000));
    let large = get(&format!("{admin}/release"), &["-H", &own, "--data", &long]);
    wrong.equal("a long form", large.status, 413);
    let list = || text(&command(&gateway, &["blocks", "list", "--json"]).stdout);
    wrong.equal("blocks", list().lines().count(), 1);
    let pressed = press(&["-H", &own, "-H", "Sec-Fetch-Site: same-origin"], &form);
    wrong.equal("pressed", pressed.status, 303);
    wrong.equal("blocks after it", list().lines().count(), 0);

    for (method, path, status) in [
        ("DELETE", "/", 405),
        ("GET", "/release", 405),
        ("PUT", "/metrics", 405),
        ("GET", "/none", 404),
        ("HEAD", "/", 200),
    ] {
        let asked =
            format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        wrong.equal(
            &format!("{method} {path}"),
            raw(address, asked.as_bytes()).status(),
            status,
        );
    }
    let odd = get(
        &format!("{admin}/?done=%3Cscript%3E&after=%3Cscript%3E"),
        &[],
    )
    .text();
    wrong.check(!odd.contains("<script>"), || {
        "a query came alive".to_owned()
    });
    wrong.settle();
}

#[test]
fn other_machines_need_the_token() {
    let app = Recorder::start();
    let mut wrong = Verdicts::default();
    let start = |listen: &str, token: &str, extra: &str| {
        let home = tempfile::TempDir::with_prefix("panoply-e2e-").unwrap();
        let config = home.path().join("panoply.toml");
        let toml = format!(
            "[app]\nupstream = \"{}\"\n[listen]\nhttp = \"127.0.0.1:0\"\n{PLAIN}[admin]\nlisten = \
             \"{listen}\"\n{token}{extra}",
            app.origin()
        );
        std::fs::write(&config, toml).unwrap();
        let mut command = panoply();
        command.args(["run", "--config"]).arg(&config);
        command.arg("--state").arg(home.path().join("state"));
        (home, command)
    };
    for (token, told) in [
        ("", ["other machines reach", "admin.token", "openssl rand"]),
        (
            "token = \"short\"\n",
            ["has 5 characters", "admin.token", "openssl rand"],
        ),
        (
            "token = \"with a space in the middle\"\n",
            ["no header", "admin.token", "openssl"],
        ),
    ] {
        let (_home, mut command) = start("0.0.0.0:0", token, "");
        let refused = command.output().unwrap();
        let said = text(&refused.stderr);
        wrong.equal(token, refused.status.code(), Some(2));
        for part in told {
            wrong.check(said.contains(part), || format!("{part:?} is not in {said}"));
        }
        wrong.check(!said.contains("with a space"), || {
            format!("the token is shown: {said}")
        });
    }

    let port = free_port();
    let (home, mut command) = start(
        &format!("0.0.0.0:{port}"),
        &format!("token = \"{TOKEN}\"\n"),
        "",
    );
    let mut process = Process::start(&mut command);
    process.line_with(&["panoply: ready"], Duration::from_secs(30));
    let admin = format!("http://127.0.0.1:{port}");
    wrong.equal("health", get(&format!("{admin}/health"), &[]).status, 200);
    for path in ["/metrics", "/live.json", "/"] {
        let url = format!("{admin}{path}");
        wrong.equal(path, get(&url, &[]).status, 401);
        let bearer = format!("Authorization: Bearer {TOKEN}");
        wrong.equal(path, get(&url, &["-H", &bearer]).status, 200);
    }
    let html = get(&format!("{admin}/"), &[]).text();
    wrong.check(
        html.contains("admin.token") && !html.contains("Refusals"),
        || html.clone(),
    );
    // Any name will do, since nobody has the token by it.
    let named = get(&format!("{admin}/"), &["-H", "Host: ops.internal"]);
    wrong.equal("by another name", named.status, 401);

    let seen = node("browser.mjs", &["token", &admin, TOKEN], None);
    wrong.equal("asked", seen["asked"].clone(), "What admin.token says");
    wrong.equal("wrong", seen["wrong"].clone(), "That is not the token.");
    wrong.equal("inside", seen["inside"].clone(), "Traffic");
    wrong.equal("after", seen["after"].clone(), "What admin.token says");
    wrong.equal("script sees", seen["script"].clone(), "");
    let cookie = &seen["cookie"];
    wrong.equal("HttpOnly", cookie["httpOnly"].clone(), true);
    wrong.equal("SameSite", cookie["sameSite"].clone(), "Strict");
    wrong.check(cookie["value"] != TOKEN, || {
        "the cookie is the token".to_owned()
    });

    // A reload that takes the token away must not open what others reach.
    let toml = std::fs::read_to_string(home.path().join("panoply.toml")).unwrap();
    let open = toml
        .replace(&format!("token = \"{TOKEN}\"\n"), "")
        .replace("0.0.0.0", "127.0.0.1");
    std::fs::write(home.path().join("panoply.toml"), open).unwrap();
    let status = |expected| {
        wait_for("the reload", Duration::from_secs(10), || {
            (get(&format!("{admin}/"), &[]).status == expected).then_some(())
        });
    };
    process.signal(Signal::HUP);
    status(403);
    wrong.equal(
        "without a token",
        get(&format!("{admin}/"), &[]).status,
        403,
    );
    wrong.equal("metrics", get(&format!("{admin}/metrics"), &[]).status, 403);
    wrong.equal("health", get(&format!("{admin}/health"), &[]).status, 200);
    std::fs::write(home.path().join("panoply.toml"), toml).unwrap();
    process.signal(Signal::HUP);
    status(401);

    // Guessing is not listened to for long, not even with the right one at last.
    for _ in 0..12 {
        get(
            &format!("{admin}/metrics"),
            &["-H", "Authorization: Bearer guess"],
        );
    }
    let right = format!("Authorization: Bearer {TOKEN}");
    wrong.equal(
        "after guesses",
        get(&format!("{admin}/metrics"), &["-H", &right]).status,
        429,
    );

    let checked = panoply()
        .arg("check")
        .args([
            "--config".as_ref(),
            home.path().join("panoply.toml").as_os_str(),
        ])
        .arg("--state")
        .arg(home.path().join("state"))
        .output()
        .unwrap();
    let said = text(&checked.stdout);
    wrong.check(
        said.contains("unencrypted") && !said.contains(TOKEN),
        || said.clone(),
    );
    drop(process);
    let seen = ask_nobody(Path::new(NULL));
    wrong.equal("nobody", seen, 2);
    wrong.settle();
}

/// `panoply csp suggest` where no gateway has ever run.
fn ask_nobody(config: &Path) -> i32 {
    let empty = tempfile::tempdir().unwrap();
    let output = panoply()
        .args(["csp", "suggest", "--state"])
        .arg(empty.path())
        .arg("--config")
        .arg(config)
        .output()
        .unwrap();
    output.status.code().unwrap()
}

#[test]
fn whoever_holds_its_connections_holds_up_nobody_else() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let address = authority(&gateway.admin).to_owned();
    let mut wrong = Verdicts::default();
    // More than there are places; they say nothing, or never end a form.
    let mut held = Vec::new();
    for n in 0..40 {
        let mut socket = support::Raw::open(&address);
        if n % 2 == 0 {
            socket.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        }
        held.push(socket);
    }
    let answer = wait_for("an answer behind them", Duration::from_secs(30), || {
        let reply = ask(
            &address,
            b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        );
        (reply.status() == 200).then_some(reply.status())
    });
    wrong.equal("health", answer, 200);
    drop(held);
    // Nor do those who are answered and stay.
    let kept: Vec<_> = (0..40)
        .map(|_| {
            let mut socket = support::Raw::open(&address);
            socket.send(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            socket
        })
        .collect();
    let started = std::time::Instant::now();
    wrong.equal("health behind them", get(&gateway.admin, &[]).status, 200);
    wrong.check(started.elapsed() < Duration::from_secs(20), || {
        format!("answered after {:?}", started.elapsed())
    });
    drop(kept);
    let slow = format!(
        "POST /release HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nid="
    );
    let mut socket = support::Raw::open(&address);
    socket.send(slow.as_bytes());
    wrong.equal(
        "a form that never ends",
        socket.read_for(Duration::from_secs(13)).status(),
        408,
    );
    let huge = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let long = raw(&address, huge.as_bytes()).status();
    wrong.check(long != 200, || "a long head was read".to_owned());
    wrong.settle();
}
