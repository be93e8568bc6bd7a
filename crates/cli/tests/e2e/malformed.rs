//! Heads that cannot be read get an answer like every refusal: dressed, counted and logged, once.

use super::support;

use std::time::Duration;

use support::{Gateway, Raw, Recorder, Verdicts, curl, raw, statuses};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

const HONEST: &str = "GET /honest HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// How often `rule` has refused, and all of them.
fn refused(gateway: &Gateway, rule: &str) -> (u64, u64) {
    let metrics = curl(
        "/dev/null".as_ref(),
        &[&format!("{}/metrics", gateway.admin)],
    )
    .text();
    let rule = format!("\"{rule}\"");
    let (mut by_rule, mut all) = (0, 0);
    for line in metrics.lines() {
        if let Some(counter) = line.strip_prefix("panoply_refused_total{rule=") {
            let (name, count) = counter.split_once("} ").unwrap();
            let count: u64 = count.parse().unwrap();
            by_rule += if name == rule { count } else { 0 };
            all += count;
        }
    }
    (by_rule, all)
}

#[test]
fn each_form_is_answered_dressed_counted_and_logged_once() {
    let app = Recorder::start();
    let mut gateway = Gateway::before(&app.origin(), PLAIN);
    let mut wrong = Verdicts::default();
    let host = "Host: a.test\r\n";
    let long = "x".repeat(40_000);
    let endless = "x".repeat(70_000);
    let chunked = format!("POST /c HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n");
    let forms = [
        (
            "intake/both-lengths",
            400,
            format!(
                "POST / HTTP/1.1\r\n{host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "intake/bare-lf",
            400,
            "GET / HTTP/1.1\nHost: a.test\n\n".to_owned(),
        ),
        (
            "intake/obs-fold",
            400,
            format!("GET / HTTP/1.1\r\n{host}X-A: b\r\n c\r\n\r\n"),
        ),
        (
            "intake/header-name",
            400,
            format!("GET / HTTP/1.1\r\n{host}X-A : b\r\n\r\n"),
        ),
        (
            "intake/malformed",
            400,
            format!("G(T / HTTP/1.1\r\n{host}\r\n"),
        ),
        (
            "intake/malformed",
            400,
            format!("GET / HTTP/3.0\r\n{host}\r\n"),
        ),
        ("intake/malformed", 400, "GET /\r\n\r\n".to_owned()),
        (
            "intake/malformed",
            400,
            format!("GET / HTTP/1.1\r\n{host}X-A: a\0b\r\n\r\n"),
        ),
        (
            "intake/malformed",
            400,
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n".to_owned(),
        ),
        (
            "limits/head",
            431,
            format!("GET / HTTP/1.1\r\n{host}X-A: {long}\r\n\r\n"),
        ),
        (
            "limits/head",
            431,
            format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X-A: b\r\n".repeat(101)),
        ),
        (
            "limits/head",
            431,
            format!("GET /{endless} HTTP/1.1\r\n{host}\r\n"),
        ),
        (
            "intake/body",
            400,
            format!("{chunked}zz\r\nhello\r\n0\r\n\r\n"),
        ),
        (
            "intake/body",
            400,
            format!("{chunked}5\r\nhello\r\n0\r\n\n"),
        ),
        ("intake/no-host", 400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
    ];
    for (rule, status, sent) in forms {
        let what = format!("{rule}, {:?}", sent.get(..30).unwrap_or(&sent));
        let before = refused(&gateway, rule);
        let reply = raw(gateway.address(), sent.as_bytes());
        let text = reply.text();
        wrong.equal(&what, statuses(&text), vec![status]);
        wrong.check(reply.closed, || format!("{what}: left open"));
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let head = head.to_ascii_lowercase();
        for name in [
            "content-security-policy: ",
            "x-content-type-options: nosniff",
            "x-frame-options: ",
            "connection: close",
            "cache-control: no-store",
            "content-type: text/plain",
            "date: ",
        ] {
            wrong.equal(
                &format!("{what}: {name}"),
                head.matches(&format!("\r\n{name}")).count(),
                1,
            );
        }
        let id = body.trim_end().rsplit(' ').next().unwrap_or_default();
        wrong.check(
            !id.is_empty() && head.contains(&format!("x-request-id: {id}")),
            || format!("{what}: {id:?} is not the id in {text:?}"),
        );
        let length = format!("\r\ncontent-length: {}", body.len());
        wrong.check(head.contains(&length), || format!("{what}: {head:?}"));
        let line = gateway.process.line_with(&[id], Duration::from_secs(3));
        wrong.check(line.contains(rule) && line.contains("127.0.0.1"), || {
            line.clone()
        });
        wrong.equal(
            &format!("{what}: counted"),
            refused(&gateway, rule),
            (before.0 + 1, before.1 + 1),
        );
    }
    wrong.settle();
}

#[test]
fn what_was_asked_before_is_answered_first() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let mut wrong = Verdicts::default();
    for bad in ["GET / HTTP/1.1\nHost: a.test\n\n", "G(T / HTTP/1.1\r\n\r\n"] {
        let reply = raw(
            gateway.address(),
            format!("{HONEST}{HONEST}{bad}").as_bytes(),
        );
        wrong.equal("in one piece", statuses(&reply.text()), vec![200, 200, 400]);
        wrong.check(reply.closed, || format!("{bad:?}: left open"));

        let mut socket = Raw::open(gateway.address());
        socket.send(HONEST.as_bytes());
        socket.read_until("\r\n\r\nok\n");
        socket.send(bad.as_bytes());
        let reply = socket.read_for(Duration::from_secs(2));
        wrong.equal("on a kept connection", statuses(&reply.text()), vec![400]);
        wrong.check(reply.text().contains("content-security-policy"), || {
            reply.text()
        });
    }
    wrong.settle();
}

#[test]
fn what_the_app_says_is_never_taken_for_it() {
    let mut wrong = Verdicts::default();
    // An app's body that reads as hyper's own refusal, and its bare 400.
    let bare = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let body = format!("{:x}\r\n{bare}\r\n", bare.len());
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let sized = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{bare}",
        bare.len()
    );
    for answer in [format!("{head}{body}{body}0\r\n\r\n"), sized] {
        let app = Recorder::answering(&answer);
        let gateway = Gateway::before(&app.origin(), PLAIN);
        let reply = raw(gateway.address(), HONEST.as_bytes()).text();
        let times = answer.matches(bare).count();
        wrong.equal(&answer, reply.matches(bare).count(), times);
        wrong.check(!reply.contains("not well-formed"), || reply.clone());
    }
    let app = Recorder::answering("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let reply = raw(gateway.address(), HONEST.repeat(2).as_bytes()).text();
    wrong.equal("the app's own 400", statuses(&reply), vec![400, 400]);
    wrong.check(!reply.contains("not well-formed"), || reply.clone());
    // 100 Continue is hyper's own, and no refusal.
    let mut socket = Raw::open(gateway.address());
    socket.send(
        b"POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    );
    socket.read_until("HTTP/1.1 100 Continue\r\n\r\n");
    wrong.settle();
}

#[test]
fn plain_http_where_tls_is_spoken_is_led_to_https() {
    let app = Recorder::start();
    let gateway = Gateway::before(
        &app.origin(),
        "[client]\ntrusted_proxies = [\"loopback\"]\n",
    );
    let mut wrong = Verdicts::default();
    let (address, port) = (gateway.address(), gateway.port());
    let honest = format!("GET /a?b HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n");
    let upload = format!(
        "POST /a?b HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 300000\r\n\r\n{}",
        "x".repeat(300_000)
    );
    let from_443 = "GET /a?b HTTP/1.1\r\nHost: a.test:443\r\nConnection: close\r\n\r\n";
    let way = format!("https://localhost:{port}/a?b");
    for (what, sent, way) in [
        ("a request", format!("{honest}\r\n"), way.as_str()),
        ("an upload", upload, &way),
        ("443", from_443.to_owned(), "https://a.test/a?b"),
    ] {
        let text = raw(address, sent.as_bytes()).text();
        wrong.equal(what, statuses(&text), vec![308]);
        let head = text.to_ascii_lowercase();
        for (name, is_there) in [
            (format!("\nlocation: {way}\r\n").as_str(), true),
            ("x-content-type-options: nosniff", true),
            ("strict-transport-security", false),
            ("set-cookie", false),
        ] {
            wrong.equal(&format!("{what}: {name}"), head.contains(name), is_there);
        }
    }
    // Where there is no way, or one that leads back here, it is said what to write.
    let told = "use an address that begins with https://\n";
    for (what, sent) in [
        (
            "a trusted proxy's",
            format!("{honest}X-Forwarded-Proto: https\r\n\r\n"),
        ),
        ("no host", "GET / HTTP/1.0\r\n\r\n".to_owned()),
    ] {
        let before = refused(&gateway, "intake/plain-http").0;
        let reply = raw(address, sent.as_bytes());
        let text = reply.text();
        wrong.equal(what, statuses(&text), vec![400]);
        wrong.check(text.contains(told), || format!("{what}: {text}"));
        wrong.check(reply.closed, || format!("{what}: left open"));
        let after = refused(&gateway, "intake/plain-http").0;
        wrong.equal(what, after, before + 1);
    }
    // What is hostile is not said back.
    for host in [
        "<script>alert(1)</script>",
        "a.test\"onload=x",
        "user@a.test",
        "a.test/evil",
    ] {
        let sent = format!("GET / HTTP/1.1\r\nAccept: text/html\r\nHost: {host}\r\n\r\n");
        let text = raw(address, sent.as_bytes()).text();
        wrong.equal(host, statuses(&text), vec![400]);
        wrong.check(!text.contains(host), || text.clone());
    }
    // In pieces, and of another version.
    let mut slow = Raw::open(address);
    slow.send(b"G");
    slow.send(format!("{}\r\n", honest.split_at(1).1).as_bytes());
    let reply = slow.read_until("https://localhost");
    wrong.check(reply.starts_with("HTTP/1.1 308"), || reply);
    let text = raw(address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").text();
    wrong.equal("HTTP/2", statuses(&text), vec![400]);
    // What is neither gets an alert, as ever.
    let reply = raw(address, b"get / HTTP/1.1\r\n\r\n");
    wrong.equal("neither", reply.bytes.first(), Some(&0x15));
    wrong.equal("nobody gets through", app.seen().as_str(), "");
    let plain = format!("http://localhost:{port}/");
    let led = curl(&gateway.ca(), &["-L", &plain]);
    wrong.equal("curl", led.status, 200);
    let metrics = format!("{}/metrics", gateway.admin);
    let metrics = curl("/dev/null".as_ref(), &[&metrics]).text();
    let failed = "panoply_handshakes_failed_total 13";
    wrong.check(metrics.contains(failed), || metrics.clone());
    wrong.settle();
}
