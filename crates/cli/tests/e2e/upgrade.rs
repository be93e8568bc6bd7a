//! One gateway after another: `panoply upgrade`, SIGUSR2, and programs that do not come to serve.

use super::support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use support::upgrade::{Gate, Last, Systemd, ended, install, parent};
use support::{Answer, Gateway, Process, Raw, Verdicts, curl, panoply, test_app, text, wait_for};

const NULL: &str = "/dev/null";

fn app(more: &str) -> String {
    let command = test_app("moody.mjs");
    format!(
        "[app]\ncommand = [{:?}, {:?}{more}]\n",
        command[0], command[1]
    )
}

#[test]
fn nothing_fails_while_one_takes_over_from_another() {
    let limits = "[limits]\ndrain = \"10s\"\n";
    let config = format!("{}{limits}", app(""));
    let gateway = Gateway::setup().config(&config).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let load = |name: &str| {
        let script = support::scripts().join("load.mjs");
        let mut command = Command::new("node");
        command
            .arg(script)
            .args([&gateway.origin, gateway.http.as_ref().unwrap()]);
        command.env("NODE_EXTRA_CA_CERTS", gateway.ca());
        let mut load = Process::start_with_input(&mut command, Stdio::piped());
        load.line_with(&["it runs"], Duration::from_secs(20));
        assert!(load.is_running(), "{name}");
        load
    };
    let mut one = load("one");
    let mut served = vec![last.process().unwrap()];
    for (number, by_signal) in [false, true, false].into_iter().enumerate() {
        std::thread::sleep(Duration::from_millis(700));
        let before = *served.last().unwrap();
        if number == 2 {
            // Another command: the app is another one, and neither of them is missed.
            let config = format!("{}{limits}", app(", \"again\""));
            fs::write(gateway.config_path(), config).unwrap();
        }
        if by_signal {
            kill_process(before, Signal::USR2).unwrap();
        } else {
            let (done, said) = last.upgrade();
            wrong.check(done, || said.clone());
        }
        let now = wait_for("another gateway", Duration::from_secs(20), || {
            last.process().filter(|now| *now != before)
        });
        served.push(now);
    }
    std::thread::sleep(Duration::from_millis(700));
    let report = stop(&mut one);
    wrong.equal(
        "failures",
        report["failures"].clone(),
        serde_json::json!([]),
    );
    for kind in [
        "kept",
        "new",
        "plain",
        "bodies",
        "long",
        "streams",
        "long streams",
    ] {
        let done = report["done"][kind].as_u64().unwrap_or(0);
        wrong.check(done > 2, || format!("{kind}: {done}"));
    }
    wrong.equal("apps", report["apps"].as_array().map(Vec::len), Some(2));
    wrong.check(report["sessions"].as_u64() > Some(3), || {
        format!("no session ended: {}", report["sessions"])
    });
    let health = curl(NULL.as_ref(), &[&format!("{}/health", gateway.admin)]);
    wrong.equal("health", health.status, 200);
    for process in &served[..3] {
        ended(*process);
    }
    wrong.equal("who serves", last.process(), served.last().copied());
    let health = curl(NULL.as_ref(), &[&format!("{}/health", gateway.admin)]);
    wrong.equal("health after the others have ended", health.status, 200);
    // Whoever has taken the app over starts it again.
    curl(&gateway.ca(), &[&gateway.url("/die")]);
    wait_for("the app", Duration::from_secs(10), || {
        let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
        (answer.status == 200).then_some(())
    });
    last.stop();
    let said = gateway.process.said();
    let stopped = said
        .iter()
        .filter(|line| line.contains("moody got SIGTERM"));
    wrong.equal("apps that were stopped", stopped.count(), 2);
    wrong.check(!last.0.join("control.sock").exists(), || {
        "the control socket was left".to_owned()
    });
    wrong.settle();
}

/// Ends the load, and reads what it saw.
fn stop(load: &mut Process) -> Value {
    load.close_input();
    load.status(Duration::from_secs(30));
    let report = wait_for("the load's report", Duration::from_secs(5), || {
        load.stdout().last().cloned()
    });
    serde_json::from_str(&report).unwrap()
}

