//! As whom it runs: root that becomes somebody else, and what is in the way of that.
//!
//! They need root, as the system does for what they look at; by anybody else they are left out.

use super::support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use support::{Gateway, Pki, Verdicts, curl, panoply, test_app, text, wait_for};

const NULL: &str = "/dev/null";

/// The user, and its number on every Debian.
const NOBODY: (&str, u32) = ("nobody", 65534);

fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("left out: only root can become somebody else");
    }
    is_root
}

/// Lets others through to what is in there.
fn open(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A port that only root can have, and nobody has.
fn low_port() -> u16 {
    (600..1000)
        .rev()
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

/// What the kernel says of every thread of a process.
fn threads(process: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).unwrap();
    tasks.flatten().map(status).collect()
}

fn field<'a>(status: &'a str, name: &str) -> Vec<&'a str> {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().skip(1).collect()
}

#[test]
fn root_becomes_a_user_and_everything_goes_on() {
    if !is_root() {
        return;
    }
    let port = low_port();
    let config = |more: &str| format!("[run]\nuser = \"nobody\"\n{more}");
    let setup = Gateway::setup()
        .config(&config(""))
        .arguments(&["--listen-http", &format!("127.0.0.1:{port}")])
        .command(&test_app("moody.mjs"));
    open(setup.dir());
    // A state directory of an earlier start by root.
    let state = setup.dir().join("state");
    let said = panoply()
        .args(["keys", "rotate", "--state"])
        .arg(&state)
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    let mut gateway = setup.start();
    let mut wrong = Verdicts::default();

    let (_, uid) = NOBODY;
    let nobody = vec![uid.to_string(); 4];
    let mut looked_at = 0;
    let app = curl(&gateway.ca(), &[&gateway.url("/")]).text();
    let app: u32 = app.trim_start_matches("pid ").trim().parse().unwrap();
    for (process, is_app) in [(gateway.process.id(), false), (app, true)] {
        for status in threads(process) {
            looked_at += 1;
            wrong.equal("user", field(&status, "Uid:"), nobody.clone());
            wrong.equal("group", field(&status, "Gid:"), nobody.clone());
            wrong.check(!field(&status, "Groups:").contains(&"0"), || {
                format!("a group of root's: {status}")
            });
            for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
                wrong.equal(set, field(&status, set), vec!["0000000000000000"]);
            }
            wrong.equal("NoNewPrivs", field(&status, "NoNewPrivs:"), vec!["1"]);
        }
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap();
        wrong.check(
            !is_app || text(&environment).contains("USER=nobody"),
            || "the app has root's environment".to_owned(),
        );
    }
    wrong.check(looked_at > 10, || format!("{looked_at} threads"));
    for entry in fs::read_dir(&state).unwrap().flatten() {
        wrong.equal(
            &entry.path().display().to_string(),
            entry.metadata().unwrap().uid(),
            uid,
        );
    }

    // A reload, as that user.
    fs::write(
        gateway.config_path(),
        config("[headers]\nx-frame-options = \"DENY\"\n"),
    )
    .unwrap();
    gateway.process.signal(Signal::HUP);
    wait_for("the reload", Duration::from_secs(5), || {
        let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
        (answer.header("x-frame-options").as_deref() == Some("DENY")).then_some(())
    });
    // The control socket, which root may use.
    for arguments in [
        &["status"][..],
        &["blocks", "add", "203.0.113.9"],
        &["blocks", "list"],
    ] {
        let said = panoply()
            .args(arguments)
            .arg("--state")
            .arg(&state)
            .output()
            .unwrap();
        wrong.check(said.status.success(), || {
            format!("{arguments:?}: {}", text(&said.stderr))
        });
    }
    // Keys that root rotates can be read.
    let said = panoply()
        .args(["keys", "rotate", "--state"])
        .arg(&state)
        .output()
        .unwrap();
    wrong.check(said.status.success(), || text(&said.stderr));
    wrong.equal(
        "the keys",
        fs::metadata(state.join("keys")).unwrap().uid(),
        uid,
    );
    gateway
        .process
        .line_with(&["other keys for cookies"], Duration::from_secs(15));
    // So is what browsers report.
    let body = "{\"csp-report\":{\"document-uri\":\"http://a.test/p\",\
                \"effective-directive\":\"img-src\",\"blocked-uri\":\"https://i.test\"}}";
    let reported = curl(
        &gateway.ca(),
        &[
            "-H",
            "Content-Type: application/csp-report",
            "--data",
            body,
            &gateway.url("/.well-known/panoply/reports"),
        ],
    );
    wrong.equal("a report", reported.status, 204);
    let evidence = state.join("csp-reports.json");
    let kept = wait_for("the evidence", Duration::from_secs(15), || {
        fs::metadata(&evidence).ok()
    });
    wrong.equal("the evidence", kept.uid(), uid);
    // A certificate that is needed is made in the state directory.
    let before = fs::metadata(state.join("leaf.pem"))
        .unwrap()
        .modified()
        .unwrap();
    fs::write(
        gateway.config_path(),
        config("[tls]\ndomains = [\"shop.test\"]\n"),
    )
    .unwrap();
    gateway.process.signal(Signal::HUP);
    let leaf = wait_for("a new certificate", Duration::from_secs(10), || {
        let leaf = fs::metadata(state.join("leaf.pem")).ok()?;
        (leaf.modified().unwrap() != before).then_some(leaf)
    });
    wrong.equal("the certificate", leaf.uid(), uid);
    fs::write(gateway.config_path(), config("")).unwrap();

    // Another program takes over the port that it could not bind, as that user.
    let said = panoply()
        .args(["upgrade", "--state"])
        .arg(&state)
        .output()
        .unwrap();
    wrong.check(said.status.success(), || text(&said.stderr));
    let words = text(&said.stdout);
    let process = words
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    let process: i32 = process.unwrap_or_else(|| panic!("{words}"));
    for status in threads(u32::try_from(process).unwrap()) {
        wrong.equal("user", field(&status, "Uid:"), nobody.clone());
        wrong.equal(
            "CapPrm",
            field(&status, "CapPrm:"),
            vec!["0000000000000000"],
        );
    }
    gateway.process.status(Duration::from_secs(40));
    let answer = curl(NULL.as_ref(), &[&format!("http://127.0.0.1:{port}/")]);
    wrong.equal("the low port", answer.status, 308);
    kill_process(Pid::from_raw(process).unwrap(), Signal::TERM).unwrap();
    wait_for("the app to end", Duration::from_secs(10), || {
        let said = gateway.process.said();
        said.iter()
            .any(|line| line.contains("moody got SIGTERM"))
            .then_some(())
    });
    wrong.settle();
}

