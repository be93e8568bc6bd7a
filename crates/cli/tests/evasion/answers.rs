//! Answers to a wrong password that the client has a hand in, so that they look like those to a right one.

use super::FORM;
use crate::support::{App, Gateway, Reply, Verdicts, npm_ci, raw, require, scripts};

const CONFIG: &str = "[tls]\nmode = \"off\"\n[client]\ntrusted_proxies = [\"loopback\"]\n";

/// What is answered, from an address of its own.
struct Visitor<'a> {
    app: &'static str,
    client: String,
    method: &'static str,
    target: String,
    headers: &'a [(&'a str, &'a str)],
}

impl Visitor<'_> {
    fn send(&self, address: &str, password: &str) -> Reply {
        let Self {
            app,
            client,
            method,
            target,
            headers,
        } = self;
        let body = format!("username={app}&password={password}");
        let more: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nX-App: {app}\r\nX-Forwarded-For: {client}\r\n\
             Content-Type: {FORM}\r\nContent-Length: {}\r\n{}\r\n{body}",
            body.len(),
            more.concat()
        );
        raw(address, request.as_bytes())
    }

    /// The status, and where it leads.
    fn guess(&self, address: &str, password: &str) -> (u16, String) {
        let reply = self.send(address, password);
        let text = reply.text();
        let leads = text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location").then_some(value)
        });
        (reply.status(), leads.unwrap_or_default().to_owned())
    }
}

pub(crate) fn app() -> App {
    require("node");
    let folder = scripts().join("evasion");
    npm_ci(&folder);
    let script = folder.join("answers.mjs").display().to_string();
    App::start(&["node".into(), script])
}

/// Whatever the client does, the app is shown ten, as it would be of whoever does nothing.
pub(crate) fn chosen_by_the_client(app: &App) {
    let mut wrong = Verdicts::default();
    // Five times as much when it stands in the page.
    let long = format!("/login?{}", "'".repeat(14_000));
    let home = [("Referer", "http://shop.test/home")];
    for (app_of, method, target, headers) in [
        ("file", "POST", "/login", &[][..]),
        ("file", "POST", "/login", &[("Range", "bytes=0-0")]),
        (
            "file",
            "POST",
            "/login",
            &[("Range", "bytes=0-20"), ("If-Range", "\"x\"")],
        ),
        ("file", "POST", "/login", &[("If-None-Match", "*")]),
        (
            "file",
            "POST",
            "/login",
            &[("If-Modified-Since", "Thu, 31 Dec 2099 00:00:00 GMT")],
        ),
        ("back", "POST", "/login", &[]),
        ("back", "POST", "/login", &home),
        ("back", "POST", "/login", &[("Referrer", "/home")]),
        ("back", "POST", "/login", &[("Referer", "/home")]),
        (
            "back",
            "POST",
            "/login",
            &[("Referer", "https://elsewhere.test/home")],
        ),
        (
            "back",
            "POST",
            "/login",
            &[("Referer", "http://shop.test/")],
        ),
        ("session", "POST", "/login", &[]),
        ("session", "POST", "/login", &home),
        ("long", "POST", &long, &[]),
        (
            "page",
            "HEAD",
            "/login",
            &[("X-HTTP-Method-Override", "POST")],
        ),
        ("json", "POST", "/login", &[]),
        ("query", "POST", "/login", &[]),
    ] {
        // Each has a gateway of its own, with nothing counted yet.
        let gateway = Gateway::before(&app.origin(), CONFIG);
        let before = shown(app, app_of);
        let visitor = Visitor {
            app: app_of,
            client: "203.0.113.7".into(),
            method,
            target: target.to_owned(),
            headers,
        };
        let statuses: Vec<u16> = (0..12)
            .map(|number| {
                visitor
                    .guess(gateway.address(), &format!("guess{number}"))
                    .0
            })
            .collect();
        let target = target.get(..20).unwrap_or(target);
        let what = format!("{app_of}: {method} {target} {headers:?}: {statuses:?}");
        wrong.equal(&what, shown(app, app_of) - before, 10);
    }
    wrong.settle();
}

fn already<'a>(headers: &'a [(&'a str, &'a str)]) -> Visitor<'a> {
    Visitor {
        app: "already",
        client: "203.0.113.9".into(),
        method: "POST",
        target: "/login".into(),
        headers,
    }
}

/// Who has an account of his own is not shown more passwords of another for it: what looks like a success
/// forgives ten times a day, and its device is soon one like any other.
pub(crate) fn yes_to_whoever_is_logged_in(app: &App) {
    let mut wrong = Verdicts::default();
    let gateway = Gateway::before(&app.origin(), CONFIG);
    let before = shown(app, "already");
    let mut device = String::new();
    for round in 0..40 {
        let session = format!("user=mallory; panoply_device={device}");
        let own = [("Cookie", session.as_str())];
        let reply = already(&own).send(gateway.address(), "whatever");
        wrong.check(matches!(reply.status(), 302 | 429), || reply.text());
        if let Some((_, cookie)) = reply.text().split_once("panoply_device=") {
            cookie.split(';').next().unwrap().clone_into(&mut device);
        }
        let known = format!("panoply_device={device}");
        for guess in 0..9 {
            let headers = [("Cookie", known.as_str())];
            already(&headers).guess(gateway.address(), &format!("guess{round}.{guess}"));
        }
    }
    // Nine each time that forgives, the last ten of the device, and ten of a stranger.
    let guesses = shown(app, "already") - before;
    wrong.check((90..=120).contains(&guesses), || {
        format!("{guesses} guesses")
    });
    wrong.settle();
}

/// Who knows the password gets in as often as he likes, and is led where he should be.
pub(crate) fn honest(app: &App) {
    let mut wrong = Verdicts::default();
    let gateway = Gateway::before(&app.origin(), CONFIG);
    let visitor = |app, headers| Visitor {
        app,
        client: "203.0.113.8".into(),
        method: "POST",
        target: "/login".into(),
        headers,
    };
    for number in 0..15 {
        let login = visitor("back", &[]).guess(gateway.address(), "right");
        wrong.equal(&format!("login {number}"), login, (302, "/".to_owned()));
    }
    // From the page of the login, which browsers do not tell under `no-referrer`; and from a box on
    // another page where the policy is another.
    let own = "http://shop.test/login";
    let mug = "http://shop.test/mugs/3?colour=blue";
    for (headers, leads) in [(&[][..], own), (&[("Referer", mug)], mug)] {
        let answer = visitor("back", headers).guess(gateway.address(), "wrong");
        wrong.equal("a wrong password", answer, (302, leads.to_owned()));
    }
    wrong.settle();
}

fn shown(app: &App, which: &str) -> u64 {
    let request =
        format!("GET /shown?app={which} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let reply = raw(&format!("127.0.0.1:{}", app.port), request.as_bytes()).text();
    reply
        .rsplit("\r\n\r\n")
        .next()
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
