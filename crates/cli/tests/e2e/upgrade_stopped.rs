//! A program that is told to stop, or fails, before it has taken over: the one before goes on, and nobody is told more.

use super::support;

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use support::upgrade::{Last, Line, Systemd};
use support::{Gateway, Verdicts, curl, test_app};

const LONG: Duration = Duration::from_secs(20);

fn config(more: &str) -> String {
    let app = test_app("moody.mjs");
    format!("[app]\ncommand = {app:?}\n[tls]\nmode = \"off\"\n{more}")
}

#[test]
fn one_that_is_stopped_just_before_it_takes_over_leaves_it_to_the_other() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let file = dir.path().join("panoply.toml");
        fs::write(&file, config(&format!("[listen]\nhttp = \"{address}\"\n"))).unwrap();
        let (line, mut gateway) = Line::to_heir(&file, &listener);
        line.say(&json!({"Begin": {"placeholder": null}}), &[]);
        line.hear_of("Prepared");
        // The store is still the other's, which has to finish what it is at.
        gateway.signal(signal);
        assert!(gateway.status(LONG).success(), "{signal:?}");
        assert_eq!(line.hear().map(|(word, _)| word), None, "{signal:?}");
    }
}

/// systemd believes each process of the unit (`NotifyAccess=all`), and ends all of it once one says that it stops.
#[test]
fn systemd_is_not_told_of_one_that_did_not_come_to_serve() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let systemd = Systemd::at(&path);
    let gateway = Gateway::setup()
        .config(&config(""))
        .environment("NOTIFY_SOCKET", path.to_str().unwrap())
        .start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    wrong.equal("told", systemd.told(), "READY=1\n".to_owned());
    let broken = config("").replace("moody.mjs\"", "moody.mjs.none\"");
    fs::write(gateway.config_path(), broken).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(!done && said.contains("before it accepted"), || said);
    fs::write(gateway.config_path(), config("")).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(done, || said);
    let now = last.process().unwrap().as_raw_nonzero();
    let main = format!("MAINPID={now}\nREADY=1\n");
    wrong.equal("told of the next", systemd.told(), main);
    let page = curl("/dev/null".as_ref(), &[&gateway.url("/")]);
    wrong.equal("a page", page.status, 200);
    last.stop();
    wrong.settle();
}
