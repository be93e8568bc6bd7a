//! Upgrades of a gateway that has to do without an app already: what was broken before is no reason against one.

use super::support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use support::upgrade::{Last, Line};
use support::{Gateway, Setup, Verdicts, curl, wait_for};

const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(30);

/// Serves until it is asked to die; where there is a file `broken`, does what that says from its start.
const APP: &str = "
    import fs from 'fs'; import http from 'http';
    const broken = fs.existsSync('broken') ? fs.readFileSync('broken', 'utf8') : '';
    if (broken === 'ends') process.exit(7);
    if (broken === 'hangs') setInterval(() => {}, 1000);
    else http.createServer((request, answer) => {
        if (request.url === '/die') process.exit(3);
        answer.end('pid ' + process.pid + '\\n');
    }).listen(process.env.PORT, '127.0.0.1');
";

/// One that serves whatever becomes of the other.
const WELL: &str = "
    import http from 'http';
    http.createServer((_, answer) => answer.end('pid ' + process.pid + '\\n')).listen(process.env.PORT, '127.0.0.1');
";

const NEVER: &str = "command = [\"sleep\", \"600\"]\nstart_timeout = \"1s\"\npatience = \"0s\"\n";

fn set_up(more: &str) -> Setup {
    support::require("node");
    let setup = Gateway::setup().config(&format!(
        "[app]\ncommand = [\"node\", \"app.mjs\"]\npatience = \"0s\"\nstart_timeout = \"1s\"\n\
         [tls]\nmode = \"off\"\n[limits]\ndrain = \"8s\"\n\
         [[route]]\npath = \"/api\"\ncommand = [\"node\", \"well.mjs\"]\n{more}"
    ));
    fs::write(setup.dir().join("app.mjs"), APP).unwrap();
    fs::write(setup.dir().join("well.mjs"), WELL).unwrap();
    setup
}

fn status(url: &str) -> u16 {
    curl(NULL.as_ref(), &["--max-time", "10", url]).status
}

/// Has the app of the site end, and what is started in its place be `broken`.
fn break_it(gateway: &Gateway, last: &Last, broken: &str) {
    fs::write(gateway.dir.path().join("broken"), broken).unwrap();
    assert_eq!(status(&gateway.url("/die")), 502);
    wait_for("an app that is down", LONG, || {
        let told = last.status()?["app"].as_str()?.to_owned();
        told.contains("starting again").then_some(())
    });
}

fn upgraded(last: &Last) -> Pid {
    let before = last.process();
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    assert_ne!(last.process(), before);
    last.process().unwrap()
}

#[test]
fn what_was_down_before_is_not_waited_for() {
    for broken in ["hangs", "ends"] {
        let dead = format!("[[route]]\npath = \"/dead\"\ninstances = 2\n{NEVER}");
        let mut gateway = set_up(&dead).start();
        let last = Last::of(&gateway);
        let mut wrong = Verdicts::default();
        let api = curl(NULL.as_ref(), &[&gateway.url("/api")]).text();
        break_it(&gateway, &last, broken);
        upgraded(&last);
        let said = [
            "goes on without what was down before it",
            "\"apps\":\"/, /dead\"",
        ];
        gateway.process.line_with(&said, LONG);
        let after = curl(NULL.as_ref(), &[&gateway.url("/api")]).text();
        wrong.equal("the one that was up", after, api);
        wrong.equal("the site's own", status(&gateway.url("/")), 503);
        // It is started all the same, and looked after.
        fs::remove_file(gateway.dir.path().join("broken")).unwrap();
        if broken == "hangs" {
            let (done, said) = last.ask(&["restart", "/"]);
            wrong.check(done, || said);
        }
        wait_for("the mended app", LONG, || {
            (status(&gateway.url("/")) == 200).then_some(())
        });
        // From here on it counts again.
        let written = fs::read_to_string(gateway.config_path()).unwrap();
        let other = written.replacen("app.mjs", "none.mjs", 1);
        fs::write(gateway.config_path(), other).unwrap();
        let (done, said) = last.upgrade();
        wrong.check(!done && said.contains("before it accepted"), || said);
        wrong.equal("the site's own", status(&gateway.url("/")), 200);
        wrong.settle();
    }
}

#[test]
fn whoever_serves_again_goes_on_without_it() {
    let mut gateway = set_up("").start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let first = last.process();
    let api = curl(NULL.as_ref(), &[&gateway.url("/api")]).text();
    break_it(&gateway, &last, "ends");
    kill_process(upgraded(&last), Signal::KILL).unwrap();
    gateway.process.line_with(&["serves again"], LONG);
    wrong.equal(
        "the one that was up",
        curl(NULL.as_ref(), &[&gateway.url("/api")]).text(),
        api,
    );
    // It is tried again, and its end is nobody else's.
    let ended = || {
        let said = gateway.process.stderr();
        let ended = said.iter().filter(|line| line.contains("exit status: 7"));
        ended.count()
    };
    let before = ended();
    wait_for("another end", LONG, || (ended() > before).then_some(()));
    wrong.equal("who serves", last.process(), first);
    wrong.equal("the one that was up", status(&gateway.url("/api")), 200);
    wrong.settle();
}

#[test]
fn a_gateway_whose_app_has_never_come_up_can_be_upgraded() {
    let (mut process, dir, _) = Gateway::setup()
        .config(&format!("[app]\n{NEVER}[tls]\nmode = \"off\"\n"))
        .spawn();
    let last = Last(dir.path().join("state"));
    process.line_with(&["does not accept connections on PORT"], LONG);
    upgraded(&last);
    process.line_with(&["goes on without what was down", "\"apps\":\"/\""], LONG);
    last.stop();
}

/// The end of one that hands over to a gateway with `config`, and what that one does.
fn heir(dir: &Path, config: &str) -> (Line, support::Process, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let file = dir.join("panoply.toml");
    let all = format!("{config}[listen]\nhttp = \"{address}\"\n[tls]\nmode = \"off\"\n");
    fs::write(&file, all).unwrap();
    let (line, gateway) = Line::to_heir(&file, &listener);
    (line, gateway, format!("http://{address}/"))
}

#[test]
fn what_another_version_says_of_it_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    // Of one that is yet to be written.
    let short = json!({"app": "", "up": 0, "down": [0], "since": 5});
    let begin = json!({"Begin": {"placeholder": null, "short": [short], "other": 1}});
    let (line, mut gateway, url) = heir(dir.path(), &format!("[app]\n{NEVER}"));
    line.say(&begin, &[]);
    line.hear_of("Prepared");
    line.say(&json!("Go"), &[]);
    line.hear_of("Ready");
    assert_eq!(status(&url), 503);
    gateway.signal(Signal::TERM);
    assert!(gateway.status(LONG).success());
}

/// Of an older version nobody knows what was down; should it die, nobody else is there to serve.
#[test]
fn whoever_is_alone_serves_though_its_app_does_not_come_up() {
    let dir = tempfile::tempdir().unwrap();
    let (line, mut gateway, url) = heir(dir.path(), &format!("[app]\n{NEVER}"));
    line.say(&json!({"Begin": {"placeholder": null}}), &[]);
    gateway.line_with(&["does not accept connections on PORT"], LONG);
    drop(line);
    assert_eq!(status(&url), 503);
    gateway.signal(Signal::TERM);
    assert!(gateway.status(LONG).success());
}
