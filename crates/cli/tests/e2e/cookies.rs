//! An app's cookies behind the gateway, as a browser and as curl see them.

use super::support;

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{App, Gateway, Raw, Recorder, Verdicts, curl, node, npm_ci, panoply, scripts, text};

/// The app with each kind of cookie.
fn app() -> Vec<String> {
    let folder = scripts().join("cookies");
    npm_ci(&folder);
    let server = folder.join("server.mjs").display().to_string();
    vec!["node".to_owned(), server]
}

fn is_alias(name: &str) -> bool {
    let alias = name
        .strip_prefix("__Host-")
        .or_else(|| name.strip_prefix("__Secure-"));
    alias.is_some_and(|alias| alias.starts_with("id-") && alias.len() == 8)
}

#[test]
fn a_browser_keeps_them_and_the_app_never_notices() {
    let naked = App::start(&app());
    let before = node("browser.mjs", &["cookies", &naked.origin()], None);
    // A form of another site comes without cookies, which are `Lax` here; what the app answers would
    // still put a new session in the place of the visitor's.
    let config = "[cookies]\nscript_readable = [\"theme\"]\n[cross_site]\nwithout_cookie = true\n";
    let gateway = Gateway::setup().config(config).command(&app()).start();
    let after = node("browser.mjs", &["cookies", &gateway.origin], None);
    let mut wrong = Verdicts::default();
    // What it does is the same.
    for key in ["user", "token", "basket", "afterLogout"] {
        wrong.equal(key, after[key].clone(), before[key].clone());
    }
    wrong.equal("user", after["user"].clone(), json!("ada"));
    wrong.equal(
        "token",
        after["token"].clone(),
        json!("the token was right"),
    );
    // Its session is another cookie.
    let cookies = after["loggedIn"].as_array().unwrap();
    // Beside it that by which the login guard knows a device again.
    let session = |cookie: &&Value| cookie["name"] != "__Host-panoply_device";
    wrong.equal(
        "cookies at the login",
        cookies.iter().filter(session).count(),
        1,
    );
    let session = cookies.iter().find(session).unwrap();
    wrong.check(is_alias(session["name"].as_str().unwrap()), || {
        format!("{session}")
    });
    for (key, value) in [
        ("httpOnly", json!(true)),
        ("secure", json!(true)),
        ("sameSite", json!("Lax")),
        ("path", json!("/")),
    ] {
        wrong.equal(key, session[key].clone(), value);
    }
    wrong.check(
        session["name"].as_str().unwrap().starts_with("__Host-"),
        || format!("{session}"),
    );
    wrong.equal("document.cookie", after["script"].clone(), json!(""));
    let readable = after["readable"].as_str().unwrap();
    wrong.check(
        readable.starts_with("XSRF-TOKEN=") && !readable.contains("id-"),
        || readable.to_owned(),
    );
    // The app sees its own, and what script wrote.
    let seen = after["seen"]["cookie"].as_str().unwrap();
    for name in ["connect.sid=s%3A", "XSRF-TOKEN=", "theme=light"] {
        wrong.check(seen.contains(name), || format!("{name} is not in {seen}"));
    }
    wrong.check(!seen.contains("id-"), || seen.to_owned());
    // Another site's form: naked it logs the visitor out, here it does not even come through.
    wrong.equal("forged, naked", before["stillIn"].clone(), json!("nobody"));
    wrong.equal("forged", after["forged"].clone(), json!(403));
    // It was without the session: of a site that says nothing Chromium sends cookies that are new.
    let sent = |site: &Value| site["sentElsewhere"].as_str().unwrap().to_owned();
    let naked = sent(&before);
    wrong.check(naked.contains("connect.sid="), || naked.clone());
    let guarded = sent(&after);
    let is_ours = |name: &&str| guarded.contains(name);
    let ours = ["id-", "panoply_device", "XSRF-TOKEN"];
    wrong.check(!ours.iter().any(is_ours), || guarded.clone());
    wrong.equal("still logged in", after["stillIn"].clone(), json!("ada"));
    wrong.equal(
        "after the logout",
        after["afterLogout"].clone(),
        json!("nobody"),
    );
    wrong.equal("left of the session", after["left"].clone(), json!(false));
    wrong.settle();
}

