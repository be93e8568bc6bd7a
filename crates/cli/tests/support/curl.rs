//! curl, and what it was answered.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{require, text};

/// An answer as curl saw it; those before the last (100, redirects) are dropped.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) version: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The only value of a header, or its values joined by `, `.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.all(name);
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Each line of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let wanted = |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(wanted)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn text(&self) -> String {
        text(&self.body)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {self:?}: {}", self.text()))
    }
}

/// Asks; fails the test when curl does.
pub(crate) fn curl(ca: &Path, arguments: &[&str]) -> Answer {
    curl_with(ca, arguments, b"").unwrap_or_else(|error| panic!("curl {arguments:?}: {error}"))
}

/// Asks for what must fail; gives curl's exit code and words.
pub(crate) fn curl_fails(ca: &Path, arguments: &[&str]) -> String {
    match curl_with(ca, arguments, b"") {
        Ok(answer) => panic!("curl {arguments:?} should have failed: {answer:?}"),
        Err(error) => error,
    }
}

/// Asks with something on standard input.
pub(crate) fn curl_with(ca: &Path, arguments: &[&str], input: &[u8]) -> Result<Answer, String> {
    use std::io::Write as _;
    require("curl");
    let mut child = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--include",
            "--max-time",
            "60",
            "--cacert",
        ])
        .arg(ca)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, text(&output.stderr)));
    }
    parse(&output.stdout, arguments.contains(&"-L"))
        .ok_or_else(|| format!("no answer in {:?}", text(&output.stdout)))
}

fn parse(mut rest: &[u8], following: bool) -> Option<Answer> {
    loop {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = text(&rest[..end]);
        rest = &rest[end + 4..];
        let (first, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
        let mut words = first.split_whitespace();
        let version = words.next()?.to_owned();
        let status = words.next()?.parse().ok()?;
        if (status < 200 && status != 101) || (following && (300..400).contains(&status)) {
            continue;
        }
        let headers = fields
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        return Some(Answer {
            version,
            status,
            headers,
            body: rest.to_vec(),
        });
    }
}
