//! Requests that come while the app is started again: they wait for it.

use super::support;

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use support::{
    Gateway, Process, Raw, Recorder, Verdicts, curl, free_port, raw, statuses, test_app, wait_for,
};

const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(30);

fn config(patience: &str) -> String {
    format!("[app]\npatience = \"{patience}\"\n[tls]\nmode = \"off\"\n")
}

const POST: &[u8] =
    b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback";

/// A gateway before nobody, and where somebody could be. As long as it takes: that a request waits is not to depend
/// on how fast this is.
fn before_nobody(patience: &str) -> (Gateway, SocketAddr) {
    let address = { TcpListener::bind("127.0.0.1:0").unwrap() }.local_addr();
    let address = address.unwrap();
    let gateway = Gateway::before(&format!("http://{address}"), &config(patience));
    (gateway, address)
}

#[test]
fn a_request_waits_for_an_upstream_that_is_started_again() {
    let (gateway, address) = before_nobody("10m");
    let mut wrong = Verdicts::default();
    let mut waits: Vec<Raw> = (0..3).map(|_| Raw::open(gateway.address())).collect();
    for one in &mut waits {
        one.send(POST);
    }
    let early = waits[0].read_for(Duration::from_millis(300)).text();
    wrong.equal("while it is away", early.as_str(), "");
    let app = Recorder::at(TcpListener::bind(address).unwrap(), OK);
    for one in &mut waits {
        let answer = one.read_until("back");
        wrong.equal("once it is back", statuses(&answer), vec![200]);
    }
    let seen = app.seen();
    wrong.equal("sent once each", seen.matches("\r\n\r\nbody").count(), 3);
    wrong.settle();
}

#[test]
fn without_patience_nobody_waits() {
    let (gateway, _) = before_nobody("0s");
    let answer = raw(gateway.address(), POST).text();
    assert_eq!(statuses(&answer), [502]);
}

#[test]
fn a_gateway_that_ends_keeps_nobody_waiting() {
    let (mut gateway, _) = before_nobody("10m");
    let mut waits = Raw::open(gateway.address());
    waits.send(POST);
    waits.read_for(Duration::from_millis(300));
    gateway.process.signal(Signal::TERM);
    let answer = waits.read_for(LONG).text();
    assert_eq!(statuses(&answer), [502]);
    gateway.process.status(LONG);
}

#[test]
fn who_has_gone_is_not_sent_to_the_app() {
    let (gateway, address) = before_nobody("10m");
    let mut gone = Raw::open(gateway.address());
    gone.send(b"GET /gone HTTP/1.1\r\nHost: a.test\r\n\r\n");
    gone.read_for(Duration::from_millis(300));
    drop(gone);
    let mut stays = Raw::open(gateway.address());
    stays.send(POST);
    stays.read_for(Duration::from_millis(300));
    let app = Recorder::at(TcpListener::bind(address).unwrap(), OK);
    stays.read_until("back");
    let seen = app.seen();
    assert!(!seen.contains("/gone"), "{seen}");
}

#[test]
fn a_request_waits_for_an_app_of_ours_that_is_started_again() {
    let setup = Gateway::setup().config(&config("10m"));
    let gateway = setup.command(&test_app("moody.mjs")).start();
    let mut wrong = Verdicts::default();
    for _ in 0..3 {
        let before = curl(NULL.as_ref(), &[&gateway.url("/")]).text();
        // It breaks off.
        let died = curl(NULL.as_ref(), &[&gateway.url("/die")]);
        wrong.equal("its end", died.status, 502);
        let after = curl(NULL.as_ref(), &[&gateway.url("/")]);
        wrong.equal("right after", after.status, 200);
        wrong.check(after.text() != before, || before);
    }
    // What an app may have ended of is not sent to the next.
    let said = gateway.process.said();
    let starts = said
        .iter()
        .filter(|line| line.contains("the app accepts connections"));
    wrong.equal("how often it was started", starts.count(), 4);
    wrong.settle();
}

#[test]
fn an_app_that_speaks_http2_is_waited_for_as_well() {
    let port = free_port();
    let config = config("10m").replace("[app]\n", "[app]\nh2c = true\nhealth = \"/healthz\"\n");
    let gateway = Gateway::before(&format!("http://127.0.0.1:{port}"), &config);
    let mut waits: Vec<Raw> = (0..3).map(|_| Raw::open(gateway.address())).collect();
    for one in &mut waits {
        one.send(POST);
    }
    waits[0].read_for(Duration::from_millis(300));
    let app = test_app("h2c.mjs");
    let mut command = Command::new(&app[0]);
    let _app = Process::start(command.args(&app[1..]).env("PORT", port.to_string()));
    for one in &mut waits {
        let answer = one.read_until("\"body\":\"body\"}");
        assert_eq!(statuses(&answer), [200]);
    }
    wait_for("it to be well", LONG, || {
        let health = curl(NULL.as_ref(), &[&format!("{}/health", gateway.admin)]);
        (health.status == 200).then_some(())
    });
}
