//! Another version of an app that the gateway has started, in the place of the one that runs.

use super::support;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::{
    App, Gateway, Raw, Verdicts, curl, panoply, scripts, statuses, test_app, text, wait_for,
};

const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(30);
const PLAIN: &str = "[tls]\nmode = \"off\"\n";

fn restart(state: &Path) -> Output {
    let mut command = panoply();
    command.args(["restart", "--state"]).arg(state);
    command.output().unwrap()
}

/// Of the app that answers.
fn process(gateway: &Gateway) -> i32 {
    let page = curl(NULL.as_ref(), &[&gateway.url("/")]).text();
    page.trim().strip_prefix("pid ").unwrap().parse().unwrap()
}

fn lives(process: i32) -> bool {
    test_kill_process(Pid::from_raw(process).unwrap()).is_ok()
}

/// A copy of the app, for another version to be put in its place. SIGTERM ends it at once, as it does most apps.
fn before_a_copy(config: &str) -> Gateway {
    let setup = Gateway::setup().config(&format!("{config}{PLAIN}"));
    let app = fs::read_to_string(scripts().join("apps/moody.mjs")).unwrap();
    let app = app.replace("['SIGTERM', 'SIGINT']", "[]");
    fs::write(setup.dir().join("app.mjs"), app).unwrap();
    setup
        .command(&["node".to_owned(), "app.mjs".to_owned()])
        .start()
}

#[test]
fn no_request_fails_while_another_version_takes_over() {
    let gateway = before_a_copy("[app]\nhealth = \"/healthz\"\n");
    let state = gateway.dir.path().join("state");
    let mut wrong = Verdicts::default();
    let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failed: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let (gateway, over, asked) = (&gateway, &over, &asked);
                scope.spawn(move || {
                    let mut failed = Vec::new();
                    let mut kept = Raw::open(gateway.address());
                    while !over.load(Ordering::Relaxed) {
                        // Half of them cannot be sent twice, and a third are long.
                        let (method, path, end) = match client % 3 {
                            0 => ("GET", "/", "\n"),
                            1 => ("POST", "/", "\n"),
                            _ => ("GET", "/slow?chunks=3&pause=50", "end\n\r\n0\r\n\r\n"),
                        };
                        let body = if method == "POST" { "body" } else { "" };
                        let length = body.len();
                        let request = format!(
                            "{method} {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{body}"
                        );
                        kept.send(request.as_bytes());
                        let answer = kept.read_until("\r\n\r\n");
                        if statuses(&answer) != [200] {
                            failed.push(answer);
                            return failed;
                        }
                        kept.read_until(end);
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                    failed
                })
            })
            .collect();
        let mut before = process(&gateway);
        for _ in 0..3 {
            let count = asked.load(Ordering::Relaxed);
            let output = restart(&state);
            let said = text(&output.stdout);
            wrong.check(output.status.success(), || {
                format!("{said}{}", text(&output.stderr))
            });
            let after = process(&gateway);
            wrong.check(after != before, || "the same app".to_owned());
            wrong.check(said.contains(&format!("process {after} serves")), || said);
            wait_for("the app before to end", LONG, || {
                (!lives(before)).then_some(())
            });
            wait_for("requests", LONG, || {
                (asked.load(Ordering::Relaxed) > count + 20).then_some(())
            });
            before = after;
        }
        over.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    wrong.check(failed.is_empty(), || failed.join("\n"));
    // That was no end of its own.
    let mut command = panoply();
    let status = command.args(["status", "--state"]).arg(&state).output();
    let status = text(&status.unwrap().stdout);
    wrong.check(!status.contains("ended by itself"), || status);
    wrong.settle();
}

#[test]
fn a_version_that_does_not_come_up_leaves_the_one_that_runs() {
    let mut gateway = before_a_copy("[app]\nhealth = \"/healthz\"\nstart_timeout = \"3s\"\n");
    let state = gateway.dir.path().join("state");
    let mut wrong = Verdicts::default();
    let before = process(&gateway);
    for (app, why) in [
        ("process.exit(3)", "exit status: 3"),
        ("setInterval(() => {}, 1e6)", "not up after 3s"),
        (
            "require('http').createServer((q, r) => { r.statusCode = 500; r.end() }).listen(process.env.PORT)",
            "not up after 3s",
        ),
    ] {
        fs::write(
            gateway.dir.path().join("app.mjs"),
            app.replace("require('http')", "(await import('http'))"),
        )
        .unwrap();
        let output = restart(&state);
        let said = text(&output.stderr);
        wrong.check(!output.status.success() && said.contains(why), || said);
        wrong.equal("the app", process(&gateway), before);
    }
    // And ends with the gateway.
    gateway.process.signal(Signal::TERM);
    gateway.process.status(LONG);
    wrong.check(!lives(before), || "it has not ended".to_owned());
    wrong.settle();
}

