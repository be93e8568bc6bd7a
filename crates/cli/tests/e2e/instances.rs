//! An app in several instances: they answer for each other, and come and go without a request that fails.

use super::support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::upgrade::Last;
use support::{
    App, Gateway, Process, Raw, Setup, Verdicts, ask, curl, free_port, statuses, wait_for,
};

const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(30);

/// Says which instance it is, of which process and version. SIGTERM ends it at once, as it does most apps.
const APP: &str = "
    import fs from 'fs'; import http from 'http';
    const { PANOPLY_INSTANCE: number, PORT } = process.env;
    fs.appendFileSync('starts', `${number}\\n`);
    http.createServer((request, answer) => {
        if (request.url === '/die') {
            fs.appendFileSync('deaths', `${number}\\n`);
            process.kill(process.pid, 'SIGKILL');
        }
        else if (request.url === '/hang') fs.appendFileSync('hangs', `${number}\\n`);
        else if (request.url === '/healthz') answer.end();
        else {
            const page = `${number} ${process.pid} VERSION\\n`;
            answer.setHeader('content-length', page.length);
            answer.end(page);
        }
    }).listen(PORT, '127.0.0.1');
";

fn set_up(config: &str) -> Setup {
    require_node();
    let setup = Gateway::setup().config(&format!("[tls]\nmode = \"off\"\n[app]\n{config}"));
    write(&setup.dir().join("app.mjs"), "1");
    setup
}

fn require_node() {
    support::require("node");
}

fn write(path: &std::path::Path, version: &str) {
    fs::write(path, APP.replace("VERSION", version)).unwrap();
}

fn start(config: &str) -> Gateway {
    let command = "command = [\"node\", \"app.mjs\"]\n";
    set_up(&format!("{command}{config}")).start()
}

/// Number, process and version of whoever answers.
fn answer(gateway: &Gateway, more: &[&str]) -> (usize, i32, String) {
    let url = gateway.url("/");
    let arguments: Vec<&str> = more.iter().copied().chain([&*url]).collect();
    let page = curl(NULL.as_ref(), &arguments).text();
    parse(&page).unwrap_or_else(|| panic!("{page}"))
}

fn parse(page: &str) -> Option<(usize, i32, String)> {
    let mut words = page.split_whitespace();
    let (number, process) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((number, process, words.next()?.to_owned()))
}

/// Waits until so many are up.
fn all_up(last: &Last, all: usize) {
    all_up_of(last, all, all);
}

fn all_up_of(last: &Last, up: usize, all: usize) {
    wait_for("all instances", LONG, || {
        let status = last.status()?;
        let app = status["app"].as_str()?.to_owned();
        app.starts_with(&format!("up, {up} of {all}")).then_some(())
    });
}

/// Who answers, asked until each of so many has.
fn who(gateway: &Gateway, all: usize) -> BTreeMap<usize, i32> {
    let mut found = BTreeMap::new();
    wait_for("each instance to answer", LONG, || {
        let (number, process, _) = answer(gateway, &[]);
        found.insert(number, process);
        (found.len() == all).then_some(())
    });
    found
}

fn kill(process: i32, signal: Signal) {
    kill_process(Pid::from_raw(process).unwrap(), signal).unwrap();
}

fn lives(process: i32) -> bool {
    test_kill_process(Pid::from_raw(process).unwrap()).is_ok()
}

/// Clients that ask for `/` until `over`; what was answered otherwise than well.
pub(crate) struct Load {
    over: AtomicBool,
    asked: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

impl Load {
    pub(crate) fn new() -> Self {
        Self {
            over: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            failed: Mutex::default(),
        }
    }

