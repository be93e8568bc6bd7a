//! Apps whose gateway was killed: the next one on the state directory ends them before it starts its own, and nobody
//! else.

use super::support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::upgrade::{Last, ended};
use support::{Gateway, Process, Setup, curl, free_port, panoply, wait_for};

const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(30);

/// Says in a file that it has been started, and has a port of its own besides, where FIXED names one: it does not come
/// up while somebody else has that.
const APP: &str = "
    import fs from 'fs'; import http from 'http';
    const { PANOPLY_INSTANCE: number, PORT, FIXED, DEAF } = process.env;
    const name = process.argv[2];
    fs.appendFileSync('starts', `${name}${number} ${process.pid}\\n`);
    if (FIXED) http.createServer().listen(FIXED, '127.0.0.1');
    if (DEAF) process.on('SIGTERM', () => {});
    // Should the test fail, nobody ends it.
    setTimeout(() => process.exit(9), 120_000);
    http.createServer((request, answer) => answer.end(`${name}${number} ${process.pid}\\n`))
        .listen(PORT, '127.0.0.1');
";

const PLAIN: &str = "[tls]\nmode = \"off\"\n[limits]\ndrain = \"20s\"\n";

/// A gateway in front of the app, with `more` behind `[app]`.
fn set_up(more: &str) -> Setup {
    support::require("node");
    let config = format!("{PLAIN}[app]\ncommand = [\"node\", \"app.mjs\", \"web\"]\n{more}");
    let setup = Gateway::setup().config(&config);
    fs::write(setup.dir().join("app.mjs"), APP).unwrap();
    setup
}

/// The processes that were started, by name and number, the last of each.
fn started(dir: &Path) -> BTreeMap<String, Pid> {
    let starts = fs::read_to_string(dir.join("starts")).unwrap_or_default();
    let start = |line: &str| {
        let (name, process) = line.split_once(' ')?;
        Some((name.to_owned(), Pid::from_raw(process.parse().ok()?)?))
    };
    starts.lines().filter_map(start).collect()
}

/// Waits until so many are started.
fn all_started(dir: &Path, all: usize) -> BTreeMap<String, Pid> {
    wait_for("all apps", LONG, || {
        let started = started(dir);
        (started.len() == all).then_some(started)
    })
}

fn runs(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn kill(process: Pid) {
    kill_process(process, Signal::KILL).unwrap();
    ended(process);
}

/// Kills a gateway, and what it has started runs on.
fn kill_gateway(gateway: &mut Gateway) {
    gateway.process.signal(Signal::KILL);
    gateway.process.status(LONG);
}

/// What gateways have written down there.
fn records(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_one = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .contains("started.")
    };
    entries.filter(is_one).collect()
}

/// The processes of the apps that are written down there.
fn written(state: &Path) -> Vec<i64> {
    // One may go while it is looked at.
    let all = records(state)
        .into_iter()
        .filter_map(|path| fs::read(path).ok());
    let apps = all.flat_map(|text| {
        let record: Value = serde_json::from_slice(&text).unwrap();
        record["apps"].as_array().unwrap().clone()
    });
    apps.map(|app| app["process"]["process"].as_i64().unwrap())
        .collect()
}

fn number(process: Pid) -> i64 {
    process.as_raw_nonzero().get().into()
}

/// Who answers.
fn page(gateway: &Gateway) -> (u16, Option<Pid>) {
    let answer = curl(NULL.as_ref(), &[&gateway.url("/")]);
    let process = answer.text().trim().rsplit(' ').next().map(str::to_owned);
    let process = process.and_then(|process| Pid::from_raw(process.parse().ok()?));
    (answer.status, process)
}

const LEFT: &str = "has left this app running";