#[test]
fn a_version_that_is_not_well_is_no_success_because_the_one_before_is_gone() {
    let gateway = before_a_copy("[app]\nhealth = \"/healthz\"\nstart_timeout = \"2s\"\n");
    let state = gateway.dir.path().join("state");
    let new = gateway.dir.path().join("new");
    let before = process(&gateway);
    let app = |status: u16| {
        let app = format!(
            "import fs from 'fs'; import http from 'http'; fs.writeFileSync('new', String(process.pid));
            http.createServer((q, r) => {{ r.statusCode = {status}; r.end(`pid ${{process.pid}}`) }})
                .listen(process.env.PORT);"
        );
        fs::write(gateway.dir.path().join("app.mjs"), app).unwrap();
    };
    let restarted = |dies: i32| {
        let _ = fs::remove_file(&new);
        thread::scope(|scope| {
            let asked = scope.spawn(|| restart(&state));
            wait_for("the new one", LONG, || fs::read_to_string(&new).ok());
            kill_process(Pid::from_raw(dies).unwrap(), Signal::KILL).unwrap();
            asked.join().unwrap()
        })
    };
    app(500);
    let output = restarted(before);
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && said.contains("`app.health`"),
        "{said}"
    );
    // One that is well has taken its place, whatever became of the one before.
    let unwell = process(&gateway);
    app(200);
    let output = restarted(unwell);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains(&format!("process {} serves", process(&gateway))),
        "{said}"
    );
}

#[test]
fn a_gateway_that_ends_meanwhile_leaves_nothing_behind() {
    let mut gateway = before_a_copy("");
    let state = gateway.dir.path().join("state");
    let before = process(&gateway);
    let slow = "import fs from 'fs'; fs.writeFileSync('new', String(process.pid)); setInterval(() => {}, 1e6)";
    fs::write(gateway.dir.path().join("app.mjs"), slow).unwrap();
    let new = gateway.dir.path().join("new");
    thread::scope(|scope| {
        let asked = scope.spawn(|| restart(&state));
        let new = wait_for("the new one", LONG, || {
            fs::read_to_string(&new).ok()?.parse::<i32>().ok()
        });
        gateway.process.signal(Signal::TERM);
        gateway.process.status(LONG);
        for process in [before, new] {
            wait_for("its end", LONG, || (!lives(process)).then_some(()));
        }
        assert!(!asked.join().unwrap().status.success());
    });
}

#[test]
fn an_app_of_somebody_elses_is_not_restarted() {
    let app = App::start(&test_app("moody.mjs"));
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let output = restart(&gateway.dir.path().join("state"));
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && said.contains("`app.upstream`"),
        "{said}"
    );
}

#[test]
fn what_hangs_in_its_start_is_started_anew() {
    let gateway = before_a_copy("[app]\nstart_timeout = \"2s\"\n");
    let state = gateway.dir.path().join("state");
    let [app, new] = ["app.mjs", "new"].map(|name| gateway.dir.path().join(name));
    let good = fs::read(&app).unwrap();
    let hangs = "import fs from 'fs'; fs.writeFileSync('new', String(process.pid)); setInterval(() => {}, 1e6)";
    fs::write(&app, hangs).unwrap();
    curl(NULL.as_ref(), &[&gateway.url("/die")]);
    let hung = wait_for("the next start", LONG, || {
        fs::read_to_string(&new).ok()?.parse::<i32>().ok()
    });
    let mut wrong = Verdicts::default();
    // Nor does another of the same come up, and whoever asks again is heard.
    let output = restart(&state);
    let said = text(&output.stderr);
    let told = said.contains("not up after 2s");
    wrong.check(!output.status.success() && told, || said);
    wrong.check(!lives(hung), || "it goes on".to_owned());
    fs::write(&app, good).unwrap();
    let output = restart(&state);
    wrong.check(output.status.success(), || text(&output.stderr));
    wrong.check(lives(process(&gateway)), || "nobody serves".to_owned());
    wrong.settle();
}

#[test]
fn what_one_app_was_given_is_not_given_to_the_next() {
    let gateway = before_a_copy("[limits]\ndrain = \"1s\"\n");
    let state = gateway.dir.path().join("state");
    let [app, seen] = ["app.mjs", "seen"].map(|name| gateway.dir.path().join(name));
    let notes = "import fs from 'fs';
        import { createServer } from 'http';
        createServer((asked, answer) => {
            fs.appendFileSync('seen', `${asked.url}\\n`);
            if (asked.url === '/') answer.end(`pid ${process.pid}`);
        }).listen(process.env.PORT, '127.0.0.1');";
    fs::write(app, notes).unwrap();
    assert!(restart(&state).status.success());
    // There is a connection that can be used again, so that the request could be sent again.
    process(&gateway);
    let mut client = Raw::open(gateway.address());
    client.send(b"GET /hangs HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let times = || {
        let seen = fs::read_to_string(&seen).unwrap_or_default();
        seen.matches("/hangs").count()
    };
    wait_for("the request", LONG, || (times() == 1).then_some(()));
    assert!(restart(&state).status.success());
    let answer = client.read_until("\r\n\r\n");
    assert_eq!(statuses(&answer), [502], "{answer}");
    assert_eq!(times(), 1);
}