#[test]
fn what_is_counted_is_counted_exactly_across_an_upgrade() {
    let config = format!(
        "{}[tls]\nmode = \"off\"\n[[limit]]\npath = \"/\"\npoints = 30\nwindow = \"1h\"\n",
        app("")
    );
    let gateway = Gateway::setup().config(&config).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let mut statuses = Vec::new();
    let mut answer = |socket: &mut Raw| {
        socket.send(request);
        let reply = socket.read_for(Duration::from_millis(300));
        statuses.push(reply.status());
        reply
    };
    // Ten connections that the first gateway has accepted.
    let mut kept: Vec<Raw> = (0..10).map(|_| Raw::open(gateway.address())).collect();
    for socket in &mut kept {
        wrong.equal("before", answer(socket).status(), 200);
    }
    let before = last.process();
    let (done, said) = last.upgrade();
    wrong.check(done, || said.clone());
    wrong.check(last.process() != before, || "the same process".to_owned());
    // The first answers them still, and the second counts them.
    for socket in &mut kept {
        let reply = answer(socket);
        wrong.check(reply.text().contains("connection: close"), || reply.text());
        wrong.check(reply.closed, || "kept".to_owned());
    }
    for _ in 0..20 {
        answer(&mut Raw::open(gateway.address()));
    }
    let passed = statuses.iter().filter(|status| **status == 200).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    wrong.equal("passed and refused", (passed, refused), (30, 10));
    wrong.settle();
}

#[test]
fn sessions_of_tls_go_on_with_the_next_one() {
    let gateway = Gateway::setup().config(&app("")).start();
    let last = Last::of(&gateway);
    let ask = gateway.dir.path().join("ask");
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    fs::write(&ask, request).unwrap();
    let greet = |version: &str, how: &str| {
        let session = gateway.dir.path().join(format!("session{version}"));
        let output = Command::new("timeout")
            .args(["10", "openssl", "s_client", "-ign_eof", version])
            .args(["-servername", "localhost", "-connect", gateway.address()])
            .arg(how)
            .arg(session)
            // TLS 1.3 has its tickets behind the handshake: whoever leaves at once has none.
            .stdin(fs::File::open(&ask).unwrap())
            .output()
            .unwrap();
        text(&output.stdout)
    };
    let before = last.process();
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(greet(version, "-sess_out").contains("New, TLSv1."));
    }
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    wait_for("the one before to end", Duration::from_secs(20), || {
        last.process().filter(|now| Some(*now) != before)
    });
    for version in ["-tls1_2", "-tls1_3"] {
        let said = greet(version, "-sess_in");
        assert!(said.contains("Reused, TLSv1."), "{version}: {said}");
    }
    last.stop();
}

#[test]
fn a_program_that_does_not_come_to_serve_changes_nothing() {
    let config = |more: &str| {
        format!(
            "{}[listen]\n{more}\n[tls]\nmode = \"off\"\n\
             [[limit]]\npath = \"/\"\npoints = 4\nwindow = \"1h\"\n",
            app("")
        )
    };
    let http = "http = \"127.0.0.1:0\"";
    let setup = Gateway::setup().config(&config(http));
    let program = setup.dir().join("panoply");
    let install = |from: &Path| install(from, &program);
    let good = Path::new(env!("CARGO_BIN_EXE_panoply"));
    install(good);
    let mut gateway = setup.program(&program).start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let first = last.process();
    let (url, config_file) = (gateway.url("/"), gateway.config_path());
    let page = |status: u16| {
        let answer = curl(NULL.as_ref(), &[&url]);
        (answer.status == status).then(|| answer.text())
    };
    let app_before = page(200);
    wrong.check(app_before.is_some(), || "no page".to_owned());

    // A program that is none of ours.
    let bad = gateway.dir.path().join("bad.sh");
    fs::write(
        &bad,
        "#!/bin/sh\necho 'cannot start: no luck' >&2\nexit 3\n",
    )
    .unwrap();
    install(&bad);
    let (done, said) = last.upgrade();
    wrong.check(!done && said.contains("exit status: 3"), || said.clone());
    // One that is good, with a configuration that is not.
    install(good);
    fs::write(&config_file, config("http = \"nowhere\"")).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(
        !done && said.contains("`nowhere` is not an address"),
        || said.clone(),
    );
    // A port that somebody else has.
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let held = holder.local_addr().unwrap();
    let elsewhere = config(&format!("http = \"{held}\""));
    fs::write(&config_file, elsewhere).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(!done && said.contains(&held.to_string()), || said.clone());
    // One that the gateway has itself, on another address.
    let own = gateway.port();
    fs::write(&config_file, config(&format!("http = \"0.0.0.0:{own}\""))).unwrap();
    let (done, said) = last.upgrade();
    let own = format!("the gateway that is to be replaced listens on 127.0.0.1:{own}");
    wrong.check(!done && said.contains(&own), || said.clone());
    wrong.equal("who serves", last.process(), first);
    wrong.equal("the app", page(200), app_before.clone());

    // Another app that ends at once.
    let dies = config(http).replace("moody.mjs\"", "moody.mjs.none\"");
    fs::write(&config_file, dies).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(
        !done && said.contains("before it accepted a connection"),
        || said.clone(),
    );
    wrong.equal("who serves", last.process(), first);
    wrong.equal("the app", page(200), app_before.clone());
    wrong.check(
        gateway
            .process
            .line_with(&["upgrade has failed"], Duration::from_secs(2))
            .contains("goes on"),
        String::new,
    );
    // All of it was counted.
    wrong.equal("the last of four", page(200), app_before);
    wrong.check(page(429).is_some(), || "the limit was forgotten".to_owned());
    fs::write(&config_file, config(http)).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(done && last.process() != first, || said.clone());
    wrong.check(page(429).is_some(), || "the limit was forgotten".to_owned());
    wrong.settle();
}