#[test]
fn an_app_with_a_port_of_its_own_is_back_after_its_gateway_was_killed() {
    let fixed = free_port().to_string();
    let mut first = set_up("").environment("FIXED", &fixed).start();
    let old = all_started(first.dir.path(), 1)["web0"];
    kill_gateway(&mut first);
    assert!(runs(old), "it ends by itself");
    let second = set_up("").environment("FIXED", &fixed);
    let second = second.state_of(&first).start();
    let (status, process) = page(&second);
    assert_eq!(status, 200);
    assert!(process.is_some() && process != Some(old));
    ended(old);
    let said = second.process.said().join("\n");
    assert!(said.contains(LEFT), "{said}");
    assert!(!said.contains("the app has ended"), "it was in the way");
}

#[test]
fn one_that_does_not_end_is_killed_with_all_that_it_has_started() {
    let deaf = |setup: Setup| {
        // The shell stays at the head of the group.
        let inner = "node app.mjs web & node app.mjs child & wait";
        let config = format!(
            "{}[app]\ncommand = [\"sh\", \"-c\", \"trap '' TERM; {inner}\"]\n",
            PLAIN.replace("20s", "1s")
        );
        setup.config(&config).environment("DEAF", "1")
    };
    let new = || {
        support::require("node");
        let setup = Gateway::setup();
        fs::write(
            setup.dir().join("app.mjs"),
            APP.replace("listen(PORT", "listen(name === 'web' ? PORT : 0"),
        )
        .unwrap();
        deaf(setup)
    };
    let mut first = new().start();
    let old = all_started(first.dir.path(), 2);
    kill_gateway(&mut first);
    let second = new().state_of(&first).start();
    for process in old.into_values() {
        ended(process);
    }
    let said = second.process.said().join("\n");
    assert!(said.contains("does not end; it is killed"), "{said}");
}

#[test]
fn all_instances_and_the_apps_of_routes_end() {
    let more =
        "instances = 2\n[[route]]\npath = \"/api\"\ncommand = [\"node\", \"app.mjs\", \"api\"]\n";
    let mut first = set_up(more).start();
    let old = all_started(first.dir.path(), 3);
    kill_gateway(&mut first);
    assert!(old.values().all(|process| runs(*process)));
    // By other names, and fewer.
    let more = more.replace("/api", "/v2").replace("instances = 2\n", "");
    let second = set_up(&more).state_of(&first).start();
    old.into_values().for_each(ended);
    let said = second.process.said();
    let left = said.iter().filter(|line| line.contains(LEFT));
    assert_eq!(left.count(), 3, "{said:#?}");
    let new = all_started(second.dir.path(), 2);
    assert!(new.values().all(|process| runs(*process)));
}

/// Where processes have their numbers.
fn here() -> Value {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap();
    json!({"boot": boot.trim(), "namespace": namespace})
}

/// Who is no more.
static GONE: LazyLock<Value> = LazyLock::new(|| json!({"process": 2_000_000_000, "start": 1}));

const OURS: [(&str, &str); 2] = [("PANOPLY_INSTANCE", "0"), ("PORT", "4000")];

/// A process in a group of its own, and how it is written down.
fn bystander(variables: &[(&str, &str)]) -> (Process, Value) {
    let mut command = Command::new("sleep");
    command.arg("600").env_clear();
    command.envs(variables.iter().copied()).process_group(0);
    let process = Process::start(&mut command);
    let line = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let behind = line.rsplit(") ").next().unwrap();
    let start: u64 = behind.split(' ').nth(19).unwrap().parse().unwrap();
    let identity = json!({"process": process.id(), "start": start});
    let app = json!({"app": "", "instance": 0, "port": 4000, "process": identity});
    (process, app)
}

