//! In front of an app that listens on a Unix socket.

use super::support;

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use support::{Gateway, Raw, Verdicts, raw, statuses, wait_for};

/// An app at `path` that says how many requests came by the connection, takes what is sent and, asked for it, speaks
/// something else than HTTP: it sends back what it is sent.
fn app(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
}

fn serve(mut stream: UnixStream) {
    let mut sent = Vec::new();
    let mut block = [0; 4096];
    let mut count = 0;
    while let Ok(read @ 1..) = stream.read(&mut block) {
        sent.extend_from_slice(&block[..read]);
        let text = String::from_utf8_lossy(&sent).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if head.contains("websocket") {
            let switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
            stream.write_all(switched.as_bytes()).unwrap();
            let mut out = stream.try_clone().unwrap();
            std::io::copy(&mut stream, &mut out).ok();
            return;
        }
        let length = { head.lines() }
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        if body.len() < length {
            continue;
        }
        count += 1;
        let said = format!("{count}, {length}");
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}",
            said.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
        sent.clear();
    }
}

#[test]
fn an_app_behind_a_socket_has_all_that_one_behind_a_port_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let mut wrong = Verdicts::default();
    let upstream = format!("unix:{}", path.display());
    // It may come later than the gateway.
    let mut gateway = Gateway::before(&upstream, "[tls]\nmode = \"off\"\n");
    let address = gateway.address().to_owned();
    let get = || {
        raw(
            &address,
            b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
        )
        .text()
    };
    wrong.equal("before it is there", statuses(&get()), vec![502]);
    gateway
        .process
        .line_with(&["has not made it yet"], Duration::from_secs(20));
    app(&path);
    let first = get();
    wrong.equal("once it is there", statuses(&first), vec![200]);
    wrong.check(first.ends_with("1, 0"), || first.clone());
    wait_for(
        "a connection to be used again",
        Duration::from_secs(20),
        || (!get().ends_with("1, 0")).then_some(()),
    );
    let body = "x".repeat(300_000);
    let post = format!(
        "POST /up HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let posted = raw(&address, post.as_bytes()).text();
    wrong.check(posted.ends_with(", 300000"), || posted.clone());
    let mut tunnel = Raw::open(&address);
    tunnel.send(
        b"GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    tunnel.read_until("\r\n\r\n");
    tunnel.send(b"to and fro");
    tunnel.read_until("to and fro");
    // Another one in its place is found by itself.
    std::fs::remove_file(&path).unwrap();
    app(&path);
    wait_for("the other one", Duration::from_secs(20), || {
        get().ends_with("1, 0").then_some(())
    });
}
