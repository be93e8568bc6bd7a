//! Rules for some of the site's names alone: whoever asks is held to those of any name that he says.

use super::support;

use std::fs;

use support::{Gateway, Recorder, Verdicts, curl, panoply, raw, statuses, text};

const NULL: &str = "/dev/null";

const HOSTS: &str = "[listen]\nhosts = [\"api.test\", \"www.test\", \"wiki.test\", \"inner.test\"]\n\
    [tls]\nmode = \"off\"\n";

const TRUSTING: &str = "[client]\ntrusted_proxies = [\"loopback\"]\n";

/// An app to which every login is wrong.
fn app() -> Recorder {
    Recorder::answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno\n")
}

/// What is answered to a request from `client`, by a proxy.
fn asked(gateway: &Gateway, client: usize, target: &str, headers: &str, body: &str) -> u16 {
    let length = body.len();
    let whole = format!(
        "POST {target}\r\n{headers}X-Forwarded-For: 203.0.113.{client}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    raw(gateway.address(), whole.as_bytes()).status()
}

#[test]
fn a_limit_is_not_escaped_by_how_a_client_says_whom_he_asks() {
    let limit = "[[limit]]\npoints = 1\nwindow = \"1h\"\ndomains = [\"Api.test\"]\n";
    let app = app();
    let gateway = Gateway::before(&app.origin(), &format!("{HOSTS}{TRUSTING}{limit}"));
    let mut wrong = Verdicts::default();
    let whole = "http://API.test/x HTTP/1.1";
    for (number, (target, headers, second)) in [
        ("/ HTTP/1.1", "Host: api.test\r\n", 429),
        ("/ HTTP/1.1", "Host: API.TEST.:8443\r\n", 429),
        (whole, "Host: api.test\r\n", 429),
        (
            "/ HTTP/1.1",
            "Host: www.test\r\nX-Forwarded-Host: api.test\r\n",
            429,
        ),
        (
            "/ HTTP/1.1",
            "Host: api.test\r\nX-Forwarded-Host: www.test\r\n",
            429,
        ),
        (
            "/ HTTP/1.1",
            "Host: 127.0.0.1\r\nX-Forwarded-Host: api.test.:1\r\n",
            429,
        ),
        ("/ HTTP/1.1", "Host: 127.0.0.1:80\r\n", 429),
        ("/ HTTP/1.0", "", 429),
        // Other names are not the limit's.
        ("/ HTTP/1.1", "Host: www.test\r\n", 401),
        ("http://www.test/ HTTP/1.1", "Host: www.test\r\n", 401),
        (
            "/ HTTP/1.1",
            "Host: inner.test\r\nX-Forwarded-Host: www.test\r\n",
            401,
        ),
        (
            "/ HTTP/1.1",
            "Host: 127.0.0.1\r\nX-Forwarded-Host: www.test\r\n",
            401,
        ),
        // Nobody asks so.
        (whole, "Host: www.test\r\n", 400),
        ("/ HTTP/1.1", "Host: www.test\r\nHost: api.test\r\n", 400),
        ("/ HTTP/1.1", "Host: api.test:99999\r\n", 400),
        ("/ HTTP/1.1", "Host: api.evil.test\r\n", 421),
    ]
    .into_iter()
    .enumerate()
    {
        let first = asked(&gateway, number, target, headers, "");
        let again = asked(&gateway, number, target, headers, "");
        let what = format!("{target} {headers}");
        wrong.equal(&what, first, if second == 429 { 401 } else { second });
        wrong.equal(&what, again, second);
    }
    // Nobody has counted for another.
    wrong.equal(
        "new",
        asked(&gateway, 99, "/ HTTP/1.1", "Host: api.test\r\n", ""),
        401,
    );
    wrong.settle();
}

#[test]
fn who_is_not_trusted_says_a_name_by_his_host_alone() {
    let limit = "[[limit]]\npoints = 2\nwindow = \"1h\"\ndomains = [\"api.test\"]\n";
    let app = app();
    let gateway = Gateway::before(&app.origin(), &format!("{HOSTS}{limit}"));
    let ask = |host: &str, said: &str| {
        let (host, said) = (format!("Host: {host}"), format!("X-Forwarded-Host: {said}"));
        curl(
            NULL.as_ref(),
            &["-H", &host, "-H", &said, &gateway.url("/")],
        )
        .status
    };
    for _ in 0..4 {
        assert_eq!(ask("www.test", "api.test"), 401);
    }
    let given = [0; 4].map(|_| ask("api.test", "www.test"));
    assert_eq!(given, [401, 401, 429, 429]);
}

#[test]
fn a_limit_knows_the_name_that_http2_has_in_the_target() {
    let config = "[tls]\nmode = \"local\"\ndomains = [\"api.test\", \"www.test\"]\n\
                  [[limit]]\npoints = 2\nwindow = \"1h\"\ndomains = [\"api.test\"]\n";
    let app = app();
    let gateway = Gateway::before(&app.origin(), config);
    let ask = |name: &str, more: &[&str]| {
        let port = gateway.port();
        let url = format!("https://{name}:{port}/");
        let to = format!("::127.0.0.1:{port}");
        let whole = [&["--http2", "--connect-to", &to, &url], more].concat();
        curl(&gateway.ca(), &whole).status
    };
    for _ in 0..3 {
        assert_eq!(ask("www.test", &[]), 401);
    }
    let given = [0; 3].map(|_| ask("API.test", &[]));
    assert_eq!(given, [401, 401, 429]);
    // Over a connection to another of the names, too.
    assert_eq!(ask("www.test", &["-H", "Host: api.test"]), 429);
}

#[test]
fn each_name_has_a_login_of_its_own_and_all_others_the_usual_ones() {
    let logins = "[[login]]\npath = \"/login\"\ndomains = [\"www.test\"]\nusername = \"kunde\"\n\
                  [[login]]\npath = [\"/login\", \"/in\"]\ndomains = [\"wiki.test\"]\nusername = \"wer\"\n";
    let app = app();
    let gateway = Gateway::before(&app.origin(), &format!("{HOSTS}{TRUSTING}{logins}"));
    let mut wrong = Verdicts::default();
    // Each from a client of its own, so that it is the user who is counted.
    let mut client = 0;
    let mut guesses = |path: &str, headers: &str, body: &str| {
        let target = format!("{path} HTTP/1.1");
        let mut reached = 0;
        for _ in 0..12 {
            client = (client + 1) % 250;
            reached += usize::from(asked(&gateway, client, &target, headers, body) == 401);
        }
        reached
    };
    let both = "kunde=NAME&wer=NAME&username=NAME&password=x";
    for (path, headers, user, reached) in [
        ("/login", "Host: www.test\r\n", "ada", 10),
        // Another site's Ada, and yet another's.
        ("/login", "Host: WIKI.test.\r\n", "ada", 10),
        ("/in", "Host: wiki.test\r\n", "ada", 0),
        ("/login", "Host: api.test\r\n", "ada", 10),
        ("/shop/login.php", "Host: api.test\r\n", "bob", 10),
        // Of the usual ones nothing is left under a name that has its own.
        ("/shop/login.php", "Host: www.test\r\n", "eve", 12),
        ("/in", "Host: www.test\r\n", "eve", 12),
        // Which name its app goes by nobody knows.
        (
            "/login",
            "Host: www.test\r\nX-Forwarded-Host: wiki.test\r\n",
            "cid",
            10,
        ),
        ("/login", "Host: wiki.test\r\n", "cid", 0),
        ("/login", "Host: www.test\r\n", "cid", 0),
        ("/login", "Host: 127.0.0.1\r\n", "dan", 10),
        ("/login", "Host: wiki.test\r\n", "dan", 0),
        (
            "/login",
            "Host: 127.0.0.1\r\nX-Forwarded-Host: www.test\r\n",
            "fay",
            10,
        ),
        ("/login", "Host: wiki.test\r\n", "fay", 10),
    ] {
        let what = format!("{path} {headers} {user}");
        let body = both.replace("NAME", user);
        wrong.equal(&what, guesses(path, headers, &body), reached);
    }
    wrong.settle();
}

#[test]
fn bounds_are_those_of_the_name_that_is_asked_for() {
    let paths = "[limits]\nbody_bytes = \"8KiB\"\n\
        [[limits.path]]\nprefix = \"/\"\ndomains = [\"www.test\"]\nbody_bytes = \"64KiB\"\n\
        [[limits.path]]\nprefix = \"/\"\ndomains = [\"api.test\"]\nbody_bytes = \"1KiB\"\n";
    let app = app();
    let gateway = Gateway::before(&app.origin(), &format!("{HOSTS}{TRUSTING}{paths}"));
    let mut wrong = Verdicts::default();
    for (target, headers, kib, status) in [
        ("/ HTTP/1.1", "Host: www.test:8080\r\n", 60, 401),
        ("http://WWW.test/a HTTP/1.1", "Host: www.test\r\n", 60, 401),
        ("/ HTTP/1.1", "Host: wiki.test\r\n", 60, 413),
        ("/ HTTP/1.1", "Host: wiki.test\r\n", 6, 401),
        ("/ HTTP/1.1", "Host: api.test\r\n", 6, 413),
        (
            "/ HTTP/1.1",
            "Host: inner.test\r\nX-Forwarded-Host: www.test\r\n",
            60,
            401,
        ),
        (
            "/ HTTP/1.1",
            "Host: api.test\r\nX-Forwarded-Host: www.test\r\n",
            6,
            413,
        ),
        (
            "/ HTTP/1.1",
            "Host: www.test\r\nX-Forwarded-Host: wiki.test\r\n",
            60,
            413,
        ),
        ("/ HTTP/1.1", "Host: 127.0.0.1\r\n", 6, 413),
    ] {
        let length = kib << 10;
        let expects = if status == 413 {
            String::new()
        } else {
            "x".repeat(length)
        };
        let whole = format!(
            "POST {target}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{expects}"
        );
        let given = statuses(&raw(gateway.address(), whole.as_bytes()).text());
        wrong.equal(&format!("{target} {headers} {kib}"), given, vec![status]);
    }
    wrong.settle();
}

#[test]
fn what_is_for_some_names_is_shown_so_and_what_is_wrong_there_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("panoply.toml");
    let check = |config: &str| {
        let app = "[app]\nupstream = \"http://127.0.0.1:9\"\n";
        fs::write(&file, format!("{app}{config}")).unwrap();
        let output = panoply().arg("check").arg("--config").arg(&file).output();
        let output = output.unwrap();
        (
            output.status.success(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let rules = "[[limit]]\npath = \"/v1/\"\npoints = 9\nwindow = \"1m\"\ndomains = [\"api.test\", \"*.shop.test\"]\n\
        [[login]]\npath = \"/in\"\ndomains = [\"www.test\"]\n\
        [[limits.path]]\nprefix = \"/\"\ndomains = [\"www.test\"]\nbody_bytes = \"64KiB\"\n";
    let (well, said) = check(&format!(
        "{}{rules}",
        HOSTS.replace("\"inner.test\"", "\"x.shop.test\"")
    ));
    assert!(well, "{said}");
    for part in [
        "api.test, *.shop.test/v1/…: 9 points in 1m for each client",
        "POST /in under www.test",
        "(under all other names)",
        "www.test/…: body_bytes 64KiB",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("limit[0].domains"), "{said}");
    // Where no name is known any can be written.
    let (_, said) = check(&format!("[tls]\nmode = \"off\"\n{rules}"));
    for table in ["limit[0]", "login[0]", "limits.path[0]"] {
        let told = format!("{table}.domains: the app can be asked under any other name");
        assert!(said.contains(&told), "{said}");
    }
    for (table, told) in [
        (
            "[[limit]]\npoints = 9\nwindow = \"1m\"\ndomains = [\"b.test\"]\n",
            "limit[0].domains: nobody can ask for `b.test`",
        ),
        (
            "[[login]]\npath = \"/in\"\ndomains = [\"b.test\"]\n",
            "login[0].domains: nobody can ask for `b.test`",
        ),
        (
            "[[limits.path]]\nprefix = \"/\"\ndomains = [\"b.test\"]\nbody_bytes = \"1KiB\"\n",
            "limits.path[0].domains: nobody can ask for `b.test`",
        ),
        (
            "[[login]]\npath = \"/in\"\ndomains = []\n",
            "`domains` is an empty list, and the table speaks of nothing",
        ),
        (
            "[[limit]]\npoints = 9\nwindow = \"1m\"\nserver_name = [\"www.test\"]\n",
            "did you mean `domains`?",
        ),
        (
            "[[login]]\npath = \"/in\"\nhost = \"www.test\"\n",
            "did you mean `domains`?",
        ),
        (
            "[[limits.path]]\nprefix = \"/\"\ndomain = [\"www.test\"]\n",
            "did you mean `domains`?",
        ),
        (
            "[[login]]\npath = \"/in\"\ndomains = \"www.test\"\n",
            "domains = \"www.test\"",
        ),
    ] {
        let (well, said) = check(&format!("{HOSTS}{table}"));
        assert!(!well && said.contains(told), "{table}: {said}");
    }
}
