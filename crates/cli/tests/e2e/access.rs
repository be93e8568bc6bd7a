//! Paths that are there for some only, by their addresses or by a password.

use std::io::Write as _;
use std::process::Stdio;

use super::support;

use support::siege::refusals;
use support::{Gateway, Recorder, Verdicts, curl, panoply, raw, text};

const NULL: &str = "/dev/null";

const CONFIG: &str = "[tls]\nmode = \"off\"\n[client]\ntrusted_proxies = [\"loopback\"]\n\
    [[access]]\npath = \"/admin/\"\nallow = [\"10.0.0.0/8\", \"203.0.113.7\"]\n";

/// What a client behind the proxy is answered, and whether the app saw it.
fn asked(gateway: &Gateway, app: &Recorder, target: &str, client: &str) -> (u16, bool) {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: {client}\r\nConnection: close\r\n\r\n"
    );
    let status = raw(gateway.address(), request.as_bytes()).status();
    (status, !app.take().is_empty())
}

#[test]
fn what_is_there_for_some_is_not_there_for_others() {
    let app = Recorder::start();
    let limited = format!("{CONFIG}[[limit]]\npath = \"/admin/\"\npoints = 1\nwindow = \"1h\"\n");
    let gateway = Gateway::before(&app.origin(), &limited);
    let mut wrong = Verdicts::default();
    let spellings = [
        "/admin",
        "/admin/users?x=1",
        "/ADMIN",
        "/%61dmin/",
        "/%2561dmin/",
        "//admin/",
        "/./admin",
        "/x/../admin/",
        "/x/%2e%2e/admin",
        "/x/..;/admin",
        "/x\\..\\admin",
        "/admin;a=b",
        "/admin%00",
        "/admin.json",
        "/admin/../x",
        "/index.php/admin",
        "http://a.test/admin",
    ];
    for target in spellings {
        let told = asked(&gateway, &app, target, "198.51.100.9");
        wrong.equal(target, told, (404, false));
    }
    // What is not there costs no points; whoever may look has all of them.
    let inside = asked(&gateway, &app, "/admin/", "203.0.113.7");
    wrong.equal("from where it may", inside, (200, true));
    let again = asked(&gateway, &app, "/admin/", "203.0.113.7");
    wrong.equal("a second time", again, (429, false));
    let other = asked(&gateway, &app, "/admin/", "10.9.8.7");
    wrong.equal("from the network", other, (200, true));
    for target in ["/", "/administration", "/blog/admin"] {
        let told = asked(&gateway, &app, target, "198.51.100.9");
        wrong.equal(target, told, (200, true));
    }
    let counted = refusals(&gateway, "access/path");
    wrong.equal("counted", counted, spellings.len() as u64);
    // This machine is none of those that are named: what it says by itself is the proxy's own address.
    let page = curl(
        NULL.as_ref(),
        &["-H", "Accept: text/html", &gateway.url("/admin/")],
    );
    wrong.equal("loopback", page.status, 404);
    let said = page.text();
    wrong.check(said.contains("There is nothing at this address."), || {
        said.clone()
    });
    wrong.settle();
}

#[test]
fn a_reload_puts_it_in_force_and_check_lists_it() {
    let app = Recorder::start();
    let mut gateway = Gateway::before(&app.origin(), "[tls]\nmode = \"off\"\n");
    let (url, path) = (gateway.url("/admin/x"), gateway.config_path());
    let status = || curl(NULL.as_ref(), &[&url]).status;
    assert_eq!(status(), 200);
    let config = |allow: &str| {
        let text =
            format!("[tls]\nmode = \"off\"\n[[access]]\npath = \"/admin/\"\nallow = [{allow}]\n");
        std::fs::write(&path, text).unwrap();
    };
    let state = gateway.dir.path().join("state");
    let reload = || {
        let mut command = panoply();
        let reloaded = command.arg("reload").arg("--state").arg(&state).output();
        let reloaded = reloaded.unwrap();
        assert!(reloaded.status.success(), "{}", text(&reloaded.stderr));
    };
    config("");
    reload();
    assert_eq!(status(), 404);
    let line = ["\"status\":404", "access/path", "/admin/x"];
    gateway
        .process
        .line_with(&line, std::time::Duration::from_secs(10));
    config("\"loopback\"");
    reload();
    assert_eq!(status(), 200);
    let mut command = panoply();
    let checked = command.arg("check").arg("--config");
    let checked = checked.arg(&path).output().unwrap();
    let said = text(&checked.stdout);
    assert!(
        said.contains("where a password is missing:\n  /admin/…: loopback"),
        "{said}"
    );
}

