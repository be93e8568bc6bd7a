//! Interim answers of the app (RFC 9110 §15.2): they go to whoever may know them, ahead of the answer.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Gateway, Raw, Verdicts, curl, node, statuses};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\nServer: x\r\n\
    X-Powered-By: y\r\nSet-Cookie: a=b\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 9\r\n\r\n";

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An app that says by the path what it says ahead of its answer; on `/waits` the answer waits for `go`.
fn app(go: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let go = Arc::clone(&go);
            thread::spawn(move || serve(stream, &go));
        }
    });
    format!("http://127.0.0.1:{port}")
}

fn serve(mut stream: TcpStream, go: &AtomicBool) {
    let mut seen = Vec::new();
    let mut block = [0; 4096];
    loop {
        let head = loop {
            let end = seen.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = seen.split_off(end + 4);
                break String::from_utf8(std::mem::replace(&mut seen, rest)).unwrap();
            }
            match stream.read(&mut block) {
                Ok(read @ 1..) => seen.extend_from_slice(&block[..read]),
                _ => return,
            }
        };
        let path = head.split(' ').nth(1).unwrap_or("").to_owned();
        let small = "HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n";
        let said = match path.as_str() {
            "/many" => small.repeat(1000),
            "/large" => format!(
                "HTTP/1.1 103 Early Hints\r\nLink: <{}>\r\n\r\n",
                "x".repeat(20_000)
            ),
            "/broken" => "HTTP/1.1 103 Early Hints\r\nA b: c\r\n\r\n".to_owned(),
            _ => HINTS.to_owned(),
        };
        if path == "/together" {
            let processing = "HTTP/1.1 102 Processing\r\n\r\n";
            let all = [processing, &said, ANSWER].concat();
            stream.write_all(all.as_bytes()).unwrap();
            continue;
        }
        if stream.write_all(said.as_bytes()).is_err() {
            return;
        }
        if path == "/expects" {
            // It sends what a server sends that was asked, though it never was, and reads the body.
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            while seen.len() < 5 {
                match stream.read(&mut block) {
                    Ok(read @ 1..) => seen.extend_from_slice(&block[..read]),
                    _ => return,
                }
            }
            seen.drain(..5);
        }
        let deadline = Instant::now() + PATIENCE;
        while path == "/waits" && !go.load(Ordering::SeqCst) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        if stream.write_all(ANSWER.as_bytes()).is_err() {
            return;
        }
    }
}

fn get(path: &str, version: &str) -> String {
    format!("GET {path} HTTP/{version}\r\nHost: a.test\r\nConnection: close\r\n\r\n")
}

#[test]
fn they_come_ahead_of_the_answer_and_say_no_more_than_it_would() {
    let go = Arc::<AtomicBool>::default();
    let gateway = Gateway::before(&app(Arc::clone(&go)), PLAIN);
    let mut wrong = Verdicts::default();
    let mut socket = Raw::open(gateway.address());
    socket.send(get("/waits", "1.1").as_bytes());
    // The app answers when the hints have come, and not before.
    let hints = socket.read_until("\r\n\r\n");
    go.store(true, Ordering::SeqCst);
    wrong.equal(
        "hints",
        hints.as_str(),
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload; as=style\r\n\r\n",
    );
    let answer = socket.read_for(PATIENCE).text();
    wrong.check(answer.starts_with("HTTP/1.1 200 OK\r\n"), || answer.clone());

    let ask = |path: &str, version: &str| {
        let mut socket = Raw::open(gateway.address());
        socket.send(get(path, version).as_bytes());
        let reply = socket.read_for(PATIENCE);
        (statuses(&reply.text()), reply.bytes.len())
    };
    let (together, _) = ask("/together", "1.1");
    wrong.equal("with the answer", together, vec![102, 103, 200]);
    for path in ["/together", "/waits", "/many"] {
        wrong.equal("HTTP/1.0", ask(path, "1.0").0, vec![200]);
    }
    let (many, bytes) = ask("/many", "1.1");
    wrong.equal("many", many, [vec![103; 16], vec![200]].concat());
    wrong.check(bytes < 4096, || format!("{bytes} bytes"));
    wrong.equal("large", ask("/large", "1.1").0, vec![200]);
    wrong.equal("broken", ask("/broken", "1.1").0, vec![502]);
    // Twice on one connection, for which each begins anew.
    let mut socket = Raw::open(gateway.address());
    let request = "GET /many HTTP/1.1\r\nHost: a.test\r\n\r\n";
    socket.send(format!("{request}{}", get("/many", "1.1")).as_bytes());
    let twice = statuses(&socket.read_for(PATIENCE).text());
    wrong.equal(
        "twice",
        twice.iter().filter(|status| **status == 103).count(),
        32,
    );
    wrong.settle();
}

#[test]
fn leave_to_send_a_body_is_said_once_and_by_the_gateway() {
    let gateway = Gateway::before(&app(Arc::default()), PLAIN);
    let mut socket = Raw::open(gateway.address());
    socket.send(
        b"PUT /expects HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\
          Connection: close\r\n\r\n",
    );
    let mut ahead = Vec::new();
    while !(ahead.contains(&100) && ahead.contains(&103)) {
        ahead.extend(statuses(&socket.read_until("\r\n\r\n")));
    }
    socket.send(b"hello");
    let rest = statuses(&socket.read_for(PATIENCE).text());
    assert_eq!((ahead.len(), rest), (2, vec![200]), "{ahead:?}");
}

#[test]
fn clients_of_all_kinds_have_the_answer() {
    let gateway = Gateway::before(&app(Arc::default()), "");
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        let answer = curl(&gateway.ca(), &[version, &gateway.url("/together")]);
        wrong.equal(
            version,
            (answer.status, answer.text()),
            (200, "ok".to_owned()),
        );
    }
    // As Node writes them, and as it hears them.
    let node_app = support::App::start(&support::test_app("early-hints.mjs"));
    let gateway = Gateway::before(&node_app.origin(), "");
    let seen = node("early-hints.mjs", &[&gateway.origin], Some(&gateway.ca()));
    wrong.equal(
        "Node",
        seen["told"].clone(),
        json!([[102, null], [103, "</a.js>; rel=preload; as=script"]]),
    );
    wrong.equal("its answer", seen["status"].clone(), 200);
    wrong.settle();
}
