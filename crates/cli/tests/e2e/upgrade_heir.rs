//! Upgrades in which whoever has taken over dies: the one before it stands by, and serves again.

use super::support;

use std::fs;
use std::io::{Seek as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use support::upgrade::{Last, Line, Systemd, ended, install};
use support::{Gateway, Raw, Verdicts, curl, free_port, panoply, test_app, wait_for};

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
    let systemd = Systemd::at(&path);
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
    wrong.equal("told", systemd.told(), "READY=1\n".to_owned());
    // Nothing is in flight: there is nothing to wait for but the other one.
    fs::write(gateway.config_path(), config(", \"again\"", &at(new))).unwrap();
    let second = upgraded(&last);
    let main = |process: Pid| format!("MAINPID={}\nREADY=1\n", process.as_raw_nonzero());
    wrong.equal("told", systemd.told(), main(second));
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
    wrong.equal("told", systemd.told(), main(first));
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

#[test]
fn of_three_the_first_serves_when_both_others_have_died() {
    let gateway = Gateway::setup().config(&config("", STANDS_BY)).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let before = page(&url, &[]);
    let second = upgraded(&last);
    kill(upgraded(&last));
    wrong.equal("by the second", page(&url, &["--max-time", "10"]), before);
    wrong.equal("who serves", last.process(), Some(second));
    kill(second);
    wrong.equal("by the first", page(&url, &["--max-time", "10"]), before);
    wrong.equal("who serves", last.process(), first);
    wrong.settle();
}

#[test]
fn where_nobody_serves_any_more_nobody_is_kept_waiting() {
    let mut gateway = Gateway::setup().config(&config("", STANDS_BY)).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let second = upgraded(&last);
    let third = upgraded(&last);
    kill_process(third, Signal::TERM).unwrap();
    ended(third);
    // They would stand by for longer.
    let address = gateway.address().to_owned();
    wait_for("the address to be free", Duration::from_secs(4), || {
        TcpListener::bind(&address).ok()
    });
    ended(second);
    let status = gateway.process.status(Duration::from_secs(20));
    wrong.equal("the first one's end", status.code(), Some(0));
    wrong.settle();
}

#[test]
fn one_that_hangs_once_it_serves_is_ended() {
    let mut gateway = Gateway::setup().config(&config("", STANDS_BY)).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let before = page(&url, &[]);
    let second = upgraded(&last);
    let (added, said) = last.ask(&["blocks", "add", "127.0.0.7"]);
    wrong.check(added, || said);
    kill_process(second, Signal::STOP).unwrap();
    let said = ["does not answer", "is killed", "serves again"];
    gateway.process.line_with(&said, Duration::from_secs(20));
    wrong.equal("by the first", page(&url, &["--max-time", "10"]), before);
    ended(second);
    wrong.equal("who serves", last.process(), first);
    let blocked = ["--interface", "127.0.0.7"];
    wrong.equal("blocked", page(&url, &blocked).0, 403);
    // Nobody takes the next one for such a one.
    let third = upgraded(&last);
    let status = gateway.process.status(Duration::from_secs(30));
    wrong.equal("the first one's end", status.code(), Some(0));
    wrong.equal("who serves", last.process(), Some(third));
    wrong.settle();
}

/// A gateway whose program is `dir/panoply`, and a program in its place that runs `script` first.
fn replaceable(script: &str) -> (Gateway, PathBuf, PathBuf) {
    let setup = Gateway::setup().config(&config("", STANDS_BY));
    let program = setup.dir().join("panoply");
    let real = PathBuf::from(panoply().get_program());
    install(&real, &program);
    let other = setup.dir().join("other");
    let script = format!("#!/bin/sh\n{script}\nexec {} \"$@\"\n", real.display());
    fs::write(&other, script).unwrap();
    (setup.program(&program).start(), program, other)
}

#[test]
fn one_that_is_killed_in_its_own_upgrade_leaves_somebody_who_serves() {
    // The second dies, once it has said that it is being replaced, and of the third nothing comes.
    let (mut gateway, program, kills) = replaceable("sleep 0.5; kill -9 $PPID; exit 1");
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let before = page(&url, &[]);
    let second = upgraded(&last);
    install(&kills, &program);
    wrong.check(!last.upgrade().0, || "another one serves".to_owned());
    ended(second);
    wrong.equal("by the first", page(&url, &["--max-time", "10"]), before);
    wrong.equal("who serves", last.process(), first);
    let said = ["has died", "to take over from it", "serves again"];
    gateway.process.line_with(&said, Duration::from_secs(5));
    wrong.settle();
}

#[test]
fn of_one_that_is_killed_in_its_own_upgrade_the_next_takes_over() {
    // The second dies as soon as the third has been introduced, which comes late enough to be waited for.
    let (mut gateway, program, kills) = replaceable("sleep 1; kill -9 $PPID; sleep 1");
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let url = gateway.url("/");
    let before = page(&url, &[]);
    let second = upgraded(&last);
    install(&kills, &program);
    wrong.check(!last.upgrade().0, || "it says it serves".to_owned());
    ended(second);
    wrong.equal("by the third", page(&url, &["--max-time", "10"]), before);
    let status = gateway.process.status(Duration::from_secs(30));
    wrong.equal("the first one's end", status.code(), Some(0));
    let third = last.process();
    wrong.check(third.is_some() && third != Some(second), || {
        "nobody serves".to_owned()
    });
    let said = gateway.process.said().join("\n");
    wrong.check(!said.contains("serves again"), || said);
    wrong.equal("the page", page(&url, &[]), before);
    wrong.settle();
}

/// In memory, in front of an app with a login.
fn counting(more: &str) -> String {
    let app = test_app("logins.mjs");
    format!("[app]\ncommand = {app:?}\n[store]\nurl = \"memory:\"\n{STANDS_BY}{more}")
}

/// A wrong password for `user`.
fn guess(gateway: &Gateway, user: &str) -> u16 {
    let form = format!("username={user}&password=wrong");
    curl(NULL.as_ref(), &[&gateway.url("/login"), "-d", &form]).status
}

#[test]
fn what_is_counted_in_memory_goes_over() {
    let limit = "[[limit]]\npath = \"/shown\"\npoints = 5\nwindow = \"1h\"\n";
    let gateway = Gateway::setup().config(&counting(limit)).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let shown = gateway.url("/shown?user=ada");
    let mut kept = Raw::open(gateway.address());
    let by_the_first = |socket: &mut Raw| {
        socket.send(b"GET /shown?user=ada HTTP/1.1\r\nHost: a.test\r\n\r\n");
        socket.read_for(Duration::from_millis(500)).status()
    };
    while guess(&gateway, "ada") == 401 {}
    for _ in 0..3 {
        guess(&gateway, "grace");
    }
    let (added, said) = last.ask(&["blocks", "add", "127.0.0.7"]);
    wrong.check(added, || said);
    wrong.equal("shown", curl(NULL.as_ref(), &[&shown]).text(), "10");
    wrong.equal("two", by_the_first(&mut kept), 200);
    let ids = || last.ask(&["blocks", "list", "--json"]).1;
    let blocks = ids();
    wrong.equal("blocks", blocks.matches("login/").count() > 0, true);

    let second = upgraded(&last);
    let holds = |wrong: &mut Verdicts, what: &str| {
        wrong.equal(what, guess(&gateway, "ada"), 429);
        let blocked = ["--interface", "127.0.0.7", &shown];
        wrong.equal(what, curl(NULL.as_ref(), &blocked).status, 403);
    };
    holds(&mut wrong, "locked and blocked after the first upgrade");
    for count in 4..=10 {
        wrong.equal(&format!("guess {count}"), guess(&gateway, "grace"), 401);
    }
    wrong.equal("the eleventh", guess(&gateway, "grace"), 429);
    // The first one counts where the second does.
    wrong.equal("three", by_the_first(&mut kept), 200);
    wrong.equal("four", curl(NULL.as_ref(), &[&shown]).status, 200);
    // One that does not come to serve changes nothing.
    fs::write(gateway.config_path(), counting("nonsense = 1\n")).unwrap();
    wrong.check(!last.upgrade().0, || "another one serves".to_owned());
    fs::write(gateway.config_path(), counting(limit)).unwrap();
    wrong.equal("five", curl(NULL.as_ref(), &[&shown]).status, 200);
    let third = upgraded(&last);
    holds(&mut wrong, "after the second upgrade");
    wrong.equal("six", curl(NULL.as_ref(), &[&shown]).status, 429);
    kill(third);
    // What the second one knew.
    holds(&mut wrong, "when the third has been killed");
    wrong.equal("who serves", last.process(), Some(second));
    wrong.equal("six again", curl(NULL.as_ref(), &[&shown]).status, 429);
    let (released, said) = last.ask(&["blocks", "release", "127.0.0.7"]);
    wrong.check(released, || said);
    wrong.settle();
}

#[test]
fn counters_that_cannot_be_read_break_no_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let file = dir.path().join("panoply.toml");
    fs::write(
        &file,
        counting(&format!("[listen]\nhttp = \"{address}\"\n")),
    )
    .unwrap();
    let (line, mut gateway) = Line::to_heir(&file, &listener);
    line.say(&json!({"Begin": {"placeholder": null}}), &[]);
    line.hear_of("Prepared");
    // Those of a program that is yet to be written.
    let mut counters = tempfile::tempfile().unwrap();
    counters
        .write_all(b"panoply counters\x02\x00and whatever else there may be by then")
        .unwrap();
    counters.rewind().unwrap();
    line.say(&json!("Go"), &[counters.as_fd()]);
    line.hear_of("Ready");
    let said = ["version 2", "all counters begin anew"];
    gateway.line_with(&said, Duration::from_secs(5));
    let shown = format!("http://{address}/shown?user=ada");
    assert_eq!(curl(NULL.as_ref(), &[&shown]).status, 200);
    gateway.signal(Signal::TERM);
    assert!(gateway.status(Duration::from_secs(20)).success());
}