#[test]
fn what_browsers_reported_and_who_may_see_it_go_over() {
    const TOKEN: &str = "3f9c1e7d5a2b8f604d7e9a1c";
    let plain = "[tls]\nmode = \"off\"\n";
    let config = |command: &str| format!("{command}{plain}");
    let gateway = Gateway::setup()
        .config(&config(&app("")))
        .environment("PANOPLY_ADMIN_TOKEN", TOKEN)
        .start();
    let last = Last::of(&gateway);
    let mut wrong = Verdicts::default();
    let request = |blocked: &str| {
        let body = format!(
            "{{\"csp-report\":{{\"document-uri\":\"http://a.test/p\",\
             \"effective-directive\":\"img-src\",\"blocked-uri\":\"{blocked}\"}}}}"
        );
        let path = "/.well-known/panoply/reports";
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/csp-report\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
    };
    let report = |socket: &mut Raw, blocked: &str| {
        socket.send(request(blocked).as_bytes());
        socket.read_for(Duration::from_millis(300)).status()
    };
    // What `panoply csp` is told by whoever serves.
    let known = || {
        let mut command = panoply();
        command
            .args(["csp", "suggest", "--json", "--config"])
            .arg(gateway.config_path())
            .arg("--state")
            .arg(&last.0);
        let found: Value = serde_json::from_slice(&command.output().unwrap().stdout).ok()?;
        found["evidence"]["reports"].as_u64()
    };
    let come_to = |what: &str, reports: u64| {
        wait_for(what, Duration::from_secs(10), || {
            known().filter(|known| *known == reports)
        })
    };
    let mut kept = Raw::open(gateway.address());
    wrong.equal("sent", report(&mut kept, "https://one.test"), 204);
    come_to("the first report", 1);

    // One that fails leaves it all.
    let dies = config(&app("").replace("moody.mjs\"", "moody.mjs.none\""));
    fs::write(gateway.config_path(), dies).unwrap();
    let (done, said) = last.upgrade();
    wrong.check(!done, || said.clone());
    wrong.equal("sent", report(&mut kept, "https://two.test"), 204);
    come_to("what was known before, and one more", 2);

    fs::write(gateway.config_path(), config(&app(""))).unwrap();
    let (before, page) = (last.process(), format!("{}/", gateway.admin));
    let mut scraper = Raw::open(page.trim_start_matches("http://").trim_end_matches('/'));
    let scrape =
        format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    scraper.send(scrape.as_bytes());
    let answer = scraper.read_for(Duration::from_millis(500));
    wrong.check(answer.status() == 200 && !answer.closed, || answer.text());
    let (done, said) = last.upgrade();
    wrong.check(done && last.process() != before, || said.clone());
    // Written down before, within five seconds or not.
    come_to("what the one before was told", 2);
    // What the first one is still sent, on a connection of its own, is known to the second.
    wrong.equal("sent late", report(&mut kept, "https://three.test"), 204);
    come_to("what came to the one before", 3);
    wrong.check(scraper.read_for(Duration::from_secs(2)).closed, || {
        "the first one still answers at the admin listener".to_owned()
    });
    for (authorization, status) in [("", 401), (TOKEN, 200)] {
        let header = format!("Authorization: Bearer {authorization}");
        let answer = curl(NULL.as_ref(), &["-H", &header, &page]);
        wrong.equal("the admin page", answer.status, status);
    }
    // A reload by the control socket reaches the one that serves.
    let mut command = panoply();
    command
        .args(["csp", "learn", "--yes", "--config"])
        .arg(gateway.config_path())
        .arg("--state")
        .arg(&last.0);
    let output = command.output().unwrap();
    wrong.check(text(&output.stdout).contains("in force"), || {
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    });
    last.stop();
    let file = fs::read_to_string(last.0.join("csp-reports.json")).unwrap();
    for host in ["one", "two", "three"] {
        wrong.check(file.contains(&format!("https://{host}.test")), || {
            file.clone()
        });
    }
    wrong.settle();
}

