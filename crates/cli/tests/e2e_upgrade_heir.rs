//! Upgrades in which whoever has taken over dies: the one before it stands by, and serves again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test may fail loudly, and waits by the real clock"
)]

mod support;

use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::upgrade::{Last, ended};
use support::{Gateway, Raw, Verdicts, curl, free_port, test_app, text, wait_for};

const NULL: &str = "/dev/null";

/// Longer than any of these tests takes to kill somebody.
const STANDS_BY: &str = "[tls]\nmode = \"off\"\n[limits]\ndrain = \"8s\"\n";

/// Where it is waited for its end.
const SOON_GONE: &str = "[tls]\nmode = \"off\"\n[limits]\ndrain = \"3s\"\n";

fn config(more_of_the_app: &str, more: &str) -> String {
    let app = test_app("moody.mjs");
    let command = format!("command = [{:?}, {:?}{more_of_the_app}]", app[0], app[1]);
    format!("[app]\n{command}\n{more}")
}

/// The status of a page, and the app's process that it names.
fn page(url: &str, more: &[&str]) -> (u16, Option<Pid>) {
    let answer = curl(NULL.as_ref(), &[more, &[url]].concat());
    let text = answer.text();
    let process = text.trim().strip_prefix("pid ").map(str::to_owned);
    let process = process.and_then(|process| Pid::from_raw(process.parse().ok()?));
    (answer.status, process)
}

/// Has another gateway take over: its process.
fn upgraded(last: &Last) -> Pid {
    let before = last.process();
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    let now = last.process();
    assert_ne!(now, before);
    now.unwrap()
}

fn kill(process: Pid) {
    kill_process(process, Signal::KILL).unwrap();
}

#[test]
fn whoever_had_handed_over_serves_again_with_all_of_it() {
    let limit = format!("{STANDS_BY}[[limit]]\npath = \"/\"\npoints = 6\nwindow = \"1h\"\n");
    let mut gateway = Gateway::setup().config(&config("", &limit)).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let before = page(&url, &[]);
    // Something is under way with the first one all the time, and somebody is connected to it.
    let slow = gateway.url("/slow?chunks=30&pause=100");
    let long = thread::spawn(move || curl(NULL.as_ref(), &[&slow]).text());
    let metrics = format!("{}/metrics", gateway.admin);
    wait_for("the long answer", Duration::from_secs(20), || {
        let text = curl(NULL.as_ref(), &[&metrics]).text();
        text.contains("panoply_connections 1").then_some(())
    });
    let mut kept = Raw::open(gateway.address());

    let second = upgraded(&last);
    // Counted, and blocked, by the second alone.
    wrong.equal("by the second", page(&url, &[]), before);
    let (added, said) = last.ask(&["blocks", "add", "127.0.0.7"]);
    wrong.check(added, || said);
    kill(second);
    // Nobody is refused, and nobody waits for long.
    wrong.equal("by the first", page(&url, &["--max-time", "10"]), before);
    wrong.equal("who serves", last.process(), first);
    let blocked = ["--interface", "127.0.0.7"];
    wrong.equal("blocked", page(&url, &blocked).0, 403);
    kept.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    wrong.equal(
        "a connection from before",
        kept.read_for(Duration::from_secs(1)).status(),
        200,
    );
    let said = ["has died", "serves again", "signal: 9"];
    gateway.process.line_with(&said, Duration::from_secs(5));
    let health = curl(NULL.as_ref(), &[&format!("{}/health", gateway.admin)]);
    wrong.equal("health", health.status, 200);
    let whole = long.join().unwrap();
    wrong.check(whole.ends_with("end\n"), || format!("cut short: {whole}"));

    // It is as it was: the app is started again, and another one may take over.
    let third = upgraded(&last);
    kill(third);
    // What was counted has stayed so, but for the last second of whoever is killed.
    let left = (0..9).take_while(|_| page(&url, &["--max-time", "10"]).0 == 200);
    wrong.equal("what is left of six", matches!(left.count(), 1 | 2), true);
    wrong.equal("who serves", last.process(), first);
    kill(before.1.unwrap());
    let again = ["the app has ended", "another gateway has started it"];
    gateway.process.line_with(&again, Duration::from_secs(5));
    wait_for("the app again", Duration::from_secs(20), || {
        let said = gateway.process.stderr();
        let ended = said.iter().position(|line| line.contains(again[0]))?;
        let up = |line: &String| line.contains("the app accepts connections");
        said[ended..].iter().any(up).then_some(())
    });
    gateway.process.signal(Signal::TERM);
    let status = gateway.process.status(Duration::from_secs(20));
    wrong.equal("its end", status.code(), Some(0));
    wrong.check(!last.0.join("control.sock").exists(), || {
        "the control socket was left".to_owned()
    });
    wrong.settle();
}

