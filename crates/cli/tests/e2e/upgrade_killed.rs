//! Upgrades in which either gateway is killed, hangs or fails at the worst moment.

use super::support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::json;
use support::upgrade::{Gate, Last, Line, ended, install, parent};
use support::{Gateway, Process, Verdicts, curl, curl_fails, panoply, test_app, text, wait_for};

const NULL: &str = "/dev/null";

const PLAIN: &str = "[tls]\nmode = \"off\"\n[limits]\ndrain = \"5s\"\n";

/// Which part the test binary plays when a gateway has started it.
const PART: &str = "TEST_PART";

fn config(command: &[String], more: &str) -> String {
    format!("[app]\ncommand = {command:?}\n{PLAIN}{more}")
}

fn moody() -> Vec<String> {
    test_app("moody.mjs")
}

/// The status of a page, and the app's process that it names.
fn page(url: &str, more: &[&str]) -> (u16, Option<Pid>) {
    let answer = curl(NULL.as_ref(), &[more, &[url]].concat());
    let text = answer.text();
    let process = text.trim().strip_prefix("pid ").map(str::to_owned);
    let process = process.and_then(|process| Pid::from_raw(process.parse().ok()?));
    (answer.status, process)
}

/// `panoply upgrade`, asked for by another thread: whether it succeeded, and what it said.
fn upgrade(gateway: &Gateway) -> thread::JoinHandle<(bool, String)> {
    let last = Last::of(gateway);
    thread::spawn(move || {
        let asked = last.upgrade();
        // Whoever serves is the test's to stop.
        std::mem::forget(last);
        asked
    })
}

#[test]
fn whoever_takes_over_goes_on_when_the_other_is_killed() {
    let gateway = Gateway::setup().config(&config(&moody(), "")).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let (_, old_app) = page(&url, &[]);
    let gate = Gate::of(&gateway);
    let command = gate.command(&moody());
    fs::write(gateway.config_path(), config(&command, "")).unwrap();
    let asking = upgrade(&gateway);
    let app = gate.reached();
    let second = Some(parent(app));
    // Clients are served as ever meanwhile, and whoever asks is told so.
    wrong.equal("who serves", last.process(), first);
    let (healthy, said) = last.ask(&["health"]);
    wrong.check(healthy && said.contains("store answers"), || said.clone());
    let (added, said) = last.ask(&["blocks", "add", "127.0.0.7"]);
    wrong.check(added, || said.clone());
    let blocked = ["--interface", "127.0.0.7"];
    wrong.equal("blocked, before", page(&url, &blocked).0, 403);

    gateway.process.signal(Signal::KILL);
    assert!(!asking.join().unwrap().0);
    gate.open();
    let (status, now) = wait_for("the new one to serve", Duration::from_secs(20), || {
        let took = last.process().is_some_and(|now| Some(now) == second);
        took.then(|| page(&url, &[]))
    });
    wrong.equal("served", status, 200);
    wrong.check(now == Some(app), || format!("by {now:?}, not {app:?}"));
    wrong.equal("blocked, after", page(&url, &blocked).0, 403);
    // Nobody else could.
    ended(old_app.unwrap());
    last.stop();
    ended(app);
    wrong.check(!last.0.join("control.sock").exists(), || {
        "the control socket was left".to_owned()
    });
    wrong.settle();
}

#[test]
fn whoever_may_go_needs_nobody_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listen = format!("[listen]\nhttp = \"{address}\"\n");
    let file = dir.path().join("panoply.toml");
    fs::write(&file, config(&moody(), &listen)).unwrap();
    // What the other one ran, and would have ended.
    let mut other = Process::start(Command::new("sleep").arg("600"));
    let other_process = Pid::from_raw(other.id().cast_signed()).unwrap();
    let (line, mut gateway) = Line::to_heir(&file, &listener);
    let descriptor = pidfd_open(other_process, PidfdFlags::empty()).unwrap();
    let left = json!({
        "process": other_process.as_raw_nonzero(), "port": 1, "command": ["sleep"], "user": null,
    });
    line.say(&json!({"App": left}), &[descriptor.as_fd()]);
    line.say(&json!({"Begin": {"placeholder": null}}), &[]);
    line.hear_of("Prepared");
    line.say(&json!("Go"), &[]);
    drop((line, listener));
    gateway.line_with(&["panoply: ready"], Duration::from_secs(20));
    let url = format!("http://{address}/");
    assert_eq!(page(&url, &[]).0, 200);
    other.status(Duration::from_secs(20));
    gateway.signal(Signal::TERM);
    assert!(gateway.status(Duration::from_secs(20)).success());
}

