//! Bytes that no honest client sends: each refused, the connection closed, and the app none the wiser.

use super::support;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::siege::{Served, withstood};
use support::{Gateway, Raw, Recorder, Verdicts, ask, raw, require, statuses, text};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

/// The rows of `refused.tsv` of one kind: heads have a status, bodies the word `body`.
fn refused(bodies: bool) -> Vec<(&'static str, u16, String)> {
    include_str!("../refused.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.splitn(3, '\t').collect::<Vec<_>>())
        .filter(|row| (row[1] == "body") == bodies)
        .map(|row| (row[0], row[1].parse().unwrap_or(400), unescape(row[2])))
        .collect()
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text
        .replace("%H", "Host: a.test\\r\\n")
        .into_bytes()
        .into_iter()
        .peekable();
    while let Some(byte) = characters.next() {
        let plain = if byte == b'\\' {
            match characters.next().unwrap() {
                b'r' => '\r',
                b'n' => '\n',
                b't' => '\t',
                b'0' => '\0',
                b'x' => {
                    let digits = [characters.next().unwrap(), characters.next().unwrap()];
                    char::from(
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap(),
                    )
                }
                other => panic!("an unknown escape {other}"),
            }
        } else {
            char::from(byte)
        };
        out.push(plain);
    }
    out
}

#[test]
fn smuggling_is_refused_and_the_connection_closed() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let mut wrong = Verdicts::default();
    let poison = "GET /poison HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for (what, expected, payload) in refused(false) {
        let sent = payload + poison;
        let reply = raw(gateway.address(), sent.as_bytes());
        let all = statuses(&reply.text());
        wrong.check(all == [expected], || {
            format!("{what}: {all:?}, expected {expected} alone")
        });
        wrong.check(reply.closed, || {
            format!("{what}: the connection stayed open")
        });
        let seen = app.take();
        wrong.check(seen.is_empty(), || format!("{what}: the app saw {seen:?}"));
    }
    for (what, _, body) in refused(true) {
        let sent = format!(
            "POST /body HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}{poison}"
        );
        let reply = raw(gateway.address(), sent.as_bytes());
        let all = statuses(&reply.text());
        wrong.check(all == [400], || {
            format!("chunks, {what}: {all:?}, expected 400 alone")
        });
        wrong.check(reply.closed, || {
            format!("chunks, {what}: the connection stayed open")
        });
        let seen = app.take();
        wrong.check(
            !seen.contains("/poison") && !seen.ends_with("0\r\n\r\n"),
            || format!("chunks, {what}: the app saw {seen:?}"),
        );
    }
    // Still well, and the app's connections are not out of step.
    for n in 0..20 {
        let reply = ask(
            gateway.address(),
            format!("GET /after{n} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
        wrong.equal("after", reply.status(), 200);
    }
    wrong.equal("after", app.seen().matches("GET /after").count(), 20);
    wrong.settle();
    let tried = format!(
        "{} heads and {} bodies, each with a request hidden behind it: all refused, none reached the app",
        refused(false).len(),
        refused(true).len()
    );
    let served = Served {
        asked: 20,
        answered: 20,
        ..Served::default()
    };
    withstood("request smuggling", &tried, &gateway, &served, 128 << 10);
}

#[test]
fn the_same_over_tls_and_split_into_single_bytes() {
    let app = Recorder::start();
    let secure = Gateway::before(&app.origin(), "");
    let plain = Gateway::before(&app.origin(), PLAIN);
    let mut wrong = Verdicts::default();
    require("openssl");
    for (what, expected, sent) in refused(false).into_iter().step_by(6) {
        let mut child = Command::new("timeout")
            .args([
                "5",
                "openssl",
                "s_client",
                "-quiet",
                "-alpn",
                "http/1.1",
                "-connect",
                secure.address(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Kept open, so that s_client ends only when the gateway closes; 124 is timeout's own.
        let mut input = child.stdin.take().unwrap();
        input.write_all(sent.as_bytes()).unwrap();
        input.flush().unwrap();
        let output = child.wait_with_output().unwrap();
        drop(input);
        wrong.equal(
            &format!("TLS, {what}"),
            statuses(&text(&output.stdout)),
            vec![expected],
        );
        wrong.check(output.status.code() != Some(124), || {
            format!("TLS, {what}: the connection stayed open")
        });

        let mut socket = Raw::open(plain.address());
        for byte in sent.as_bytes() {
            if !socket.send(&[*byte]) {
                break;
            }
        }
        let reply = socket.read_for(Duration::from_secs(2));
        wrong.equal(&format!("byte by byte, {what}"), reply.status(), expected);
        wrong.check(reply.closed, || {
            format!("byte by byte, {what}: the connection stayed open")
        });
        wrong.check(app.take().is_empty(), || format!("{what}: the app saw it"));
    }
    let mut socket = Raw::open(plain.address());
    for byte in b"POST /slowly HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" {
        socket.send(&[*byte]);
    }
    wrong.equal(
        "an honest one byte by byte",
        socket.read_for(Duration::from_secs(1)).status(),
        200,
    );
    wrong.settle();
}
