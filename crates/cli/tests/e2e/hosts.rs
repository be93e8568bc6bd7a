//! Whom a request is for: the site's names reach the app, and no others.

use super::support;

use std::time::Duration;

use support::siege::refusals;
use support::{Gateway, Pki, Recorder, Verdicts, curl, raw, statuses};

const SOON: Duration = Duration::from_secs(20);

const NAMES: &str = "[tls]\nmode = \"local\"\ndomains = [\"shop.test\", \"*.shop.test\"]\n";

/// What is answered to a request for `host` at an origin: the status, and where it leads.
fn asked(gateway: &Gateway, origin: &str, host: &str, more: &[&str]) -> (u16, Option<String>) {
    let host = format!("Host: {host}");
    let url = format!("{origin}/x?y=1");
    let arguments = [&["--connect-to", "::127.0.0.1:", "-H", &host, &url], more].concat();
    let answer = curl(&gateway.ca(), &arguments);
    (answer.status, answer.header("location"))
}

#[test]
fn a_foreign_host_reaches_nobody_and_is_told_of_once() {
    let app = Recorder::start();
    let mut gateway = Gateway::before(&app.origin(), NAMES);
    let (https, http) = (gateway.origin.clone(), gateway.http.clone().unwrap());
    let mut wrong = Verdicts::default();
    let websocket: &[&str] = &[
        "--http1.1",
        "-H",
        "Connection: Upgrade",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Sec-WebSocket-Version: 13",
        "-H",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for host in [
        "evil.example",
        "shop.test.evil.example",
        "a.b.shop.test",
        "203.0.113.9",
    ] {
        for (origin, more) in [
            (&https, &["--http1.1"][..]),
            (&https, &["--http2"]),
            (&https, websocket),
            // Over HTTP/2, curl 7.88 may fail at an answer that comes before all has been sent.
            (&https, &["--http1.1", "-d", "email=ada"]),
            (&http, &[]),
        ] {
            let what = format!("{host} at {origin} {more:?}");
            wrong.equal(&what, asked(&gateway, origin, host, more), (421, None));
        }
    }
    let whole = "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    let port = http.rsplit(':').next().unwrap();
    let reply = raw(&format!("127.0.0.1:{port}"), whole.as_bytes());
    wrong.equal("absolute", statuses(&reply.text()), vec![421]);
    wrong.equal("what the app has seen", app.take(), String::new());
    wrong.equal("counted", refusals(&gateway, "intake/foreign-host"), 21);
    // Those of the site, an address that nobody can choose, and this machine's names from this machine.
    for host in [
        "shop.test",
        "SHOP.test.:77",
        "www.shop.test",
        "127.0.0.1",
        "localhost",
    ] {
        for version in ["--http1.1", "--http2"] {
            let what = format!("{host} {version}");
            wrong.equal(&what, asked(&gateway, &https, host, &[version]).0, 200);
        }
        wrong.equal(host, asked(&gateway, &http, host, &[]).0, 308);
    }
    wrong.check(
        app.take().contains("x-forwarded-host: SHOP.test.:77"),
        || "the host is not the client's".to_owned(),
    );
    gateway
        .process
        .line_with(&["evil.example", "under [listen]: hosts = ["], SOON);
    let told = |gateway: &Gateway| {
        let said = gateway.process.said();
        let words = "none of the site's names";
        let lines = said.iter().filter(|line| line.contains(words));
        lines.filter(|line| line.contains("\"evil.example")).count()
    };
    wrong.equal("told of", told(&gateway), 1);

    gateway.reload(&format!("[listen]\nhosts = [\"evil.example\"]\n{NAMES}"));
    wrong.equal("added", asked(&gateway, &https, "evil.example", &[]).0, 200);
    wrong.equal("beside", asked(&gateway, &https, "shop.test", &[]).0, 200);
    wrong.equal("no other", asked(&gateway, &https, "b.example", &[]).0, 421);
    gateway.reload(&format!("[listen]\nhosts = \"any\"\n{NAMES}"));
    wrong.equal("any", asked(&gateway, &https, "b.example", &[]).0, 200);
    gateway.reload(NAMES);
    wrong.equal("again", asked(&gateway, &https, "evil.example", &[]).0, 421);
    wrong.settle();
}

#[test]
fn without_a_name_nothing_is_refused_unless_one_is_written() {
    let app = Recorder::start();
    let mut wrong = Verdicts::default();
    let local = Gateway::before(&app.origin(), "");
    wrong.equal(
        "local",
        asked(&local, &local.origin, "b.example", &[]).0,
        200,
    );
    let off = "[tls]\nmode = \"off\"\n";
    let plain = Gateway::before(&app.origin(), off);
    wrong.equal("off", asked(&plain, &plain.origin, "b.example", &[]).0, 200);
    let listed = format!("[listen]\nhosts = [\"shop.test\"]\n{off}");
    let listed = Gateway::before(&app.origin(), &listed);
    for (host, status) in [("shop.test:8080", 200), ("b.example", 421)] {
        wrong.equal(host, asked(&listed, &listed.origin, host, &[]).0, status);
    }
    // HTTP/1.0 need not name any.
    let reply = raw(listed.address(), b"GET / HTTP/1.0\r\n\r\n");
    wrong.equal("none", statuses(&reply.text()), vec![200]);
    wrong.settle();
}

#[test]
fn the_names_of_certificates_that_were_brought_are_the_sites() {
    let app = Recorder::start();
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let (certificate, key) = pki.leaf("shop", "DNS:shop.test,DNS:*.shop.test,DNS:localhost");
    let files = format!(
        "[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    );
    let gateway = setup.config(&files).upstream(&app.origin()).start();
    let mut wrong = Verdicts::default();
    let status =
        |gateway: &Gateway, host: &str| asked(gateway, &gateway.origin, host, &["--insecure"]).0;
    for (host, expected) in [
        ("shop.test", 200),
        ("www.shop.test", 200),
        ("127.0.0.1", 200),
        ("evil.example", 421),
    ] {
        wrong.equal(host, status(&gateway, host), expected);
    }
    // Behind a proxy it need not have the names that clients know.
    let proxied = format!("{files}[client]\ntrusted_proxies = [\"10.0.0.1\"]\n");
    gateway.reload(&proxied);
    wrong.equal("behind a proxy", status(&gateway, "evil.example"), 200);
    wrong.settle();
}

#[test]
fn what_a_trusted_proxy_passes_on_is_what_the_app_is_told() {
    let app = Recorder::start();
    let config = format!("{NAMES}[client]\ntrusted_proxies = [\"loopback\"]\n");
    let gateway = Gateway::before(&app.origin(), &config);
    let mut wrong = Verdicts::default();
    for (host, passed_on, status, told) in [
        ("backend:80", "shop.test", 200, Some("host: shop.test")),
        ("evil.example", "shop.test", 200, Some("host: shop.test")),
        ("shop.test", "www.shop.test", 200, Some("host: shop.test")),
        ("shop.test", "evil.example", 421, None),
    ] {
        let passed_on = format!("X-Forwarded-Host: {passed_on}");
        let asked = asked(&gateway, &gateway.origin, host, &["-H", &passed_on]);
        wrong.equal(&format!("{host} {passed_on}"), asked.0, status);
        let seen = app.take();
        let seen = seen.lines().find(|line| line.starts_with("host: "));
        wrong.equal(&format!("{host} {passed_on}, told"), seen, told);
    }
    wrong.settle();
}

#[test]
fn the_other_names_lead_to_the_canonical_one_at_once() {
    let app = Recorder::start();
    let config = format!("[listen]\ncanonical = \"shop.test\"\n{NAMES}");
    let gateway = Gateway::before(&app.origin(), &config);
    let (https, http) = (gateway.origin.clone(), gateway.http.clone().unwrap());
    let port = gateway.port();
    let plain_port: u16 = http.rsplit(':').next().unwrap().parse().unwrap();
    let to = |place: String| (308, Some(place));
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        for (host, answer) in [
            (
                format!("www.shop.test:{port}"),
                to(format!("https://shop.test:{port}/x?y=1")),
            ),
            (
                "www.shop.test".to_owned(),
                to("https://shop.test/x?y=1".to_owned()),
            ),
            (format!("Shop.test:{port}"), (200, None)),
            ("127.0.0.1".to_owned(), (200, None)),
            ("evil.example".to_owned(), (421, None)),
        ] {
            let get = asked(&gateway, &https, &host, &[version]);
            wrong.equal(&format!("{host} {version}"), &get, &answer);
        }
    }
    let sent = asked(
        &gateway,
        &https,
        "www.shop.test",
        &["--http1.1", "-d", "a=b"],
    );
    wrong.equal("POST", sent, to("https://shop.test/x?y=1".to_owned()));
    for host in ["www.shop.test", "shop.test"] {
        let host = format!("{host}:{plain_port}");
        let place = to(format!("https://shop.test:{port}/x?y=1"));
        wrong.equal(&host, asked(&gateway, &http, &host, &[]), place);
    }
    drop(gateway);

    // What has a name to itself is no other name of the site.
    let api = Recorder::start();
    let route = format!(
        "{config}[[route]]\ndomains = [\"api.shop.test\"]\nupstream = \"{}\"\n",
        api.origin()
    );
    let gateway = Gateway::before(&app.origin(), &route);
    let (https, http) = (gateway.origin.clone(), gateway.http.clone().unwrap());
    for (origin, host, answer) in [
        (&https, "API.shop.test", (200, None)),
        (
            &https,
            "www.shop.test",
            to("https://shop.test/x?y=1".to_owned()),
        ),
        (
            &http,
            "api.shop.test",
            to("https://api.shop.test/x?y=1".to_owned()),
        ),
    ] {
        wrong.equal(host, asked(&gateway, origin, host, &[]), answer);
    }
    wrong.check(api.seen().contains("API.shop.test"), || api.seen());
    drop(gateway);

    // Where somebody else has TLS, by the scheme that is said to be the client's.
    let off = "[listen]\nhosts = [\"shop.test\", \"www.shop.test\"]\ncanonical = \"shop.test\"\n\
               [tls]\nmode = \"off\"\n[client]\ntrusted_proxies = [\"loopback\"]\n";
    let gateway = Gateway::before(&app.origin(), off);
    for scheme in ["http", "https"] {
        let said = format!("X-Forwarded-Proto: {scheme}");
        let answer = asked(&gateway, &gateway.origin, "www.shop.test", &["-H", &said]);
        wrong.equal(&said, answer, to(format!("{scheme}://shop.test/x?y=1")));
    }
    wrong.settle();
}