#[test]
fn a_reload_in_the_middle_holds_for_whoever_takes_over() {
    let mut gateway = Gateway::setup().config(&config(&moody(), "")).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let gate = Gate::of(&gateway);
    let command = gate.command(&moody());
    fs::write(gateway.config_path(), config(&command, "")).unwrap();
    let asking = upgrade(&gateway);
    gate.reached();
    // The new one has read what was there a moment ago.
    let limit = "[[limit]]\npath = \"/\"\npoints = 2\nwindow = \"1h\"\n";
    fs::write(gateway.config_path(), config(&command, limit)).unwrap();
    let (reloaded, said) = last.ask(&["reload"]);
    wrong.check(reloaded, || said);
    wrong.equal("one, by the first", page(&url, &[]).0, 200);
    gate.open();
    let (done, said) = asking.join().unwrap();
    wrong.check(done && last.process() != first, || said);
    wait_for("the new one to reload", Duration::from_secs(20), || {
        (page(&url, &[]).0 == 429).then_some(())
    });
    // Whoever reloads the one that stands by means the other one.
    fs::write(gateway.config_path(), config(&command, "")).unwrap();
    gateway.process.signal(Signal::HUP);
    wait_for("it to reload again", Duration::from_secs(4), || {
        (page(&url, &[]).0 == 200).then_some(())
    });
    wrong.check(gateway.process.is_running(), || "it has ended".to_owned());
    wrong.settle();
}

#[test]
fn an_upgrade_that_was_asked_for_between_two_gateways_is_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    fs::create_dir(&state).unwrap();
    let socket = state.join("control.sock");
    let control = UnixListener::bind(&socket).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listen = format!("[listen]\nhttp = \"{address}\"\n");
    let file = dir.path().join("panoply.toml");
    fs::write(&file, config(&moody(), &listen)).unwrap();
    let (line, its) = Line::pair();
    let mut command = panoply();
    command.args(["run", "--config"]).arg(&file).arg("--state");
    command.arg(&state).env("PANOPLY_HANDOVER", "1");
    let mut gateway = Process::start_with_input(&mut command, Stdio::from(its));
    drop(command);
    let null = fs::File::open(NULL).unwrap();
    line.say(&json!({"Hello": {"version": 2}}), &[null.as_fd()]);
    let http = json!({"Sockets": {"entrance": "Http", "address": address}});
    line.say(&http, &[listener.as_fd()]);
    let sockets = json!({"Sockets": {"entrance": "Control", "address": null}});
    line.say(&sockets, &[control.as_fd()]);
    line.say(&json!({"Begin": {"placeholder": null}}), &[]);
    line.hear_of("Prepared");
    // Nobody answers now.
    let mut asked = UnixStream::connect(&socket).unwrap();
    asked.write_all(b"\"upgrade\"\n").unwrap();
    line.say(&json!("Go"), &[]);
    line.hear_of("Ready");
    asked
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut said = String::new();
    asked.read_to_string(&mut said).unwrap();
    assert!(said.contains("just taking over"), "{said}");
    drop((line, listener, control));
    gateway.line_with(&["panoply: ready"], Duration::from_secs(20));
    let begun = gateway.said().join("\n").contains("is to take over");
    assert!(!begun, "another upgrade was begun");
    gateway.signal(Signal::TERM);
    assert!(gateway.status(Duration::from_secs(20)).success());
}

#[test]
fn the_app_of_one_that_is_killed_ends_too() {
    let gateway = Gateway::setup().config(&config(&moody(), "")).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let before = page(&url, &[]);
    let gate = Gate::of(&gateway);
    let command = gate.command(&moody());
    fs::write(gateway.config_path(), config(&command, "")).unwrap();
    let asking = upgrade(&gateway);
    let app = gate.reached();
    kill_process(parent(app), Signal::KILL).unwrap();
    let (done, said) = asking.join().unwrap();
    wrong.check(!done && said.contains("signal: 9"), || said.clone());
    ended(app);
    wrong.equal("who serves", last.process(), first);
    wrong.equal("the app", page(&url, &[]), before);
    wrong.settle();
}