#[test]
fn out_and_in() {
    let gateway = Gateway::setup()
        .config(
            "[cookies]\nseal = [\"sealed\"]\nscript_readable = [\"theme\"]\nlogout = [\"/seen\"]\n",
        )
        .command(&app())
        .start();
    let mut wrong = Verdicts::default();
    let asked_for = |lines: &[&str]| {
        let mut arguments = vec!["-G".to_owned()];
        for line in lines {
            arguments.extend(["--data-urlencode".to_owned(), format!("line={line}")]);
        }
        arguments.push(gateway.url("/set"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        curl(&gateway.ca(), &arguments)
    };
    let sent = asked_for(&[
        "connect.sid=s%3Aabc; Path=/; HttpOnly",
        "PHPSESSID=1; path=/; Domain=localhost",
        "sealed=plain; Path=/; Max-Age=60",
        "theme=dark; SameSite=Strict",
        "plain=1",
        "nameless",
    ]);
    let lines = sent.all("set-cookie");
    wrong.equal("lines", lines.len(), 6);
    wrong.check(
        lines[0].starts_with("__Host-id-")
            && lines[0].ends_with("=s%3Aabc; Path=/; HttpOnly; Secure; SameSite=Lax"),
        || lines[0].to_owned(),
    );
    wrong.check(lines[1].starts_with("__Secure-id-"), || lines[1].to_owned());
    wrong.check(lines[2].starts_with("sealed=v1."), || lines[2].to_owned());
    wrong.equal("theme", lines[3], "theme=dark; SameSite=Strict; Secure");
    wrong.equal("plain", lines[4], "plain=1; Secure; SameSite=Lax; HttpOnly");
    wrong.equal(
        "not kept",
        sent.header("cache-control").as_deref(),
        Some("no-store"),
    );
    let back: Vec<&str> = lines[..5]
        .iter()
        .map(|line| line.split(';').next().unwrap())
        .collect();
    let cookie = format!("Cookie: {}; connect.sid=planted", back.join("; "));
    let seen = curl(&gateway.ca(), &["-H", &cookie, &gateway.url("/seen")]);
    wrong.equal(
        "the app sees",
        seen.json()["cookie"].clone(),
        json!("connect.sid=s%3Aabc; PHPSESSID=1; sealed=plain; theme=dark; plain=1"),
    );
    wrong.equal(
        "on leaving",
        seen.header("clear-site-data").as_deref(),
        Some("\"cache\", \"cookies\", \"storage\""),
    );
    let odd = curl(
        &gateway.ca(),
        &[
            "-H",
            "Cookie: sealed=plain; $Version=1; connect.sid=x",
            &gateway.url("/seen"),
        ],
    );
    wrong.equal(
        "what was planted",
        odd.json()["cookie"].clone(),
        Value::Null,
    );
    // Plain HTTP/1.1 and HTTP/2, where cookies come in crumbs.
    let crumbs = curl(
        &gateway.ca(),
        &[
            "--http2",
            "-H",
            &format!("Cookie: {}", back[0]),
            "-H",
            "Cookie: b=2",
            &gateway.url("/seen"),
        ],
    );
    wrong.equal(
        "crumbs",
        crumbs.json()["cookie"].clone(),
        json!("connect.sid=s%3Aabc; b=2"),
    );
    wrong.settle();
}

#[test]
fn what_another_site_causes() {
    let app = Recorder::start();
    let config =
        "[cross_site]\npaths = [\"/webhooks/\"]\norigins = [\"https://partner.example\"]\n";
    let mut gateway = Gateway::before(&app.origin(), config);
    let mut wrong = Verdicts::default();
    let url = |path: &str| gateway.url(path);
    let own = format!("Origin: {}", gateway.origin);
    for (what, status, path, headers) in [
        ("own page", 200, "/", &["Sec-Fetch-Site: same-origin"][..]),
        ("another's", 403, "/", &["Sec-Fetch-Site: cross-site"]),
        ("a neighbour's", 403, "/", &["Sec-Fetch-Site: same-site"]),
        (
            "an old browser's",
            403,
            "/",
            &["Origin: https://evil.example"],
        ),
        ("own origin", 200, "/", &[&own]),
        ("curl", 200, "/", &[]),
        (
            "a partner's",
            200,
            "/",
            &[
                "Sec-Fetch-Site: cross-site",
                "Origin: https://partner.example",
            ],
        ),
        (
            "a webhook",
            200,
            "/webhooks/pay",
            &["Sec-Fetch-Site: cross-site"],
        ),
        (
            "past a webhook",
            403,
            "/webhooks/..%2fpay",
            &["Sec-Fetch-Site: cross-site"],
        ),
    ] {
        // curl 7 takes an early answer over HTTP/2 for an error.
        let mut arguments = vec![
            "--http1.1",
            "-d",
            "a=b",
            "-H",
            "Cookie: a=1",
            "--path-as-is",
        ];
        arguments.extend(headers.iter().flat_map(|header| ["-H", header]));
        let url = url(path);
        arguments.push(&url);
        let answer = curl(&gateway.ca(), &arguments);
        wrong.equal(what, answer.status, status);
        wrong.equal(what, app.take().is_empty(), status == 403);
        if status == 403 {
            let told = answer.text();
            wrong.check(told.contains("another site"), || told.clone());
        }
    }
    let url = url("/");
    let without = ["-d", "a=b", "-H", "Sec-Fetch-Site: cross-site", &url];
    wrong.equal(
        "without a cookie",
        curl(&gateway.ca(), &without).status,
        200,
    );
    let kept = ["--http1.1", "-u", "ada:right"];
    let kept = [&kept[..], &without].concat();
    wrong.equal(
        "with a password that the browser keeps",
        curl(&gateway.ca(), &kept).status,
        403,
    );
    let told = gateway.process.line_with(
        &["https://evil.example", "cross_site.origins"],
        Duration::from_secs(5),
    );
    wrong.check(told.contains("cross_site.paths"), || told.clone());
    wrong.settle();
}

#[test]
fn a_web_socket_of_another_site_is_refused() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), "[tls]\nmode = \"off\"\n");
    let mut socket = Raw::open(gateway.address());
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: sid=1\r\nOrigin: https://evil.example\r\n\r\n",
        gateway.address(),
    );
    socket.send(head.as_bytes());
    let answer = socket.read_until("\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(app.take().is_empty());
}

