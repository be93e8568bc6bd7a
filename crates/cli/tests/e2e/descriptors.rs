//! No file descriptors left: whoever is in goes before whoever comes, and the gateway's own work before both.

use super::support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use support::siege::refusals;
use support::upgrade::Last;
use support::{Gateway, Raw, Verdicts, ask, panoply, test_app, text, wait_for};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

const SOON: Duration = Duration::from_secs(20);

#[test]
fn file_descriptors_run_out_and_come_back() {
    let app = support::siege::Arena::start();
    let config = format!("{PLAIN}[limits]\nconnections_per_client = 2000\n");
    let mut gateway = Gateway::before(&app.origin(), &config);
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let open =
        |count: usize| -> Vec<Raw> { (0..count).map(|_| Raw::open(gateway.address())).collect() };
    let mut idle = open(40);
    for socket in &mut idle {
        socket.send(request);
        socket.read_until("ok\n");
    }
    // Settled, so that they are what makes room.
    thread::sleep(Duration::from_millis(1500));
    let id = i32::try_from(gateway.process.id()).unwrap();
    let used = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count() as u64;
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = |current| {
        let limit = Rlimit {
            current,
            maximum: most,
        };
        prlimit(Pid::from_raw(id), Resource::Nofile, limit).unwrap();
    };
    limit(Some(used + 4));
    // More than there is room for, each with its request: what is idle goes, and each is answered.
    let mut wrong = Verdicts::default();
    let mut asked = open(60);
    for socket in &mut asked {
        socket.send(request);
    }
    for socket in &mut asked {
        let reply = socket.read_until("ok\n");
        wrong.check(reply.starts_with("HTTP/1.1 200"), || reply);
    }
    wrong.check(refusals(&gateway, "limits/crowded") > 0, || {
        "nobody made room".to_owned()
    });
    limit(most);
    for number in 0..20 {
        let reply = ask(gateway.address(), request);
        wrong.equal(&format!("{number} afterwards"), reply.status(), 200);
    }
    gateway.process.line_with(&["accepted again"], SOON);
    let said = gateway.process.said();
    let complaints = said
        .iter()
        .filter(|line| line.contains("cannot accept connections"));
    let complaints = complaints.count();
    // Once a worker and time.
    wrong.check((1..30).contains(&complaints), || {
        format!("said {complaints} times")
    });
    wrong.settle();
}

/// Opens connections in place of those that were closed, each with half a head on it, so that none is idle.
fn crowd(address: &str, held: &mut Vec<TcpStream>, most: usize) {
    held.retain_mut(|stream| {
        let read = stream.read(&mut [0; 512]);
        matches!(read, Err(error) if error.kind() == ErrorKind::WouldBlock)
    });
    while held.len() < most {
        let Ok(mut stream) = TcpStream::connect(address) else {
            return;
        };
        stream.set_nonblocking(true).unwrap();
        if stream.write_all(b"GET / HTTP/1.1\r\n").is_ok() {
            held.push(stream);
        }
    }
}

#[test]
fn the_app_is_started_again_though_clients_would_have_every_descriptor() {
    // Beside what the gateway itself has, room for 60.
    let script = "ulimit -n 100; exec \"$0\" \"$@\"";
    let mut gateway = Gateway::setup()
        .config(&format!(
            "{PLAIN}[listen]\nworkers = 2\n[limits]\nconnections_per_client = 2000\n"
        ))
        .command(&test_app("moody.mjs"))
        .through(&["sh", "-c", script])
        .start();
    let (mut held, address) = (Vec::new(), gateway.address().to_owned());
    let mut pass = || crowd(&address, &mut held, 90);
    let limit = Duration::from_secs(20);
    // Its first and its second, in the order of the log.
    let ups = |gateway: &Gateway| {
        let said = gateway.process.said();
        let ups = said.iter().filter(|line| line.contains("the app accepts"));
        ups.count()
    };
    wait_for("all places to be taken", limit, || {
        pass();
        let said = gateway.process.said();
        let full = |line: &String| line.contains("cannot accept connections");
        said.iter().any(full).then_some(())
    });
    let children = format!("/proc/{0}/task/{0}/children", gateway.process.id());
    let children = std::fs::read_to_string(children).unwrap();
    for child in children.split_whitespace() {
        let child = Pid::from_raw(child.parse().unwrap()).unwrap();
        kill_process(child, Signal::KILL).unwrap();
    }
    wait_for("the app to be up again", limit, || {
        pass();
        (ups(&gateway) == 2).then_some(())
    });
    let mut wrong = Verdicts::default();
    let mut status = panoply();
    status.arg("status").arg("--state");
    status.arg(gateway.dir.path().join("state"));
    let output = status.output().unwrap();
    wrong.check(text(&output.stdout).contains("up at"), || {
        text(&output.stderr)
    });
    let trouble = ["cannot be started", "control socket", "keys of cookies"];
    for line in gateway.process.said() {
        let is_trouble = trouble.iter().any(|words| line.contains(words));
        wrong.check(!is_trouble, || line.clone());
    }
    drop(held);
    gateway.process.line_with(&["accepted again"], SOON);
    wrong.settle();
}

