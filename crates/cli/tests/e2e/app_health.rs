//! Whether the app is well, as the gateway tells it: to probes, to scrapers, to people and to the log.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::{Gateway, Process, Verdicts, curl, panoply, test_app, text, wait_for};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";
const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(30);

/// All that tell it, of which none may differ from the others: whether it is up, and what is said of it.
fn told(gateway: &Gateway) -> Option<(bool, String)> {
    let health = curl(NULL.as_ref(), &[&format!("{}/health", gateway.admin)]);
    let metrics = curl(NULL.as_ref(), &[&format!("{}/metrics", gateway.admin)]).text();
    let state = gateway.dir.path().join("state");
    let ask = |what: &str| {
        let mut command = panoply();
        command.args([what, "--state"]).arg(&state);
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let ((code, said), (_, status)) = (ask("health"), ask("status"));
    let page = curl(NULL.as_ref(), &[&format!("{}/live.json", gateway.admin)]).text();
    let is_up = health.status == 200;
    let app = said.split(';').next().unwrap().to_owned();
    let rest = app.strip_prefix("app ").unwrap();
    let agree = code == Some(i32::from(!is_up))
        && metrics.contains(&format!("\npanoply_app_up {}\n", u8::from(is_up)))
        && page.contains(&format!("[{is_up},"))
        && status.contains(rest)
        && health
            .text()
            .contains(rest.split([' ', ',']).next().unwrap());
    // It may have changed in between.
    agree.then(|| (is_up, format!("{app} {}", health.text())))
}

fn wait_until(gateway: &Gateway, up: bool, said: &str) {
    let mut last = None;
    wait_for(&format!("{said} of {last:?}"), LONG, || {
        last = told(gateway);
        let (is_up, what) = last.as_ref()?;
        (*is_up == up && what.contains(said)).then_some(())
    });
}

fn count(gateway: &Gateway, words: &str) -> usize {
    let said = gateway.process.said();
    said.iter().filter(|line| line.contains(words)).count()
}

fn moody(port: u16) -> Process {
    let app = test_app("moody.mjs");
    let mut process = Process::start(
        Command::new(&app[0])
            .args(&app[1..])
            .env("PORT", port.to_string()),
    );
    process.line_with(&["moody stdout"], LONG);
    process
}

#[test]
fn an_upstream_that_is_away_is_told_of_and_so_is_its_return() {
    let port = support::free_port();
    let mut gateway = Gateway::before(&format!("http://127.0.0.1:{port}"), PLAIN);
    let mut wrong = Verdicts::default();
    // Without a moment in which it would seem well.
    let first = told(&gateway).unwrap();
    wrong.check(!first.0 && first.1.contains("does not accept"), || first.1);
    wait_until(&gateway, false, "\"down\"");
    gateway.process.line_with(&["the app is down"], LONG);
    let app = moody(port);
    wait_until(&gateway, true, "up at 127.0.0.1");
    drop(app);
    wait_until(&gateway, false, "does not accept connections");
    let _app = moody(port);
    wait_until(&gateway, true, "\"up\"");
    wrong.equal("tells of its end", count(&gateway, "the app is down"), 2);
    wrong.equal(
        "and its return",
        count(&gateway, "the app answers again"),
        2,
    );
    wrong.settle();
}

#[test]
fn an_app_of_ours_that_hangs_is_told_of() {
    let config = format!("[app]\nhealth = \"/healthz\"\n{PLAIN}");
    let setup = Gateway::setup().config(&config);
    let gateway = setup.command(&test_app("moody.mjs")).start();
    wait_until(&gateway, true, "up at");
    let page = curl(NULL.as_ref(), &[&gateway.url("/")]).text();
    let process = page.trim().strip_prefix("pid ").unwrap().parse().unwrap();
    let process = Pid::from_raw(process).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    wait_until(&gateway, false, "does not answer within 2s");
    kill_process(process, Signal::CONT).unwrap();
    wait_until(&gateway, true, "up at");
}

#[test]
fn an_app_that_says_it_is_not_well_is_believed_and_goes_on_being_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let status = Arc::new(AtomicU16::new(302));
    let asked: Arc<Mutex<String>> = Arc::default();
    let (says, heard) = (Arc::clone(&status), Arc::clone(&asked));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (says, heard) = (Arc::clone(&says), Arc::clone(&heard));
            thread::spawn(move || {
                let mut block = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut block) {
                    let request = String::from_utf8_lossy(&block[..read]).into_owned();
                    let status = if request.starts_with("GET /ready?x=1 ") {
                        *heard.lock().unwrap() = request;
                        says.load(Ordering::Relaxed)
                    } else {
                        200
                    };
                    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 1\r\n\r\nx");
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
    });
    let config =
        "[app]\nhealth = \"/ready?x=1\"\n[tls]\nmode = \"local\"\ndomains = [\"shop.test\"]\n";
    let gateway = Gateway::before(&origin, config);
    wait_until(&gateway, true, "up at");
    status.store(503, Ordering::Relaxed);
    wait_until(&gateway, false, "answers `app.health` with 503");
    let mut wrong = Verdicts::default();
    // Clients are none the worse for it.
    let resolve = format!("shop.test:{}:127.0.0.1", gateway.port());
    let url = format!("https://shop.test:{}/", gateway.port());
    let site = curl(&gateway.ca(), &["--resolve", &resolve, &url]);
    wrong.equal("the site", site.status, 200);
    status.store(204, Ordering::Relaxed);
    wait_until(&gateway, true, "up at");
    let asked = asked.lock().unwrap().to_ascii_lowercase();
    for line in ["host: shop.test\r\n", "x-forwarded-proto: https\r\n"] {
        wrong.check(asked.contains(line), || asked.clone());
    }
    wrong.settle();
}