#[test]
fn nobody_else_is_ended() {
    let (mut ours, app) = bystander(&OURS);
    let (mut another, mut another_app) = bystander(&OURS);
    let start = &mut another_app["process"]["start"];
    *start = json!(start.as_u64().unwrap() - 1);
    let (mut silent, silent_app) = bystander(&OURS[1..]);
    let (mut owned, owned_app) = bystander(&OURS);
    let setup = set_up("");
    let state = setup.dir().join("state");
    fs::create_dir(&state).unwrap();
    let (here, gone) = (here(), GONE.clone());
    let write = |gateway: u32, record: &str| {
        fs::write(state.join(format!("started.{gateway}.json")), record).unwrap();
    };
    let all =
        json!({"here": here, "gateway": gone, "apps": [app, another_app, silent_app, owned_app]});
    write(2_000_000_000, &all.to_string());
    // This one's gateway runs.
    let (_gateway, running) = bystander(&[]);
    let of = json!({"here": here, "gateway": running["process"], "apps": [owned_app]});
    write(7, &of.to_string());
    // Of another boot.
    let other = json!({"boot": "x", "namespace": here["namespace"]});
    let (mut before, before_app) = bystander(&OURS);
    let of = json!({"here": other, "gateway": gone, "apps": [before_app]});
    write(8, &of.to_string());
    write(9, "{\"here\": ");
    let gateway = setup.start();
    ours.status(LONG);
    for (who, bystander) in [
        ("another", &mut another),
        ("silent", &mut silent),
        ("a gateway's that runs", &mut owned),
        ("of another boot", &mut before),
    ] {
        assert!(bystander.is_running(), "{who}");
    }
    let said = gateway.process.said();
    let told = |what: &str| said.iter().filter(|line| line.contains(what)).count();
    assert_eq!(told(LEFT), 1, "{said:#?}");
    assert_eq!(told("it is left alone"), 1, "{said:#?}");
    assert_eq!(told("cannot be read"), 1, "{said:#?}");
    // What is in doubt is so again at the next start.
    let left = records(&state).into_iter();
    let left = left.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let own = format!("started.{}.json", gateway.process.id());
    let mut left: Vec<String> = left.filter(|name| *name != own).collect();
    left.sort();
    assert_eq!(left, ["started.2000000000.json", "started.7.json"]);
}

#[test]
fn whoever_of_two_gateways_that_follow_one_another_is_killed() {
    let mut first = set_up("").start();
    let last = Last::of(&first);
    let old = all_started(first.dir.path(), 1)["web0"];
    let by = |process: Pid| format!("started.{}.json", process.as_raw_nonzero());
    let own = last.process().unwrap();
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    let second = last.process().unwrap();
    assert_eq!(page(&first), (200, Some(old)));
    wait_for("it to be the second one's", LONG, || {
        (records(&last.0) == [last.0.join(by(second))]).then_some(())
    });
    assert_eq!(written(&last.0), [number(old)]);
    kill(second);
    wait_for("the first one to serve", LONG, || {
        (last.process() == Some(own)).then_some(())
    });
    assert_eq!(page(&first), (200, Some(old)));
    wait_for("it to be the first one's", LONG, || {
        last.0.join(by(own)).exists().then_some(())
    });
    kill_gateway(&mut first);
    assert!(runs(old));
    let third = set_up("").state_of(&first).start();
    ended(old);
    assert_eq!(page(&third).0, 200);
    assert_eq!(
        records(&last.0),
        [last.0.join(format!("started.{}.json", third.process.id()))]
    );
}

#[test]
fn an_app_that_was_taken_over_ends_after_whoever_took_it_was_killed() {
    let mut first = set_up("").start();
    let last = Last::of(&first);
    let old = all_started(first.dir.path(), 1)["web0"];
    assert!(last.upgrade().0);
    let second = last.process().unwrap();
    // The other one stood by, and has ended in order.
    assert!(first.process.status(LONG).success());
    assert_eq!(written(&last.0), [number(old)]);
    kill(second);
    assert!(runs(old));
    let third = set_up("").state_of(&first).start();
    ended(old);
    assert_eq!(page(&third).0, 200);
}