#[test]
fn an_app_whose_program_was_away_is_started_as_soon_as_it_is_there() {
    let setup = Gateway::setup();
    let program = setup.dir().join("app");
    let write = || {
        let command = test_app("moody.mjs");
        let made = program.with_extension("new");
        std::fs::write(&made, format!("#!/bin/sh\nexec {}\n", command.join(" "))).unwrap();
        Command::new("chmod").arg("+x").arg(&made).status().unwrap();
        std::fs::rename(&made, &program).unwrap();
    };
    write();
    let mut gateway = setup
        .config(PLAIN)
        .command(&[program.display().to_string()])
        .start();
    std::fs::remove_file(&program).unwrap();
    ask(
        gateway.address(),
        b"GET /die HTTP/1.1\r\nHost: a.test\r\n\r\n",
    );
    gateway.process.line_with(&["cannot be started"], SOON);
    write();
    wait_for("the app to be up again", Duration::from_secs(15), || {
        let reply = ask(gateway.address(), b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        (reply.status() == 200).then_some(())
    });
}

#[test]
fn the_app_has_the_limit_that_the_gateway_was_started_with() {
    let through = "ulimit -Sn 256; exec \"$0\" \"$@\"";
    let script = "ulimit -Sn >> limits; exec \"$0\" \"$@\"";
    let app = test_app("moody.mjs");
    let config = format!(
        "{PLAIN}[app]\ncommand = [\"sh\", \"-c\", {script:?}, {:?}, {:?}]\n[limits]\n\
         connections_per_client = 2000\n",
        app[0], app[1]
    );
    let gateway = Gateway::setup()
        .config(&config)
        .through(&["sh", "-c", through])
        .start();
    let last = Last::of(&gateway);
    let limits = || std::fs::read_to_string(gateway.dir.path().join("limits")).unwrap();
    let mut wrong = Verdicts::default();
    wrong.equal("at the start", limits().as_str(), "256\n");
    // More than it was started with: the gateway's own limit is the hard one, while the app is started too.
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let mut many: Vec<Raw> = (0..300).map(|_| Raw::open(gateway.address())).collect();
    for socket in &mut many {
        socket.send(request);
        let reply = socket.read_until("pid ");
        wrong.check(reply.starts_with("HTTP/1.1 200"), || reply);
    }
    let die = || {
        let starts = limits().lines().count();
        ask(
            gateway.address(),
            b"GET /die HTTP/1.1\r\nHost: a.test\r\n\r\n",
        );
        wait_for("the app to be up again", SOON, || {
            let reply = ask(gateway.address(), request);
            (reply.status() == 200 && limits().lines().count() > starts).then_some(())
        });
    };
    die();
    wrong.equal("once more", limits().as_str(), "256\n256\n");
    let (upgraded, said) = last.upgrade();
    wrong.check(upgraded, || said);
    die();
    wrong.equal("after an upgrade", limits().as_str(), "256\n256\n256\n");
    let said = gateway.process.said();
    let trouble = said.iter().find(|line| line.contains("cannot accept"));
    wrong.check(trouble.is_none(), || format!("{trouble:?}"));
    last.stop();
    wrong.settle();
}
