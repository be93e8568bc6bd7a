//! Requests that no browser sends: read in two ways, or larger than anybody needs.

use std::{fmt::Write as _, io};

use super::{
    Lab,
    outcome::{Outcome, Side},
    wire::Door,
};

/// A header of this size is more than Node takes.
const OVERSIZED: usize = 40 * 1024;

pub(super) async fn run(lab: &Lab) -> io::Result<Outcome> {
    Ok([try_all(&lab.naked).await?, try_all(&lab.guarded).await?].into())
}

/// What is sent: its name, how it is shown, and its bytes.
fn requests(host: &str) -> [(&'static str, String, String); 4] {
    let head = format!("Host: {host}\r\nConnection: close\r\n");
    let plain = |bytes: String| (bytes.replace('\r', ""), bytes);
    let (two_lengths_shown, two_lengths) = plain(format!(
        "POST /comments/clear HTTP/1.1\r\n{head}Content-Length: 4\r\nTransfer-Encoding: \
         chunked\r\n\r\n0\r\n\r\n"
    ));
    let (two_hosts_shown, two_hosts) = plain(format!(
        "GET / HTTP/1.1\r\n{head}Host: attacker.example\r\n\r\n"
    ));
    let bare = format!("GET / HTTP/1.1\nHost: {host}\nConnection: close\n\n");
    let padding = "a".repeat(OVERSIZED);
    let oversized = format!("GET / HTTP/1.1\r\n{head}X-Padding: {padding}\r\n\r\n");
    let shown = format!("GET / HTTP/1.1\nHost: {host}\nX-Padding: a… {OVERSIZED} times\n");
    [
        ("two lengths (smuggling)", two_lengths_shown, two_lengths),
        ("two hosts", two_hosts_shown, two_hosts),
        ("lines that end in a bare LF", bare.clone(), bare),
        ("a header of 40 KiB", shown, oversized),
    ]
}

async fn try_all(door: &Door) -> io::Result<Side> {
    let (mut sent, mut answered) = (String::new(), String::new());
    let mut taken = Vec::new();
    let requests = requests(&door.authority);
    for (name, shown, bytes) in &requests {
        let answer = door.send(bytes.as_bytes()).await?;
        // Writing to a string does not fail.
        let _ = writeln!(sent, "{name}:\n{shown}");
        let _ = writeln!(answered, "{name}:\n{}\n", answer.line());
        if (100..400).contains(&answer.status) {
            taken.push(*name);
        }
    }
    Ok(Side {
        fell: Some(!taken.is_empty()),
        sent,
        answered,
        saw: if taken.is_empty() {
            "Each was refused, and its connection closed.".to_owned()
        } else {
            format!(
                "{} of {} were taken: {}. Behind a proxy that reads them another way, one user’s request \
                 ends in another's.",
                taken.len(),
                requests.len(),
                taken.join(", ")
            )
        },
    })
}
