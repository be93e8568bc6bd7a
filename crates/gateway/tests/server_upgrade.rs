//! The program of a service, replaced while it serves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's own")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use panoply_gateway::Server;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Where the program that is started as this test finds its state.
const STATE: &str = "SERVED_STATE";

/// Not a test: the service, when it is started by the one below, and by itself in its own place.
#[test]
#[ignore = "started by the other"]
fn the_service() {
    let Some(state) = std::env::var_os(STATE).map(PathBuf::from) else {
        return;
    };
    let own = std::process::id();
    let slow = async move || {
        tokio::time::sleep(Duration::from_millis(20)).await;
        own.to_string()
    };
    let said = state.join("ready");
    let server = Server::new(Router::new().route("/", get(slow)))
        .config_text(
            "[listen]\nhttp = \"127.0.0.1:0\"\nworkers = 2\n[tls]\nmode = \"off\"\n[admin]\nlisten = \"off\"\n\
             [log]\naccess = false\n",
        )
        .state(&state)
        .on_ready(move |addresses| {
            let port = addresses.http.unwrap().port();
            let text = format!("{own} {port}");
            let new = said.with_extension("new");
            fs::write(&new, text).and_then(|()| fs::rename(new, said)).unwrap();
        });
    server.run().unwrap();
}

/// Ends what it is of with itself.
struct Ends(Child, Vec<u32>);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        for process in &self.1 {
            let _ = kill_process(pid(*process), Signal::KILL);
        }
    }
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(process.cast_signed()).unwrap()
}

#[test]
fn not_a_request_is_lost_when_another_takes_over() {
    let state = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_service", "--ignored", "--nocapture"])
        .env(STATE, state.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut ends = Ends(child, Vec::new());
    let (first, port) = ready(state.path(), 0);
    assert_eq!(first, ends.0.id());

    let (stop, lost, asked) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let seen_second = AtomicBool::new(false);
    let (stop, lost, asked) = (Arc::new(stop), Arc::new(lost), Arc::new(asked));
    let seen_second = Arc::new(seen_second);
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let (stop, lost, asked) = (Arc::clone(&stop), Arc::clone(&lost), Arc::clone(&asked));
            let seen_second = Arc::clone(&seen_second);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    asked.fetch_add(1, Ordering::AcqRel);
                    match ask(port, number % 2 == 0) {
                        Some(by) if by == first => {}
                        Some(_) => seen_second.store(true, Ordering::Release),
                        None => {
                            lost.fetch_add(1, Ordering::AcqRel);
                        }
                    }
                }
            })
        })
        .collect();
    kill_process(pid(first), Signal::USR2).unwrap();
    let (second, port_then) = ready(state.path(), first);
    ends.1.push(second);
    assert_eq!(port_then, port);
    wait("the first ends", || ends.0.try_wait().unwrap().is_some());
    wait("the second answers", || seen_second.load(Ordering::Acquire));
    stop.store(true, Ordering::Release);
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(
        lost.load(Ordering::Acquire),
        0,
        "of {}",
        asked.load(Ordering::Acquire)
    );
    assert!(ends.0.wait().unwrap().success());

    kill_process(pid(second), Signal::TERM).unwrap();
    wait("the second ends", || {
        test_kill_process(pid(second)).is_err()
    });
}

/// The number of the process that answers, over a connection of its own, of which it may be the last request.
fn ask(port: u16, closes: bool) -> Option<u32> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .ok()?;
    let close = if closes { "Connection: close\r\n" } else { "" };
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{close}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let read = stream.read(&mut bytes).ok()?;
        answer.extend(bytes.get(..read)?);
        let text = std::str::from_utf8(&answer).ok()?;
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = { head.lines() }.find_map(|line| line.strip_prefix("content-length: "))?;
            if body.len() == length.parse::<usize>().ok()? {
                return body.parse().ok();
            }
        }
        if read == 0 {
            return None;
        }
    }
}

/// The process that serves, other than `before`, and its port.
fn ready(state: &Path, before: u32) -> (u32, u16) {
    let mut found = None;
    wait("it serves", || {
        let text = fs::read_to_string(state.join("ready")).unwrap_or_default();
        let both = { text.split_once(' ') }
            .and_then(|(process, port)| Some((process.parse().ok()?, port.parse().ok()?)));
        found = both.filter(|(process, _)| *process != before);
        found.is_some()
    });
    found.unwrap()
}

#[allow(
    clippy::disallowed_methods,
    reason = "another process is waited for, by the real clock"
)]
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