#[test]
fn a_stop_in_the_middle_ends_both() {
    let plain = "[tls]\nmode = \"off\"\n[limits]\ndrain = \"5s\"\n";
    let mut gateway = Gateway::setup()
        .config(&format!("{}{plain}", app("")))
        .start();
    let state = gateway.dir.path().join("state");
    let url = gateway.url("/slow?chunks=10&pause=200");
    // Another app that does not listen keeps the new gateway from serving.
    let gate = Gate::of(&gateway);
    let command = gate.command(&test_app("moody.mjs"));
    let waits = format!("[app]\ncommand = {command:?}\n{plain}");
    fs::write(gateway.config_path(), waits).unwrap();
    let asking = std::thread::spawn({
        let last = Last(state.clone());
        move || {
            let asked = last.upgrade();
            // Nobody is there to be stopped.
            std::mem::forget(last);
            asked
        }
    });
    let app = gate.reached();
    let second = parent(app);
    let in_flight = std::thread::spawn(move || curl(NULL.as_ref(), &[&url]).text());
    std::thread::sleep(Duration::from_millis(500));
    gateway.process.signal(Signal::TERM);
    assert!(in_flight.join().unwrap().ends_with("end\n"), "cut short");
    assert_eq!(
        gateway.process.status(Duration::from_secs(20)).code(),
        Some(0)
    );
    ended(second);
    ended(app);
    let (done, said) = asking.join().unwrap();
    assert!(!done && said.contains("told to stop"), "{said}");
    // Whoever comes next finds the store free.
    let lock = fs::File::open(state.join("panoply.db-lock")).unwrap();
    lock.try_lock().unwrap();
}

#[test]
fn systemd_is_told_who_serves() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let systemd = Systemd::at(&path);
    let gateway = Gateway::setup()
        .config(&format!("{}[tls]\nmode = \"off\"\n", app("")))
        .environment("NOTIFY_SOCKET", path.to_str().unwrap())
        .start();
    let last = Last::of(&gateway);
    assert_eq!(systemd.told(), "READY=1\n");
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    let now = last.process().unwrap();
    // The old one says it, whom systemd believes; the new one says nothing before.
    assert_eq!(
        systemd.told(),
        format!("MAINPID={}\nREADY=1\n", now.as_raw_nonzero())
    );
    kill_process(now, Signal::HUP).unwrap();
    assert!(systemd.told().starts_with("RELOADING=1\n"));
    assert_eq!(systemd.told(), "READY=1\n");
    last.stop();
    assert_eq!(systemd.told(), "STOPPING=1\n");
}

#[test]
fn an_app_that_knows_of_no_nonce_is_not_asked_for_one() {
    let mut gateway = Gateway::setup().config(&app("")).command(&[]).start();
    let last = Last::of(&gateway);
    let config = format!("{}[headers]\npreset = \"strict\"\n", app(""));
    std::fs::write(gateway.config_path(), config).unwrap();
    gateway.process.signal(Signal::HUP);
    let limit = Duration::from_secs(10);
    gateway
        .process
        .line_with(&["stays as it was", "PANOPLY_NONCE"], limit);
    let page = || curl(&gateway.ca(), &[&gateway.url("/nonce?guess=x")]);
    let policy = |page: &Answer| page.header("content-security-policy").unwrap();
    assert!(!policy(&page()).contains("nonce-"), "{}", policy(&page()));
    // The next one starts another that is told.
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    let page = page();
    let policy = policy(&page);
    let (_, nonce) = policy.split_once("'nonce-").expect(&policy);
    let (nonce, _) = nonce.split_once('\'').unwrap();
    assert!(
        page.text().contains(&format!("nonce=\"{nonce}\"")),
        "{}",
        page.text()
    );
}

#[test]
fn what_an_app_was_told_to_write_for_a_nonce_goes_out_under_no_policy() {
    let config = format!("{}[headers]\npreset = \"strict\"\n", app(""));
    let gateway = Gateway::setup().config(&config).command(&[]).start();
    let last = Last::of(&gateway);
    std::fs::write(gateway.config_path(), app("")).unwrap();
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    // The app is the same, and still writes it: were it not replaced, both would have the same.
    let own = || {
        let page = curl(&gateway.ca(), &[&gateway.url("/nonce?guess=x")]);
        let policy = page.header("content-security-policy").unwrap();
        assert!(!policy.contains("nonce-"), "{policy}");
        let text = page.text();
        let nonces = text.split("nonce=\"").skip(1);
        let nonces = nonces.filter_map(|rest| rest.split('"').next());
        nonces
            .map(str::to_owned)
            .find(|nonce| nonce.len() == 24)
            .expect(&text)
    };
    assert_ne!(own(), own());
}