#[test]
fn the_app_of_one_that_is_killed_while_it_finishes_ends_too() {
    let gateway = Gateway::setup().config(&config(&moody(), "")).start();
    let last = Last::of(&gateway);
    let (_, old_app) = page(&gateway.url("/"), &[]);
    let slow = gateway.url("/slow?chunks=100&pause=100");
    let busy = thread::spawn(move || curl_fails(NULL.as_ref(), &[&slow]));
    let command = [moody(), vec!["again".to_owned()]].concat();
    fs::write(gateway.config_path(), config(&command, "")).unwrap();
    // The request has reached the app.
    let metrics = format!("{}/metrics", gateway.admin);
    wait_for("the long answer", Duration::from_secs(20), || {
        let text = curl(NULL.as_ref(), &[&metrics]).text();
        text.contains("panoply_connections 1").then_some(())
    });
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    gateway.process.signal(Signal::KILL);
    ended(old_app.unwrap());
    assert_eq!(page(&gateway.url("/"), &[]).0, 200);
    busy.join().unwrap();
}

#[test]
fn of_many_who_ask_at_once_one_is_obeyed_and_the_others_are_told() {
    let gateway = Gateway::setup().config(&config(&moody(), "")).start();
    let last = Last::of(&gateway);
    let first = last.process();
    let gate = Gate::of(&gateway);
    let command = gate.command(&moody());
    fs::write(gateway.config_path(), config(&command, "")).unwrap();
    let mut asking: Vec<_> = (0..3).map(|_| upgrade(&gateway)).collect();
    wait_for("two to be told", Duration::from_secs(20), || {
        let told = asking.iter().filter(|asking| asking.is_finished());
        (told.count() == 2).then_some(())
    });
    gate.open();
    let one = asking.iter().position(|asking| !asking.is_finished());
    let (done, said) = asking.remove(one.unwrap()).join().unwrap();
    assert!(done, "{said}");
    for told in asking {
        let (done, said) = told.join().unwrap();
        assert!(!done && said.contains("under way"), "{said}");
    }
    assert_ne!(last.process(), first);
}

/// A gateway whose program is `dir/panoply`, and a program that plays `part` in its place.
fn replaceable(more: &str, part: &str) -> (Gateway, PathBuf, PathBuf) {
    let setup = Gateway::setup().config(&config(&moody(), more));
    let program = setup.dir().join("panoply");
    install(Path::new(panoply().get_program()), &program);
    let plays = setup.dir().join("plays");
    let own = std::env::current_exe().unwrap();
    let script = format!(
        "#!/bin/sh\n{PART}={part} exec {} --exact upgrade_killed::plays_the_new_one --ignored --nocapture\n",
        own.display()
    );
    fs::write(&plays, script).unwrap();
    let gateway = setup.program(&program).start();
    (gateway, program, plays)
}

#[test]
#[ignore = "started by a gateway, not by anybody else"]
fn plays_the_new_one() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    let line = Line::of_stdin();
    line.hear_of("Begin");
    line.say(&json!("Prepared"), &[]);
    line.hear_of("Go");
    match part.as_str() {
        "hangs" => {
            fs::write("went", "").unwrap();
            // As long as the other one is there, a minute at most.
            thread::sleep(Duration::from_mins(1));
        }
        "keeps" => {
            // Whatever it has started, and nobody finds, has the lock of the store for a while.
            let lock = fs::File::create("state/panoply.db-lock").unwrap();
            lock.try_lock().unwrap();
            let mut keeper = Command::new("sleep");
            let mut keeper = keeper.arg("4").stdin(lock).spawn().unwrap();
            line.say(&json!({"Failed": {"why": "no luck"}}), &[]);
            // Not to its end: this one is killed before.
            let _ = keeper.wait();
        }
        "fails" => line.say(&json!({"Failed": {"why": "no luck"}}), &[]),
        part => panic!("{part}"),
    }
}

