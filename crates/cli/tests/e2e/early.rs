//! Answers that come before their request has, and connections that end around them.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use support::{Gateway, Raw, Verdicts, statuses};

const CONFIG: &str = "[tls]\nmode = \"off\"\n[limits]\nstall_timeout = \"1s\"\nidle_timeout = \"2s\"\n\
    [[login]]\npath = \"/login\"\n";

/// How long a limit of a second or two may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a large answer has.
const LARGE: usize = 3_000_000;

/// An app that answers as soon as it has read a head, by the path; to `/all` when it has read everything.
fn early_app() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    format!("http://127.0.0.1:{port}")
}

fn serve(mut stream: TcpStream) {
    let mut seen = Vec::new();
    let mut block = [0; 4096];
    loop {
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read(&mut block) {
                Ok(read @ 1..) => seen.extend_from_slice(&block[..read]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&seen).into_owned();
        let path = head.split(' ').nth(1).unwrap_or("").to_owned();
        seen.clear();
        let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
        let answer = match path.as_str() {
            "/login" | "/half" => {
                format!("{html}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            }
            "/large" => format!("{html}Content-Length: {LARGE}\r\n\r\n{}", "x".repeat(LARGE)),
            _ => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).is_err() || path == "/login" || path == "/half" {
            return;
        }
        if path == "/unread" {
            // It keeps the connection and takes nothing more.
            thread::sleep(PATIENCE * 2);
            return;
        }
    }
}

fn gateway() -> Gateway {
    Gateway::before(&early_app(), CONFIG)
}

fn post(path: &str, length: usize, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n{more}\r\n")
}

#[test]
fn who_sends_no_more_after_an_early_answer_is_let_go() {
    let gateway = gateway();
    let address = gateway.address().to_owned();
    let mut wrong = Verdicts::default();
    for (what, more) in [("lasts", ""), ("ends", "Connection: close\r\n")] {
        let mut socket = Raw::open(&address);
        socket.send(post("/early", 100_000, more).as_bytes());
        socket.send(b"abc");
        let reply = socket.read_for(PATIENCE);
        wrong.equal(what, reply.status(), 401);
        wrong.check(reply.closed, || format!("{what}: still open"));
    }
    // The app keeps the connection, and does not read what the client would still send.
    let mut socket = Raw::open(&address);
    let body = vec![b'x'; 16 << 20];
    let request = [post("/unread", body.len(), "").as_bytes(), &body].concat();
    let reply = socket.talk(request);
    wrong.equal("unread", reply.status(), 401);
    wrong.check(reply.closed, || "unread: still open".to_owned());
    wrong.settle();
}

#[test]
fn half_a_page_does_not_pass_for_a_whole_one() {
    let gateway = gateway();
    let mut wrong = Verdicts::default();
    for path in ["/login", "/half"] {
        let form = "username=ada&password=wrong";
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let mut socket = Raw::open(gateway.address());
        socket.send(format!("{}{form}", post(path, form.len(), kind)).as_bytes());
        let reply = socket.read_for(PATIENCE);
        let text = reply.text();
        wrong.check(text.contains("half"), || format!("{path}: {text}"));
        wrong.check(reply.closed, || format!("{path}: still open"));
        let whole = text.contains("\r\n0\r\n") || text.to_lowercase().contains("content-length");
        wrong.check(!whole, || format!("{path} came to an end: {text}"));
    }
    wrong.settle();
}

#[test]
fn a_refused_post_leaves_its_connection_for_the_next() {
    let gateway = gateway();
    let mut wrong = Verdicts::default();
    let foreign = "Cookie: a=b\r\nSec-Fetch-Site: cross-site\r\nOrigin: https://evil.test\r\n";
    let mut socket = Raw::open(gateway.address());
    socket.send(post("/x", 5, foreign).as_bytes());
    let refused = socket.read_until("\r\n\r\n");
    wrong.equal("refused", statuses(&refused), vec![403]);
    let says_close = refused.to_lowercase().contains("connection: close");
    wrong.check(!says_close, || refused.clone());
    // The body comes in a packet of its own, as most clients send it, and then the next request.
    socket.send(b"hello");
    socket.send(b"GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let reply = socket.read_for(PATIENCE);
    let next = reply.text();
    wrong.check(next.contains("HTTP/1.1 401"), || format!("next: {next}"));
    wrong.check(reply.closed, || "still open".to_owned());
    // What is too much to be thrown away is said to end the connection.
    let mut socket = Raw::open(gateway.address());
    socket.send(post("/x", 1 << 20, foreign).as_bytes());
    let refused = socket.read_until("\r\n\r\n").to_lowercase();
    wrong.check(refused.contains("connection: close"), || refused.clone());
    // So is what nobody knows the end of (RFC 9112 §9.6): whatever comes of it, no more is promised.
    let chunked = format!(
        "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n{foreign}\r\n5\r\nhello\r\n"
    );
    for (rest, lasts) in [("", false), ("0\r\n\r\n", true)] {
        let mut socket = Raw::open(gateway.address());
        socket.send([&chunked, rest].concat().as_bytes());
        let refused = socket.read_until("\r\n\r\n").to_lowercase();
        let says_close = refused.contains("connection: close");
        wrong.check(says_close != lasts, || format!("{rest:?}: {refused}"));
    }
    wrong.settle();
}

#[test]
fn nothing_of_an_answer_is_lost_to_what_the_client_sends_behind_it() {
    let gateway = gateway();
    let mut socket = Raw::open(gateway.address());
    let last = "GET /large HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let behind = "GET /behind HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(8000);
    let reply = socket.talk([last, &behind].concat().into_bytes());
    let text = reply.text();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    assert_eq!(body.len(), LARGE, "{:?}", text.get(..200));
}