/// The line that `panoply password` makes of a password that is piped to it.
fn line(name: &str, password: &str) -> String {
    let mut command = panoply();
    command.args(["password", name]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{password}").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    text(&output.stdout)
}

#[test]
fn a_password_is_asked_for_and_not_guessed() {
    let app = Recorder::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    std::fs::write(&file, line("ada", "correct horse")).unwrap();
    let config =
        format!("[tls]\nmode = \"off\"\n[[access]]\npath = \"/admin/\"\nhtpasswd = {file:?}\n");
    let gateway = Gateway::before(&app.origin(), &config);
    let (url, state) = (gateway.url("/admin/x"), gateway.dir.path().join("state"));
    let asked = |who: &str| curl(NULL.as_ref(), &["-u", who, &url]).status;
    let mut wrong = Verdicts::default();
    wrong.equal("nobody", curl(NULL.as_ref(), &[&url]).status, 401);
    let asks = curl(NULL.as_ref(), &[&url]);
    let basic = asks.header("www-authenticate");
    wrong.check(basic.is_some_and(|asks| asks.starts_with("Basic ")), || {
        asks.text()
    });
    wrong.equal(
        "elsewhere",
        curl(NULL.as_ref(), &[&gateway.url("/")]).status,
        200,
    );
    app.take();
    for (who, status) in [
        ("ada:wrong", 401),
        ("ada:", 401),
        ("eve:correct horse", 401),
        ("ada:correct horse", 200),
        ("ada:correct horse", 200),
    ] {
        wrong.equal(who, asked(who), status);
    }
    // What the app sees is asked for by somebody who was let in, and nothing of how.
    let seen = app.take().to_lowercase();
    wrong.equal("seen", seen.matches("get /admin/x ").count(), 2);
    wrong.check(!seen.contains("authorization"), || seen.clone());

    // A browser adds it to what another site's page asks for, too.
    let forged = [
        "-u",
        "ada:correct horse",
        "-H",
        "Sec-Fetch-Site: cross-site",
        "-d",
        "x=1",
        &url,
    ];
    wrong.equal("forged", curl(NULL.as_ref(), &forged).status, 403);

    let guesses: Vec<u16> = (0..12)
        .map(|number| asked(&format!("ada:{number}")))
        .collect();
    wrong.check(guesses.ends_with(&[429]), || format!("{guesses:?}"));
    wrong.equal("locked", asked("ada:correct horse"), 429);
    let blocks = support::blocks(&state, &["release", "--user", "ada"]);
    wrong.check(blocks.status.success(), || text(&blocks.stderr));
    wrong.equal("released", asked("ada:correct horse"), 200);

    // Another password from now on.
    std::fs::write(&file, line("ada", "another")).unwrap();
    let mut command = panoply();
    let reloaded = command
        .arg("reload")
        .arg("--state")
        .arg(&state)
        .output()
        .unwrap();
    wrong.check(reloaded.status.success(), || text(&reloaded.stderr));
    wrong.equal("the old one", asked("ada:correct horse"), 401);
    wrong.equal("the new one", asked("ada:another"), 200);
    // One that cannot be read leaves what is in force.
    std::fs::write(&file, "ada:$apr1$x$y\n").unwrap();
    let mut command = panoply();
    let refused = command
        .arg("reload")
        .arg("--state")
        .arg(&state)
        .output()
        .unwrap();
    let said = text(&refused.stderr);
    wrong.check(said.contains("MD5") && said.contains("htpasswd"), || {
        said.clone()
    });
    wrong.equal("still in force", asked("ada:another"), 200);
    wrong.settle();
}

#[test]
fn what_is_no_password_is_said() {
    for (name, password, said) in [
        ("ada", String::new(), "empty"),
        ("ada", "x".repeat(73), "73 bytes"),
        ("a:da", "correct".to_owned(), "no colon"),
    ] {
        let mut command = panoply();
        command.args(["password", name]).stdin(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{password}").unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains(said),
            "{}",
            text(&output.stderr)
        );
    }
}

/// A user `ada` whose password is `correct`.
const ADA: &str =
    "users = { ada = \"$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2\" }\n";

#[test]
fn who_has_logged_in_is_told_to_the_app_by_nobody_else() {
    let app = Recorder::start();
    let config = format!(
        "[client]\ntrusted_proxies = [\"loopback\"]\n[[access]]\npath = \"/admin/\"\nuser_header = \"X-Forwarded-User\"\n{ADA}"
    );
    let gateway = Gateway::before(&app.origin(), &format!("[tls]\nmode = \"off\"\n{config}"));
    let mut wrong = Verdicts::default();
    let seen = || {
        let seen = app.take().to_lowercase();
        let told = seen
            .lines()
            .filter(|line| line.contains("user") && !line.contains("agent"));
        told.map(str::to_owned).collect::<Vec<_>>()
    };
    // `X-Forwarded-*` of a proxy that is trusted is passed on otherwise.
    let claims = "X-Forwarded-User: root\r\nX_Forwarded_User: root\r\nX-Forwarded_User: root\r\nX.Forwarded.User: root\r\n\
         x-forwarded-user: eve\r\n";
    let basic = "Authorization: Basic YWRhOmNvcnJlY3Q=\r\n";
    for connection in [
        "close",
        "close, X-Forwarded-User",
        "x-forwarded-user, close",
    ] {
        for (target, said, told) in [
            ("/admin/x", basic, &["x-forwarded-user: ada"][..]),
            ("/x", basic, &[]),
            ("/x", "", &[]),
        ] {
            let request = format!(
                "POST {target} HTTP/1.1\r\nHost: a.test\r\n{claims}{said}Connection: {connection}\r\n\
                 Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Forwarded-User: root\r\nX-Sum: 1\r\n\r\n"
            );
            let status = raw(gateway.address(), request.as_bytes()).status();
            wrong.equal(target, status, 200);
            wrong.equal(target, seen(), told);
        }
    }
    drop(gateway);

    let gateway = Gateway::before(&app.origin(), &config);
    let (ca, admin, other) = (gateway.ca(), gateway.url("/admin/x"), gateway.url("/x"));
    for (url, told) in [(&admin, &["x-forwarded-user: ada"][..]), (&other, &[])] {
        let arguments = [
            "--http2",
            "-u",
            "ada:correct",
            "-H",
            "X-Forwarded-User: root",
        ];
        let arguments = [&arguments[..], &["-H", "x_forwarded-user: root", url]].concat();
        wrong.equal(url, curl(&ca, &arguments).status, 200);
        let told_of: Vec<_> = seen();
        wrong.equal(url, told_of, told);
    }
    wrong.settle();
}

#[test]
fn what_is_open_below_it_and_who_needs_no_password() {
    let app = Recorder::start();
    let config = format!(
        "[tls]\nmode = \"off\"\n[client]\ntrusted_proxies = [\"loopback\"]\n[[access]]\npath = \"/\"\n\
         allow = [\"203.0.113.0/24\"]\nsatisfy = \"any\"\nexcept = [\"/health\", \"/webhooks/\"]\n{ADA}"
    );
    let gateway = Gateway::before(&app.origin(), &config);
    let mut wrong = Verdicts::default();
    for (target, client, expected) in [
        ("/", "203.0.113.9", (200, true)),
        ("/", "198.51.100.9", (401, false)),
        ("/health", "198.51.100.9", (200, true)),
        ("/webhooks/x", "198.51.100.9", (200, true)),
        ("/webhooks/../x", "198.51.100.9", (401, false)),
        ("/webhooks/..%2fx", "198.51.100.9", (401, false)),
        ("/webhooks//x", "198.51.100.9", (401, false)),
        ("/Webhooks/x", "198.51.100.9", (401, false)),
        ("http://a.test/webhooks/x", "198.51.100.9", (200, true)),
        ("http://a.test/x", "198.51.100.9", (401, false)),
        ("/healthz", "198.51.100.9", (401, false)),
    ] {
        wrong.equal(target, asked(&gateway, &app, target, client), expected);
    }
    // What the office may, another site's page may not have its browsers do.
    let forged = "POST / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 203.0.113.9\r\nSec-Fetch-Site: cross-site\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n";
    wrong.equal(
        "forged",
        raw(gateway.address(), forged.as_bytes()).status(),
        403,
    );
    let mut command = panoply();
    let checked = command.arg("check").arg("--config");
    let checked = checked.arg(gateway.config_path()).output().unwrap();
    let said = text(&checked.stdout);
    for part in [
        "/…: 203.0.113.0/24, and everybody else with a password; everybody: /health,",
        "access[0].satisfy: who comes from 203.0.113.0/24 needs no password",
        "access[0].except: /health, /webhooks/… are there for everybody",
    ] {
        wrong.check(said.contains(part), || format!("{part}: {said}"));
    }
    wrong.settle();
}