#[test]
fn keys_rotate_and_nobody_is_logged_out() {
    let start = |state: Option<&Gateway>| {
        let setup = Gateway::setup()
            .config("[cookies]\nseal = [\"a\"]\n")
            .command(&app());
        match state {
            Some(before) => setup.state_of(before).start(),
            None => setup.start(),
        }
    };
    let mut gateway = start(None);
    let state = gateway.dir.path().join("state");
    let keys = |what: &[&str]| {
        let mut command = panoply();
        command.arg("keys").args(what).arg("--state").arg(&state);
        let done = command.current_dir(&state).output().unwrap();
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout)
    };
    let ids = || {
        keys(&["list"])
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let sealed = |gateway: &Gateway| {
        let sent = curl(
            &state.join("ca.pem"),
            &[&gateway.url("/set?line=a%3D1%3B%20Path%3D%2F")],
        );
        let line = sent.header("set-cookie").unwrap();
        line.split(';').next().unwrap().to_owned()
    };
    let seen = |gateway: &Gateway, cookie: &str| {
        let cookie = format!("Cookie: {cookie}");
        curl(
            &state.join("ca.pem"),
            &["-H", &cookie, &gateway.url("/seen")],
        )
        .json()["cookie"]
            .clone()
    };
    let first = sealed(&gateway);
    let before = ids();
    assert_eq!(before.len(), 1);
    let by_the_first = format!("a=v1.{}.", before[0]);
    assert!(first.starts_with(&by_the_first), "{first}");
    let said = keys(&["rotate"]);
    let after = ids();
    assert_eq!(after[1..], before);
    assert!(
        said.contains(&after[0]) && said.contains("2 open"),
        "{said}"
    );
    // Other nodes may not have the file yet, whoever is told to reload it or starts with it.
    gateway.process.signal(Signal::HUP);
    let patience = Duration::from_secs(20);
    gateway.process.line_with(&["has been reloaded"], patience);
    let second = sealed(&gateway);
    assert!(second.starts_with(&by_the_first), "{second}");
    let stop = |gateway: &mut Gateway| {
        gateway.process.signal(Signal::TERM);
        gateway.process.status(patience);
    };
    stop(&mut gateway);
    let mut again = start(Some(&gateway));
    assert!(sealed(&again).starts_with(&by_the_first));
    stop(&mut again);
    // Once it is older than a minute they do.
    let file = std::fs::File::options()
        .write(true)
        .open(state.join("keys"));
    let written = std::time::SystemTime::now() - Duration::from_mins(2);
    file.unwrap().set_modified(written).unwrap();
    let again = start(Some(&gateway));
    let fourth = sealed(&again);
    assert!(
        fourth.starts_with(&format!("a=v1.{}.", after[0])),
        "{fourth}"
    );
    for cookie in [&first, &fourth] {
        assert_eq!(seen(&again, cookie), json!("a=1"));
    }

    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = panoply();
    let missing = {
        command
            .args(["keys", "list", "--state"])
            .arg(elsewhere.path())
    }
    .current_dir(elsewhere.path())
    .output()
    .unwrap();
    let told = text(&missing.stderr);
    assert!(
        !missing.status.success() && told.contains("`panoply keys rotate` makes it"),
        "{told}"
    );
    // Where nobody has said which gateway is meant, none is made that no gateway reads.
    for what in ["rotate", "list"] {
        let mut command = panoply();
        let usual = elsewhere.path().join("usual");
        let unnamed = { command.args(["keys", what]).env("XDG_STATE_HOME", &usual) }
            .env_remove("STATE_DIRECTORY")
            .current_dir(elsewhere.path())
            .output()
            .unwrap();
        let told = text(&unnamed.stderr);
        assert!(
            !unnamed.status.success()
                && told.contains("`--state DIR`")
                && told.contains("`--file FILE`"),
            "{what}: {told}"
        );
        assert!(!usual.exists(), "{what}");
    }
}

#[test]
fn as_many_as_a_browser_keeps_are_not_too_many_headers() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), "");
    let cookies: Vec<String> = (0..180).map(|n| format!("cookie: c{n}=v")).collect();
    let mut arguments = vec!["--http2"];
    // Over HTTP/2 browsers send a field for each.
    for cookie in &cookies {
        arguments.extend(["-H", cookie]);
    }
    let url = gateway.url("/");
    arguments.push(&url);
    let answer = curl(&gateway.ca(), &arguments);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = app.seen();
    assert!(
        seen.contains("c0=v; c1=v;") && seen.contains("; c179=v\r\n"),
        "{seen}"
    );
}
