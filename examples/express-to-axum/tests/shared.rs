//! The shop and the service with one session: logged in, read, changed and logged out on either.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a test may fail loudly, and waits by the real clock"
)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use panoply_store_test::PostgresServer;
use serde_json::{Value, json};

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server, and gives the address that it says on its first line.
fn serve(command: &mut Command) -> (Running, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .strip_prefix("http://")
        .unwrap_or_else(|| panic!("{line}"));
    (Running(child), address.to_owned())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The shop's packages, whichever test comes first.
fn npm_ci(folder: &Path) {
    let lock = File::create(std::env::temp_dir().join("panoply-express-to-axum.lock")).unwrap();
    lock.lock().unwrap();
    let locked = fs::read(folder.join("package-lock.json")).unwrap();
    let stamp = folder.join("node_modules/.panoply-installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == locked) {
        return;
    }
    let npm = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--silent",
        ])
        .current_dir(folder)
        .status();
    assert!(npm.unwrap().success(), "npm ci in {}", folder.display());
    fs::write(stamp, locked).unwrap();
}

/// The shop and the service, with one store.
struct Both {
    express: String,
    rust: String,
    _running: [Running; 2],
}

impl Both {
    /// Express with these secrets, the service with those.
    fn start(store: &str, theirs: &str, ours: &str, max_age: Option<&str>) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("app");
        npm_ci(&folder);
        let mut node = Command::new("node");
        node.arg(folder.join("server.js"))
            .env("PORT", "0")
            .env("SECRETS", theirs);
        let mut service = Command::new(env!("CARGO_BIN_EXE_express-to-axum"));
        service.env("PORT", "0").env("SECRETS", ours);
        for command in [&mut node, &mut service] {
            command.env("STORE", store).env_remove("MAX_AGE");
            if let Some(age) = max_age {
                command.env("MAX_AGE", age);
            }
        }
        let (shop, express) = serve(&mut node);
        let (service, rust) = serve(service.env("EXPRESS", format!("http://{express}")));
        Self {
            express,
            rust,
            _running: [shop, service],
        }
    }
}

/// A browser: it keeps one cookie.
#[derive(Debug, Default, Clone)]
struct Browser {
    cookie: Option<String>,
}

impl Browser {
    /// The status, and the body.
    fn ask(&mut self, method: &str, address: &str, path: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let cookie = self
            .cookie
            .as_ref()
            .map(|cookie| format!("Cookie: {cookie}\r\n"));
        let cookie = cookie.unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nContent-Length: 0\r\n{cookie}\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        for line in head.lines() {
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            if name.eq_ignore_ascii_case("set-cookie") {
                let pair = value.split(';').next().unwrap();
                let gone = value.contains("1970") || pair.ends_with('=');
                self.cookie = (!gone).then(|| pair.to_owned());
            }
        }
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    fn post(&mut self, address: &str, path: &str) -> u16 {
        self.ask("POST", address, path).0
    }

    /// What an account page says; the body may come in chunks.
    fn account(&mut self, address: &str, path: &str) -> Value {
        let (_, body) = self.ask("GET", address, path);
        let (start, end) = (body.find('{').unwrap(), body.rfind('}').unwrap());
        serde_json::from_str(&body[start..=end]).unwrap()
    }
}

fn through_both(store: &str) {
    let both = Both::start(store, "keyboard cat", "keyboard cat", None);
    let (express, rust) = (both.express.as_str(), both.rust.as_str());
    // In at Express; the route that has moved knows who it is, and Express sees what it did.
    let mut ada = Browser::default();
    assert_eq!(ada.post(express, "/login"), 302);
    assert_eq!(ada.post(rust, "/cart?add=mug"), 303);
    assert_eq!(ada.post(express, "/theme?is=dark"), 302);
    let everything = json!({"user": "ada", "cart": ["mug"], "theme": "dark"});
    assert_eq!(ada.account(express, "/account"), everything);
    assert_eq!(ada.account(rust, "/rust/account"), everything);
    // What has not moved is reached by way of the service.
    assert_eq!(ada.account(rust, "/account"), everything);
    // Out at the service is out at Express.
    let mut copy = ada.clone();
    assert_eq!(ada.post(rust, "/rust/logout"), 303);
    assert_eq!(copy.account(express, "/account")["user"], Value::Null);
    assert_eq!(copy.post(rust, "/cart?add=pen"), 401);

    // In at the service, out at Express.
    let mut grace = Browser::default();
    assert_eq!(grace.post(rust, "/rust/login"), 303);
    assert_eq!(grace.account(express, "/account")["user"], "grace");
    assert_eq!(grace.post(express, "/theme?is=light"), 302);
    assert_eq!(grace.account(rust, "/rust/account")["theme"], "light");
    let mut copy = grace.clone();
    assert_eq!(grace.post(express, "/logout"), 302);
    assert_eq!(copy.account(rust, "/rust/account")["user"], Value::Null);
    // A login changes the id on either side.
    let mut ada = Browser::default();
    ada.post(express, "/login");
    let before = ada.clone();
    assert_eq!(ada.post(rust, "/rust/login"), 303);
    assert_ne!(ada.cookie, before.cookie);
    assert_eq!(
        before.clone().account(express, "/account")["user"],
        Value::Null
    );

    // Forty clicks at once are forty mugs.
    ada.post(express, "/login");
    std::thread::scope(|scope| {
        for number in 0..40 {
            let mut ada = ada.clone();
            scope.spawn(move || assert_eq!(ada.post(rust, &format!("/cart?add=mug{number}")), 303));
        }
    });
    assert_eq!(
        ada.account(express, "/account")["cart"]
            .as_array()
            .unwrap()
            .len(),
        40
    );
}

/// Each side has another newest secret, and knows the other's.
fn rotated(store: &str) {
    let both = Both::start(store, "new,old", "old,new", Some("3600000"));
    let mut ada = Browser::default();
    ada.post(&both.express, "/login");
    let theirs = ada.cookie.clone();
    assert_eq!(ada.account(&both.rust, "/rust/account")["user"], "ada");
    assert_ne!(ada.cookie, theirs, "sent anew with our first");
    assert_eq!(ada.post(&both.rust, "/cart?add=mug"), 303);
    assert_eq!(
        ada.account(&both.express, "/account")["cart"],
        json!(["mug"])
    );
    let forged = ada.cookie.as_ref().unwrap().replace("s%3A", "s%3Ax");
    let mut thief = Browser {
        cookie: Some(forged),
    };
    assert_eq!(
        thief.account(&both.rust, "/rust/account")["user"],
        Value::Null
    );
}

#[test]
fn in_redis() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let server = Command::new("redis-server")
        .args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
        ])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn();
    let _server = Running(server.expect("redis-server is needed"));
    while TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let url = format!("redis://127.0.0.1:{port}");
    through_both(&url);
    rotated(&url);
}

#[test]
fn in_postgres() {
    let server = PostgresServer::start();
    through_both(&server.url());
    rotated(&server.url());
}