#[test]
fn with_its_own_app_and_its_own_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let told = || {
        let mut bytes = [0; 4096];
        let length = systemd.recv(&mut bytes).unwrap();
        text(&bytes[..length])
    };
    let [old, new] = [free_port(), free_port()];
    let at = |port: u16| format!("{STANDS_BY}[listen]\nhttp = \"127.0.0.1:{port}\"\n");
    let tells = test_app("moody.mjs").join(" ");
    let tells = format!("echo told by ${{NOTIFY_SOCKET-nobody}} >&2; exec {tells}");
    let tells = format!("[app]\ncommand = [\"sh\", \"-c\", {tells:?}]\n{}", at(old));
    let gateway = Gateway::setup()
        .config(&tells)
        .environment("NOTIFY_SOCKET", path.to_str().unwrap())
        .start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let url = |port: u16| format!("http://127.0.0.1:{port}/");
    let before = page(&url(old), &[]);
    let first = last.process().unwrap();
    wrong.equal("told", told(), "READY=1\n".to_owned());
    // Nothing is in flight: there is nothing to wait for but the other one.
    fs::write(gateway.config_path(), config(", \"again\"", &at(new))).unwrap();
    let second = upgraded(&last);
    let main = |process: Pid| format!("MAINPID={}\nREADY=1\n", process.as_raw_nonzero());
    wrong.equal("told", told(), main(second));
    let (status, other_app) = page(&url(new), &[]);
    wrong.equal("at the new address", status, 200);
    wrong.check(other_app != before.1, || "the same app".to_owned());
    // Nobody is kept waiting where nobody listens any more.
    wait_for("the old address", Duration::from_secs(5), || {
        TcpStream::connect(("127.0.0.1", old)).err()
    });
    kill(second);
    wait_for("the first one", Duration::from_secs(20), || {
        (last.process() == Some(first)).then_some(())
    });
    wrong.equal("told", told(), main(first));
    // It would be believed.
    let said = gateway.process.said().join("\n");
    wrong.check(said.contains("told by nobody"), || said);
    wrong.equal("with its app", page(&url(old), &[]), before);
    ended(other_app.unwrap());
    wrong.settle();
}

#[test]
fn whoever_ends_in_order_or_has_handed_over_is_not_replaced() {
    let mut gateway = Gateway::setup().config(&config("", SOON_GONE)).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let url = gateway.url("/");
    let before = page(&url, &[]);
    let second = upgraded(&last);
    let third = upgraded(&last);
    // The first one still stands by for the second, and the second for the third.
    kill(second);
    ended(second);
    wrong.equal("who serves", last.process(), Some(third));
    wrong.equal("the page", page(&url, &[]), before);
    let status = gateway.process.status(Duration::from_secs(20));
    wrong.equal("the first one's end", status.code(), Some(0));
    let said = gateway.process.said().join("\n");
    wrong.check(!said.contains("serves again"), || {
        "it serves beside the third".to_owned()
    });
    let fourth = upgraded(&last);
    kill_process(fourth, Signal::TERM).unwrap();
    ended(fourth);
    ended(third);
    ended(before.1.unwrap());
    wrong.check(!last.0.join("control.sock").exists(), || {
        "the control socket was left".to_owned()
    });
    wrong.settle();
}