#[test]
fn what_is_in_the_way_is_said_with_what_to_do() {
    if !is_root() {
        return;
    }
    let refused = |more: &str, arguments: &[&str], prepare: &dyn Fn(&Path)| {
        let setup = Gateway::setup()
            .config(&format!("[run]\nuser = \"nobody\"\n{more}"))
            .arguments(arguments)
            .upstream("http://127.0.0.1:9");
        open(setup.dir());
        prepare(setup.dir());
        let (mut process, _dir, _) = setup.spawn();
        let status = process.status(Duration::from_secs(20));
        assert_eq!(status.code(), Some(2), "{}", process.said().join("\n"));
        process.stderr().join("\n")
    };
    let mut wrong = Verdicts::default();
    let mut says = |what: &str, said: String, words: &[&str]| {
        for word in words {
            wrong.check(said.contains(word), || {
                format!("{what} lacks {word}: {said}")
            });
        }
    };
    let none = |_: &Path| {};

    let said = refused("", &["--user", "no-such-user"], &none);
    says(
        "no such user",
        said,
        &["no user `no-such-user`", "useradd --system", "--user"],
    );

    let said = refused("group = \"no-such-group\"\n", &[], &none);
    says(
        "no such group",
        said,
        &["no group `no-such-group`", "groupadd", "panoply.toml:3"],
    );

    let said = refused("", &[], &|dir| {
        fs::create_dir(dir.join("state")).unwrap();
        fs::write(dir.join("state/passwd"), "root").unwrap();
    });
    says(
        "somebody else's things",
        said,
        &["passwd", "not given to `nobody`", "--state"],
    );

    let said = refused("", &[], &|dir| {
        fs::create_dir(dir.join("state")).unwrap();
        chown(dir.join("state"), Some(1234), None).unwrap();
    });
    says(
        "somebody else's directory",
        said,
        &["neither root's nor `nobody`'s"],
    );

    let said = refused("", &[], &|dir| {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    });
    says("a closed door", said, &["cannot be reached", "--state"]);

    let other = tempfile::tempdir().unwrap();
    let said = refused("", &[], &|dir| {
        // Whoever has the folder has put a way to an empty directory of root's there.
        std::os::unix::fs::symlink(other.path(), dir.join("state")).unwrap();
        open(other.path());
        chown(dir, Some(NOBODY.1), None).unwrap();
    });
    says(
        "a way to what is root's",
        said,
        &["not root's alone", "not given to `nobody`", "chown"],
    );
    assert_eq!(fs::metadata(other.path()).unwrap().uid(), 0, "given away");

    let pki = tempfile::tempdir().unwrap();
    open(pki.path());
    let (certificate, key) = Pki::new(pki.path()).leaf("shop", "DNS:localhost");
    for file in [&certificate, &key] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let files = format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    let said = refused(&files, &[], &none);
    says(
        "a key of root's",
        said,
        &["cannot be read", "chgrp 65534", "run.user"],
    );

    let said = refused("", &[], &|dir| {
        let config = dir.join("panoply.toml");
        fs::set_permissions(config, fs::Permissions::from_mode(0o600)).unwrap();
    });
    says(
        "a configuration of root's",
        said,
        &["ermission denied", "chgrp 65534"],
    );

    // Nobody but root becomes somebody else.
    let dir = tempfile::tempdir().unwrap();
    open(dir.path());
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(env!("CARGO_BIN_EXE_panoply"))
        .args([
            "run",
            "--upstream",
            "http://127.0.0.1:9",
            "--user",
            "daemon",
            "--state",
        ])
        .arg(dir.path().join("state"));
    let output = command.current_dir(dir.path()).output().unwrap();
    says(
        "not root",
        text(&output.stderr),
        &["only root can become `daemon`", "start it as root"],
    );
    wrong.settle();
}

#[test]
fn to_stay_root_is_loud() {
    if !is_root() {
        return;
    }
    let mut gateway = Gateway::setup().command(&test_app("moody.mjs")).start();
    gateway
        .process
        .line_with(&["runs as root", "run.user"], Duration::from_secs(5));
    let check = |more: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let mut command = panoply();
        command.args(["check", "--upstream", "http://127.0.0.1:9", "--state"]);
        command
            .arg(dir.path().join("state"))
            .args(more)
            .current_dir(dir.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(check(&[]).contains("run.user: started by root"));
    assert!(check(&["--user", "root"]).contains("run.user: started by root"));
    let quiet = check(&["--user", "nobody"]);
    assert!(!quiet.contains("started by root"), "{quiet}");
    let line = quiet
        .lines()
        .find(|line| line.contains("run.user"))
        .unwrap();
    assert!(line.contains("nobody") && line.contains("--user"), "{line}");
}
