//! How certificates that are ordered stand, seen from outside.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Answer, Gateway, Pebble, curl, panoply, text, wait_for};

/// What `panoply status` says.
pub(crate) fn status(gateway: &Gateway) -> Value {
    let state = gateway.dir.path().join("state");
    let output = panoply()
        .args(["status", "--json", "--state"])
        .arg(state)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// Waits until every certificate that is ordered is there.
pub(crate) fn certified(gateway: &Gateway) -> Value {
    wait_for("certificates", Duration::from_mins(1), || {
        let status = status(gateway);
        let all = status["certificates"].as_array()?;
        let ordered: Vec<_> = all.iter().filter(|one| one["source"] == "acme").collect();
        let there = |one: &&Value| one["valid_until"].is_string();
        (!ordered.is_empty() && ordered.iter().all(there)).then(|| status.clone())
    })
}

/// Waits until an order has failed; gives what is said of it.
pub(crate) fn refused(gateway: &Gateway) -> String {
    wait_for("an explanation", Duration::from_mins(1), || {
        let status = status(gateway);
        let said = status["certificates"][0]["standing"].as_str()?.to_owned();
        said.contains("Tried again").then_some(said)
    })
}

/// Asks as a browser would, which trusts `root`.
pub(crate) fn visit(root: &Path, pebble: &Pebble, name: &str) -> Answer {
    let port = pebble.https;
    let to = format!("{name}:{port}:127.0.0.1");
    curl(
        root,
        &["--resolve", &to, &format!("https://{name}:{port}/")],
    )
}

/// The certificate for `name` where the directory looks.
pub(crate) fn fingerprint(pebble: &Pebble, name: &str) -> String {
    shown_at(pebble.https, name)
}

/// The certificate for `name` at a port.
pub(crate) fn shown_at(port: u16, name: &str) -> String {
    let address = format!("127.0.0.1:{port}");
    let shown = Command::new("timeout")
        .args([
            "10",
            "openssl",
            "s_client",
            "-connect",
            &address,
            "-servername",
            name,
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    text(&shown.stdout)
        .lines()
        .skip_while(|line| !line.contains("BEGIN CERTIFICATE"))
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

/// A connection by which more than one request is sent.
#[derive(Debug)]
pub(crate) struct Kept {
    client: Child,
    answers: BufReader<ChildStdout>,
}

impl Kept {
    pub(crate) fn open(port: u16, name: &str) -> Self {
        let mut client = Command::new("timeout")
            .args(["60", "openssl", "s_client", "-quiet", "-servername", name])
            .args(["-connect", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = BufReader::new(client.stdout.take().unwrap());
        Self { client, answers }
    }

    /// The first line of the answer.
    pub(crate) fn ask(&mut self, host: &str) -> String {
        let stdin = self.client.stdin.as_mut().unwrap();
        write!(stdin, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut lines = (&mut self.answers).lines().map(Result::unwrap);
        lines.find(|line| line.starts_with("HTTP/1.1 ")).unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