#[test]
fn one_that_hangs_holds_nobody_up_for_long() {
    let limit = "[[limit]]\npath = \"/\"\npoints = 3\nwindow = \"1h\"\n";
    let (gateway, program, plays) = replaceable(limit, "hangs");
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let before = page(&url, &[]);
    install(&plays, &program);
    let asking = upgrade(&gateway);
    let went = gateway.dir.path().join("went");
    wait_for("it to have the store", Duration::from_secs(20), || {
        went.exists().then_some(())
    });
    // Whoever comes now waits, and is counted, blocked and told what is true.
    let since = Instant::now();
    thread::scope(|scope| {
        let adding = scope.spawn(|| last.ask(&["blocks", "add", "127.0.0.7"]));
        let health = scope.spawn(|| last.ask(&["health"]));
        wrong.equal("meanwhile", page(&url, &[]), before);
        for asked in [adding, health] {
            let (done, said) = asked.join().unwrap();
            wrong.check(done, || said);
        }
    });
    wrong.check(since.elapsed() < Duration::from_secs(30), || {
        format!("after {:?}", since.elapsed())
    });
    let (done, said) = asking.join().unwrap();
    wrong.check(!done && said.contains("not ready after 8s"), || {
        said.clone()
    });
    wrong.equal("who serves", last.process(), first);
    wrong.equal("the third", page(&url, &[]), before);
    wrong.equal("the fourth", page(&url, &[]).0, 429);
    let blocked = ["--interface", "127.0.0.7"];
    wrong.equal("blocked", page(&url, &blocked).0, 403);
    wrong.settle();
}

#[test]
fn a_store_that_is_not_free_at_once_is_had_back_all_the_same() {
    let limit = "[[limit]]\npath = \"/\"\npoints = 2\nwindow = \"1h\"\n";
    let (mut gateway, program, plays) = replaceable(limit, "keeps");
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let url = gateway.url("/");
    let before = page(&url, &[]);
    install(&plays, &program);
    let asking = upgrade(&gateway);
    let what = ["store cannot be had back", "in use"];
    gateway.process.line_with(&what, Duration::from_secs(20));
    // Not counted, which the log says, but not kept waiting either.
    wrong.equal("meanwhile", page(&url, &[]), before);
    let (done, said) = asking.join().unwrap();
    wrong.check(!done && said.contains("no luck"), || said.clone());
    let (healthy, said) = last.ask(&["health"]);
    wrong.check(healthy, || said);
    wrong.equal("the second", page(&url, &[]), before);
    wrong.equal("the third", page(&url, &[]).0, 429);
    wrong.settle();
}

#[test]
fn however_many_have_failed_the_next_may_succeed() {
    let limit = "[[limit]]\npath = \"/\"\npoints = 3\nwindow = \"1h\"\n";
    let (gateway, program, plays) = replaceable(limit, "fails");
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let before = page(&url, &[]);
    install(&plays, &program);
    for number in 0..12 {
        let (done, said) = last.upgrade();
        wrong.check(!done && said.contains("no luck"), || {
            format!("{number}: {said}")
        });
    }
    wrong.equal("who serves", last.process(), first);
    wrong.equal("the second", page(&url, &[]), before);
    install(Path::new(panoply().get_program()), &program);
    let (done, said) = last.upgrade();
    wrong.check(done && last.process() != first, || said);
    wrong.equal("the third", page(&url, &[]), before);
    wrong.equal("the fourth", page(&url, &[]).0, 429);
    wrong.settle();
}

#[test]
fn where_proc_is_not_there_only_what_is_left_of_a_program_is_not_found() {
    let mut through = vec!["unshare", "--mount"];
    if !rustix::process::geteuid().is_root() {
        through.push("--map-root-user");
    }
    let script = "mount -t tmpfs tmpfs /proc && exec \"$@\"";
    through.extend(["sh", "-c", script, "sh"]);
    let mut gateway = Gateway::setup()
        .config(&config(&moody(), ""))
        .through(&through)
        .start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let (first, url) = (last.process(), gateway.url("/"));
    let before = page(&url, &[]);
    let nonsense = config(&moody(), "nonsense = 1\n");
    fs::write(gateway.config_path(), nonsense).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(!done && said.contains("nonsense"), || said);
    let said = ["/proc cannot be read", "nobody ends it"];
    gateway.process.line_with(&said, Duration::from_secs(5));
    fs::write(gateway.config_path(), config(&moody(), "")).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(done && last.process() != first, || said);
    wrong.equal("the page", page(&url, &[]), before);
    wrong.settle();
}

#[test]
fn whoever_hangs_is_not_healthy() {
    let gateway = Gateway::setup().config(&config(&moody(), "")).start();
    let last = Last::of(&gateway);
    gateway.process.signal(Signal::STOP);
    let mut command = panoply();
    command.args(["health", "--state"]).arg(&last.0);
    let output = command.output().unwrap();
    gateway.process.signal(Signal::CONT);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("has said nothing for 10 s"), "{said}");
}