    /// One client, over a connection that it keeps.
    fn client(&self, address: &str, method: &str) {
        let mut kept = Raw::open(address);
        let request = format!("{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
        while !self.over.load(Ordering::Relaxed) {
            kept.send(request.as_bytes());
            let answer = kept.read_until("\r\n\r\n");
            if statuses(&answer) != [200] {
                self.failed.lock().unwrap().push(answer);
                return;
            }
            if method != "HEAD" {
                kept.read_until("\n");
            }
            if answer.contains("connection: close") {
                kept = Raw::open(address);
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// While six of them ask, `what` happens, and at least so many requests more.
    pub(crate) fn while_asking(
        &self,
        address: &str,
        methods: &[&str],
        what: impl FnOnce(&dyn Fn()),
    ) {
        thread::scope(|scope| {
            for client in 0..6 {
                let method = methods[client % methods.len()].to_owned();
                scope.spawn(move || self.client(address, &method));
            }
            what(&|| {
                let count = self.asked.load(Ordering::Relaxed);
                wait_for("requests", LONG, || {
                    let over = !self.failed.lock().unwrap().is_empty();
                    (over || self.asked.load(Ordering::Relaxed) > count + 100).then_some(())
                });
            });
            self.over.store(true, Ordering::Relaxed);
        });
    }

    pub(crate) fn failed(&self) -> String {
        self.failed.lock().unwrap().join("\n")
    }
}

#[test]
fn while_one_is_killed_the_others_answer_for_it() {
    let mut gateway = start("instances = 3\n");
    let last = Last::of(&gateway);
    all_up(&last, 3);
    let first = fs::read_to_string(gateway.dir.path().join("starts")).unwrap();
    assert_eq!(first.lines().next(), Some("0"), "the first begins alone");
    // The log says which of them it was.
    let (number, ..) = answer(&gateway, &[]);
    gateway.process.line_with(
        &["\"path\":\"/\"", &format!("\"app_instance\":{number}")],
        LONG,
    );
    // What is under way there and changes nothing goes to another.
    kill_each_of_three(&gateway, &last);
}

/// Under load, of which nothing fails.
fn kill_each_of_three(gateway: &Gateway, last: &Last) {
    let load = Load::new();
    load.while_asking(gateway.address(), &["GET", "HEAD"], |more| {
        more();
        for (number, process) in who(gateway, 3) {
            kill(process, Signal::KILL);
            more();
            wait_for("it to be up again", LONG, || {
                let status = last.status()?["app"].as_str()?.to_owned();
                (status.starts_with("up, 3 of 3") && !lives(process)).then_some(())
            });
            assert_ne!(who(gateway, 3)[&number], process);
        }
    });
    assert_eq!(load.failed(), "");
}

/// One request does not end them all.
#[test]
fn what_ends_an_instance_is_tried_at_one_other_alone() {
    let gateway = start("instances = 4\n");
    let last = Last::of(&gateway);
    all_up(&last, 4);
    let answer = ask(
        gateway.address(),
        b"GET /die HTTP/1.1\r\nHost: a.test\r\n\r\n",
    );
    assert_eq!(answer.status(), 502, "{}", answer.text());
    let dead = deaths(&gateway);
    assert!((1..=2).contains(&dead), "{dead}");
    // And what may change something at none.
    let answer = ask(
        gateway.address(),
        b"POST /die HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\na",
    );
    assert_eq!(answer.status(), 502, "{}", answer.text());
    assert_eq!(deaths(&gateway), dead + 1);
}

/// How many instances were asked for what ends them.
fn deaths(gateway: &Gateway) -> usize {
    let told = fs::read_to_string(gateway.dir.path().join("deaths"));
    told.unwrap_or_default().lines().count()
}

/// Nor where a client has one of its own, which is asked once more in case it was about to close the connection.
#[test]
fn what_ends_a_client_s_own_instance_is_tried_at_one_other_alone() {
    let gateway = start("instances = 5\naffinity = \"client\"\n");
    let last = Last::of(&gateway);
    all_up(&last, 5);
    let mut kept = Raw::open(gateway.address());
    kept.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(statuses(&kept.read_until(" 1\n")), [200]);
    kept.send(b"GET /die HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(statuses(&kept.read_until("\r\n\r\n")), [502]);
    let dead = deaths(&gateway);
    assert!((1..=2).contains(&dead), "{dead}");
}

#[test]
fn another_version_takes_over_one_instance_after_the_other() {
    let config = "instances = 2\nhealth = \"/healthz\"\nstart_timeout = \"3s\"\n";
    let gateway = start(config);
    let last = Last::of(&gateway);
    let app = gateway.dir.path().join("app.mjs");
    all_up(&last, 2);
    let before = who(&gateway, 2);
    let load = Load::new();
    load.while_asking(gateway.address(), &["GET", "POST"], |more| {
        more();
        write(&app, "2");
        let (done, said) = last.ask(&["restart"]);
        assert!(done, "{said}");
        more();
    });
    assert_eq!(load.failed(), "");
    for _ in 0..4 {
        assert_eq!(answer(&gateway, &[]).2, "2");
    }
    for process in before.into_values() {
        wait_for("its end", LONG, || (!lives(process)).then_some(()));
    }

    // One that does not come up leaves all as they are.
    let before = who(&gateway, 2);
    fs::write(&app, "process.exit(3)").unwrap();
    let (done, said) = last.ask(&["restart"]);
    assert!(!done, "{said}");
    for part in ["0 of 2 instances", "instance 0", "exit status: 3"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(who(&gateway, 2), before);
}

#[test]
fn an_upgrade_hands_over_all_instances_and_as_many_as_there_are_to_be() {
    let mut gateway = start("instances = 2\n");
    let last = Last::of(&gateway);
    all_up(&last, 2);
    let before = who(&gateway, 2);
    let written = fs::read_to_string(gateway.config_path()).unwrap();
    let load = Load::new();
    let mut wrong = Verdicts::default();
    load.while_asking(gateway.address(), &["GET", "POST"], |more| {
        for instances in [2, 3, 1] {
            more();
            let written = written.replace("instances = 2", &format!("instances = {instances}"));
            fs::write(gateway.config_path(), written).unwrap();
            let (done, said) = last.upgrade();
            wrong.check(done, || said.clone());
            more();
            let now = who(&gateway, instances);
            for (number, process) in &now {
                let same = before.get(number).is_none_or(|before| before == process);
                wrong.check(same, || format!("{instances}: {now:?}, {before:?}"));
            }
        }
    });
    wrong.equal("what failed", load.failed(), String::new());
    gateway.process.status(LONG);
    // Those that are not wanted any more end with the gateway before.
    wait_for("the end of one", LONG, || {
        (!lives(before[&1])).then_some(())
    });
    last.stop();
    wait_for("the end of all", LONG, || {
        (!lives(before[&0])).then_some(())
    });
    wrong.settle();
}

/// Apps that somebody else runs.
fn elsewhere(all: usize, dir: &std::path::Path) -> Vec<App> {
    let instance = |number: usize| instance(number, free_port(), dir);
    (0..all).map(instance).collect()
}

fn instance(number: usize, port: u16, dir: &std::path::Path) -> App {
    let mut command = std::process::Command::new("node");
    command.arg("app.mjs").current_dir(dir);
    command.env("PORT", port.to_string());
    command.env("PANOPLY_INSTANCE", number.to_string());
    let process = Process::start(&mut command);
    wait_for("an app", LONG, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    App { process, port }
}

#[test]
fn of_upstreams_those_that_are_there_serve() {
    let dir = tempfile::tempdir().unwrap();
    require_node();
    write(&dir.path().join("app.mjs"), "1");
    let apps = elsewhere(2, dir.path());
    let gone = free_port();
    let mut setup = set_up("patience = \"0s\"\n");
    for origin in apps.iter().map(App::origin) {
        setup = setup.upstream(&origin);
    }
    // One has never been there.
    let gateway = setup.upstream(&format!("http://127.0.0.1:{gone}")).start();
    assert_eq!(who(&gateway, 2).len(), 2);
    let load = Load::new();
    load.while_asking(gateway.address(), &["GET"], |more| {
        more();
        apps[0].process.signal(Signal::KILL);
        more();
    });
    assert_eq!(load.failed(), "");
    // Nothing has been sent yet of one that meets nobody, whatever its method.
    for _ in 0..6 {
        let (number, ..) = answer(&gateway, &["-X", "POST", "-d", "a"]);
        assert_eq!(number, 1);
    }
    // What is back is seen, and where there is nobody else no one is answered.
    apps[1].process.signal(Signal::KILL);
    let none = curl(NULL.as_ref(), &[&gateway.url("/")]);
    assert_eq!(none.status, 502, "{}", none.text());
    let _back = instance(2, gone, dir.path());
    wait_for("the one that is there now", LONG, || {
        parse(&curl(NULL.as_ref(), &[&gateway.url("/")]).text()).filter(|(number, ..)| *number == 2)
    });
    let (done, said) = Last::of(&gateway).ask(&["restart"]);
    assert!(!done && said.contains("`app.upstream`"), "{said}");
}

#[test]
fn a_client_comes_to_the_same_instance_as_long_as_it_is_there() {
    let gateway =
        start("instances = 3\naffinity = \"client\"\n[client]\ntrusted_proxies = [\"loopback\"]\n");
    let last = Last::of(&gateway);
    all_up(&last, 3);
    let of = |client: u8| {
        answer(
            &gateway,
            &["-H", &format!("X-Forwarded-For: 203.0.113.{client}")],
        )
    };
    let first: Vec<_> = (0..24).map(of).collect();
    let numbers: BTreeSet<usize> = first.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers.len(), 3, "{first:?}");
    assert_eq!((0..24).map(of).collect::<Vec<_>>(), first);
    // Of one that ends, its own clients alone go to others, and they come back.
    let (number, process, _) = first[0].clone();
    fs::write(
        gateway.dir.path().join("app.mjs"),
        "setInterval(() => {}, 1e6)",
    )
    .unwrap();
    kill(process, Signal::KILL);
    wait_for("its end", LONG, || {
        last.status()?["app"]
            .as_str()?
            .starts_with("up, 2 of 3")
            .then_some(())
    });
    for (client, before) in (0..24).zip(&first) {
        let now = of(client);
        assert_eq!(now == *before, before.0 != number, "{now:?}, {before:?}");
    }
    write(&gateway.dir.path().join("app.mjs"), "1");
    let (done, said) = last.ask(&["restart"]);
    assert!(done, "{said}");
    let after: Vec<usize> = (0..24).map(|client| of(client).0).collect();
    let before: Vec<usize> = first.iter().map(|(number, ..)| *number).collect();
    assert_eq!(after, before);
}

/// One that has the hands full has no more to do.
#[test]
fn the_one_that_has_the_least_to_do_is_asked() {
    let gateway = start("instances = 2\n");
    let last = Last::of(&gateway);
    all_up(&last, 2);
    let hangs = gateway.dir.path().join("hangs");
    let mut kept = Vec::new();
    for count in 1..=6 {
        let mut hanging = Raw::open(gateway.address());
        hanging.send(b"GET /hang HTTP/1.1\r\nHost: a.test\r\n\r\n");
        kept.push(hanging);
        wait_for("it to hang", LONG, || {
            let hangs = fs::read_to_string(&hangs).ok()?;
            (hangs.lines().count() == count).then_some(())
        });
    }
    let hangs = fs::read_to_string(&hangs).unwrap();
    let first = hangs.lines().filter(|number| *number == "0").count();
    assert_eq!(first, 3, "{hangs}");
}

#[test]
fn it_stops_as_soon_as_nothing_is_under_way() {
    let mut gateway = start("instances = 2\n[limits]\ndrain = \"10m\"\n");
    let last = Last::of(&gateway);
    all_up(&last, 2);
    let all = who(&gateway, 2);
    gateway.process.signal(Signal::TERM);
    gateway.process.status(LONG);
    for process in all.into_values() {
        wait_for("its end", LONG, || (!lives(process)).then_some(()));
    }
}

#[test]
fn instances_of_what_somebody_else_starts_are_not_ours_to_count() {
    let setup = set_up("upstream = \"http://127.0.0.1:9\"\ninstances = 2\n");
    let (mut process, _dir, _) = setup.spawn();
    let said = process.line_with(&["app.instances"], LONG);
    assert!(!process.status(LONG).success());
    assert!(said.contains("somebody else starts the app"), "{said}");
}

/// One that does not come up keeps nobody from an upgrade, as it keeps nobody from being served.
#[test]
fn what_is_amiss_with_one_instance_is_no_reason_to_go_without_an_upgrade() {
    let setup = set_up("command = [\"node\", \"odd.mjs\"]\ninstances = 3\n");
    let odd = "
        if (process.env.PANOPLY_INSTANCE === '2') process.exit(7);
        await import('./app.mjs');
    ";
    fs::write(setup.dir().join("odd.mjs"), odd).unwrap();
    let gateway = setup.start();
    let last = Last::of(&gateway);
    all_up_of(&last, 2, 3);
    let before = who(&gateway, 2);
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    assert_eq!(who(&gateway, 2), before);
    // It has a process now and then, and whose that is nobody doubts.
    let page = curl(NULL.as_ref(), &[&format!("{}/", gateway.admin)]).text();
    assert!(page.contains("starting, or starting again"), "{page}");
    assert!(!page.contains("not ours"), "{page}");
    last.stop();
}

/// The log says which hangs, and it is asked no more.
#[test]
fn one_that_hangs_is_named_and_left_alone() {
    let mut gateway = start("instances = 2\nhealth = \"/healthz\"\n");
    let last = Last::of(&gateway);
    all_up(&last, 2);
    let hangs = who(&gateway, 2)[&1];
    kill(hangs, Signal::STOP);
    let line = &["the app is down", "does not answer", "\"instance\":1"];
    gateway.process.line_with(line, LONG);
    for _ in 0..6 {
        assert_eq!(answer(&gateway, &["--max-time", "20"]).0, 0);
    }
    kill(hangs, Signal::CONT);
    gateway
        .process
        .line_with(&["answers again", "\"instance\":1"], LONG);
}

/// The same over HTTP/2, where many requests share the connection that ends.
#[test]
fn instances_that_speak_http_2_answer_for_each_other() {
    let setup = set_up("command = [\"node\", \"h2.mjs\"]\ninstances = 3\nh2c = true\n");
    let app = APP
        .replace("VERSION", "1")
        .replace("import http from 'http'", "import http from 'http2'");
    fs::write(setup.dir().join("h2.mjs"), app).unwrap();
    let gateway = setup.start();
    let last = Last::of(&gateway);
    all_up(&last, 3);
    kill_each_of_three(&gateway, &last);
    // What ends one ends one other at most, and what may change something no other.
    let get = b"GET /die HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let answer = ask(gateway.address(), get);
    assert_eq!(answer.status(), 502, "{}", answer.text());
    let dead = deaths(&gateway);
    assert!((1..=2).contains(&dead), "{dead}");
    all_up(&last, 3);
    let post = b"POST /die HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\na";
    let answer = ask(gateway.address(), post);
    assert_eq!(answer.status(), 502, "{}", answer.text());
    assert_eq!(deaths(&gateway), dead + 1);
    // And each is counted once only.
    let status = last.status().unwrap();
    for instance in status["instances"].as_array().unwrap() {
        assert_eq!(instance["requests"], 0, "{status}");
    }
}

/// Whoever closes each connection at once has nothing to do at any time.
#[test]
fn one_that_breaks_off_all_it_is_given_does_not_get_everything() {
    let dir = tempfile::tempdir().unwrap();
    require_node();
    write(&dir.path().join("app.mjs"), "1");
    let apps = elsewhere(1, dir.path());
    let broken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = broken.local_addr().unwrap().port();
    thread::spawn(move || broken.incoming().for_each(drop));
    let gateway = set_up("")
        .upstream(&apps[0].origin())
        .upstream(&format!("http://127.0.0.1:{port}"))
        .start();
    let request = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\na";
    let all: Vec<u16> = (0..40)
        .map(|_| ask(gateway.address(), request).status())
        .collect();
    // In turn it would have had half of them.
    let failed = all.iter().filter(|status| **status == 502).count();
    assert!((1..15).contains(&failed), "{all:?}");
}

/// Where fewer come up than there were, the one before goes on; once that is dead, nobody else is there to serve.
#[test]
fn one_that_waits_for_its_instances_serves_all_the_same_once_it_is_alone() {
    let mut gateway = start("instances = 2\n");
    let last = Last::of(&gateway);
    all_up(&last, 2);
    let odd = "
        import fs from 'fs';
        fs.appendFileSync('tried', process.env.PANOPLY_INSTANCE);
        if (process.env.PANOPLY_INSTANCE === '1') process.exit(7);
        await import('./app.mjs');
    ";
    let dir = gateway.dir.path().to_owned();
    fs::write(dir.join("odd.mjs"), odd).unwrap();
    let written = fs::read_to_string(gateway.config_path()).unwrap();
    fs::write(gateway.config_path(), written.replace("app.mjs", "odd.mjs")).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| last.upgrade());
        wait_for("the other to wait", LONG, || {
            let tried = fs::read_to_string(dir.join("tried")).ok()?;
            (tried.matches('1').count() > 1).then_some(())
        });
        gateway.process.signal(Signal::KILL);
        gateway.process.status(LONG);
    });
    assert_eq!(who(&gateway, 1).keys().collect::<Vec<_>>(), [&0]);
    last.stop();
}