#[test]
fn one_that_was_killed_while_it_was_replaced_leaves_nobody() {
    let mut first = set_up("").start();
    let last = Last::of(&first);
    let old = all_started(first.dir.path(), 1)["web0"];
    // The new one has an app of its own, and the old one's is still that one's to end.
    let config = fs::read_to_string(first.config_path()).unwrap();
    fs::write(first.config_path(), config.replace("\"web\"", "\"again\"")).unwrap();
    assert!(last.upgrade().0);
    let second = last.process().unwrap();
    let new = started(first.dir.path())["again0"];
    kill_process(second, Signal::STOP).unwrap();
    kill_gateway(&mut first);
    kill(second);
    let third = set_up("").state_of(&first).start();
    ended(old);
    ended(new);
    assert_eq!(page(&third).0, 200);
}

#[test]
fn what_another_gateway_runs_is_its_own_until_that_one_is_killed() {
    let mut first = set_up("").start();
    let state = first.dir.path().join("state");
    let old = all_started(first.dir.path(), 1)["web0"];
    // As long as one runs, somebody may be about to take this over.
    let (mut orphan, app) = bystander(&OURS);
    let record = json!({"here": here(), "gateway": *GONE, "apps": [app]});
    fs::write(state.join("started.8.json"), record.to_string()).unwrap();
    let mut second = set_up("").state_of(&first).start();
    let new = all_started(second.dir.path(), 1)["web0"];
    assert_eq!(page(&first), (200, Some(old)));
    assert!(orphan.is_running());
    kill_gateway(&mut first);
    second.process.line_with(&[LEFT, "\"port\":4000"], LONG);
    ended(old);
    orphan.status(LONG);
    assert_eq!(page(&second), (200, Some(new)));
    wait_for("it to be told no more", LONG, || {
        (written(&state) == [number(new)]).then_some(())
    });
}

#[test]
fn what_is_written_down_is_what_runs() {
    let mut gateway = set_up("instances = 2\n").start();
    let state = gateway.dir.path().join("state");
    let old = all_started(gateway.dir.path(), 2);
    let numbers = |all: &BTreeMap<String, Pid>| {
        let mut all: Vec<i64> = all.values().map(|process| number(*process)).collect();
        all.sort_unstable();
        all
    };
    let is_written = |all: &BTreeMap<String, Pid>| {
        wait_for("it to be written down", LONG, || {
            let mut written = written(&state);
            written.sort_unstable();
            (written == numbers(all)).then_some(())
        });
    };
    is_written(&old);
    let mut restart = panoply();
    restart.args(["restart", "--state"]).arg(&state);
    assert!(restart.output().unwrap().status.success());
    old.into_values().for_each(ended);
    let new = started(gateway.dir.path());
    is_written(&new);
    kill(new["web0"]);
    wait_for("it to be started again", LONG, || {
        (started(gateway.dir.path()) != new).then_some(())
    });
    is_written(&started(gateway.dir.path()));
    gateway.process.signal(Signal::TERM);
    assert!(gateway.process.status(LONG).success());
    assert_eq!(records(&state), Vec::<PathBuf>::new());
}

#[test]
fn nothing_fails_where_it_cannot_be_written_down() {
    // A program keeps its process when it becomes another.
    let script = "mkdir -p state/started.$$.json; exec \"$@\"";
    let mut gateway = set_up("").through(&["sh", "-c", script, "sh"]).start();
    assert_eq!(page(&gateway).0, 200);
    let old = all_started(gateway.dir.path(), 1)["web0"];
    kill(old);
    wait_for("it to be started again", LONG, || {
        (started(gateway.dir.path())["web0"] != old).then_some(())
    });
    let said = gateway.process.said();
    let told = said
        .iter()
        .filter(|line| line.contains("cannot be written down"));
    assert_eq!(told.count(), 1, "{said:#?}");
    gateway.process.signal(Signal::TERM);
    assert!(gateway.process.status(LONG).success());
}
