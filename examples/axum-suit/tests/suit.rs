//! Starts the app and reads what it sends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct App {
    child: Child,
    address: String,
}

impl App {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_axum-suit"))
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str, fields: &str) -> (String, String) {
        self.ask("GET", path, fields, "")
    }

    fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> (String, String) {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{fields}\r\n{body}"
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// Ends it; what it wrote to stderr.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let named = |line: &&str| {
        line.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let line = head
        .lines()
        .find(named)
        .unwrap_or_else(|| panic!("no {name} in {head}"));
    line.split_once(": ").unwrap().1
}

#[test]
fn it_wears_the_suit() {
    let app = App::start();
    let (head, body) = app.get("/", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(header(&head, "x-content-type-options"), "nosniff");
    assert_eq!(header(&head, "cross-origin-opener-policy"), "same-origin");
    let (_, nonce) = body.split_once("nonce=\"").unwrap();
    let (nonce, _) = nonce.split_once('"').unwrap();
    let policy = header(&head, "content-security-policy");
    assert!(policy.contains(&format!("'nonce-{nonce}'")), "{policy}");
    let (_, again) = app.get("/", "");
    assert!(!again.contains(nonce), "a nonce is for one answer");

    let (head, missing) = app.get("/nowhere", "");
    assert!(head.starts_with("HTTP/1.1 404"), "{head} {missing}");
    assert_eq!(header(&head, "x-frame-options"), "DENY");

    assert_eq!(app.get("/ip", "").1, "127.0.0.1\n");
    let (head, ip) = app.get("/ip", "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n");
    assert_eq!(ip, "203.0.113.9\n", "as the proxy on this machine says");

    let id = header(&head, "x-request-id").to_owned();
    let said = app.end();
    let line = said.lines().find(|line| line.contains(&id));
    let line = line.unwrap_or_else(|| panic!("no {id} in {said}"));
    assert!(
        line.contains("203.0.113.9") && line.contains("/ip"),
        "{line}"
    );
}

#[test]
fn its_login_is_guarded() {
    let app = App::start();
    let login = |password: &str| {
        let body = format!("username=ali&password={password}");
        let length = body.len();
        let fields = format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
        );
        app.ask("POST", "/login", &fields, &body).0
    };
    assert!(login("open-sesame").contains("panoply_device="));
    for _ in 0..10 {
        assert!(login("sesame").starts_with("HTTP/1.1 200"));
    }
    let refused = login("open-sesame");
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert_eq!(header(&refused, "retry-after"), "3600");
}
