//! Trailers that nobody announced, byte for byte, between sockets that speak HTTP/1.1.

use super::support;

use support::{Gateway, Raw, Recorder, Verdicts, ask};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

const ANSWER: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    5\r\n0\r\n\r\n\r\n3\r\nend\r\n0\r\nX-Sum: 1\r\nSet-Cookie: evil=1\r\nX-Sum: 2\r\n\
    Content-Length: 9\r\nTransfer-Encoding: gzip\r\nHost: b.test\r\n\r\n";

#[test]
fn they_pass_down_when_they_are_welcome() {
    let app = Recorder::answering(ANSWER);
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let mut wrong = Verdicts::default();
    let mut socket = Raw::open(gateway.address());
    for n in 0..3 {
        let asked = format!("GET /{n} HTTP/1.1\r\nHost: a.test\r\nTE: gzip, trailers\r\n\r\n");
        socket.send(asked.as_bytes());
        let answer = socket.read_until("x-sum: 2\r\n\r\n");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let data: String = body.replace("5\r\n0\r\n\r\n\r\n", "");
        wrong.equal(
            "the bytes after the head",
            data.as_str(),
            "3\r\nend\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\n",
        );
    }
    // Two at once: the second answer begins after the first one's trailers.
    let two = "GET /a HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n\r\n".repeat(2);
    let reply = ask(gateway.address(), two.as_bytes()).text();
    wrong.equal("two at once", reply.matches("x-sum: 2\r\n\r\n").count(), 2);
    wrong.check(reply.contains("x-sum: 2\r\n\r\nHTTP/1.1 200"), || {
        reply.clone()
    });

    for plain in [
        "GET /unasked HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET /unasked HTTP/1.0\r\nHost: a.test\r\nTE: trailers\r\n\r\n",
    ] {
        let reply = ask(gateway.address(), plain.as_bytes()).text();
        wrong.check(!reply.contains("x-sum"), || reply.clone());
        wrong.check(reply.contains("end"), || reply.clone());
    }
    let head = "HEAD / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: close\r\n\r\n";
    let quiet = Recorder::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let gateway = Gateway::before(&quiet.origin(), PLAIN);
    let reply = ask(gateway.address(), head.as_bytes());
    wrong.check(reply.text().ends_with("\r\n\r\n"), || reply.text());
    wrong.settle();
}

#[test]
fn they_pass_up_and_the_connection_stays_in_step() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let mut wrong = Verdicts::default();
    let mut socket = Raw::open(gateway.address());
    for n in 0..3 {
        let sent = format!(
            "POST /up{n} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
             4\r\ndata\r\n0\r\nX-Digest: feed\r\nX-Forwarded-For: 6.6.6.6\r\n\
             Content-Length: 100\r\nX_Digest: no\r\n\r\n"
        );
        socket.send(sent.as_bytes());
        socket.read_until("\r\n\r\nok\n");
        let seen = app.take();
        wrong.check(
            seen.ends_with("\r\n\r\n4\r\ndata\r\n0\r\nx-digest: feed\r\n\r\n"),
            || seen.clone(),
        );
        socket.send(b"GET /between HTTP/1.1\r\nHost: a.test\r\n\r\n");
        socket.read_until("\r\n\r\nok\n");
        let seen = app.take();
        wrong.check(seen.starts_with("GET /between HTTP/1.1\r\n"), || {
            seen.clone()
        });
    }
    wrong.settle();
}
