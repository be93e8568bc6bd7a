//! The app as a child of the gateway, and the gateway as a service: start, death, restart, signals, reload.

use super::support;

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use support::{
    Gateway, Raw, Verdicts, curl, curl_with, free_port, panoply, raw, test_app, text, wait_for,
};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";
const NULL: &str = "/dev/null";

fn moody(config: &str) -> Gateway {
    Gateway::setup()
        .config(config)
        .command(&test_app("moody.mjs"))
        .start()
}

/// Node.js listens on every address where it is told none.
const WARNING: &str = "listens on more than loopback";

#[test]
fn an_app_that_others_can_reach_past_the_gateway_is_told_of() {
    let started = |listen: &str| {
        let app = format!("require('http').createServer((q, r) => r.end('x')).listen({listen})");
        let command = ["node".to_owned(), "-e".to_owned(), app];
        let mut gateway = Gateway::setup().config(PLAIN).command(&command).start();
        // What is logged at the start has been, once a request is.
        curl(NULL.as_ref(), &[&gateway.url("/")]);
        gateway
            .process
            .line_with(&["\"path\":\"/\""], Duration::from_secs(5));
        gateway
            .process
            .said()
            .iter()
            .any(|line| line.contains(WARNING))
    };
    let mut wrong = Verdicts::default();
    for (listen, told) in [
        ("process.env.PORT", true),
        ("process.env.PORT, '0.0.0.0'", true),
        ("process.env.PORT, '127.0.0.1'", false),
        ("process.env.PORT, '::1'", false),
    ] {
        wrong.equal(listen, started(listen), told);
    }
    // Of an app that somebody else runs as well.
    let app = std::net::TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = app.local_addr().unwrap().port();
    let mut gateway = Gateway::before(&format!("http://127.0.0.1:{port}"), PLAIN);
    gateway
        .process
        .line_with(&[WARNING], Duration::from_secs(5));
    wrong.settle();
}

#[test]
fn an_app_that_puts_itself_in_the_background_is_told_to_stay() {
    let app = test_app("moody.mjs").join(" ");
    let script = format!("setsid {app} & echo $! >> processes; exec sleep 2");
    let config = format!("[app]\ncommand = [\"sh\", \"-c\", {script:?}]\n{PLAIN}");
    let mut gateway = Gateway::setup().config(&config).start();
    let said = ["exit status: 0"];
    gateway.process.line_with(&said, Duration::from_secs(20));
    let said = ["still listens", "Have it stay in the foreground"];
    gateway.process.line_with(&said, Duration::from_secs(20));
    gateway.process.signal(Signal::TERM);
    gateway.process.status(Duration::from_secs(20));
    // Nobody else ends them.
    let processes = std::fs::read_to_string(gateway.dir.path().join("processes")).unwrap();
    for process in processes.lines() {
        let process = rustix::process::Pid::from_raw(process.parse().unwrap()).unwrap();
        let _ = rustix::process::kill_process(process, Signal::KILL);
    }
}

#[test]
fn a_dying_app_is_restarted_and_the_gateway_stays() {
    let mut gateway = moody(PLAIN);
    let mut wrong = Verdicts::default();
    let first = curl(NULL.as_ref(), &[&gateway.url("/")]).text();
    wrong.check(first.starts_with("pid "), || first.clone());
    gateway
        .process
        .line_with(&["moody stdout"], Duration::from_secs(3));
    gateway
        .process
        .line_with(&["moody stderr"], Duration::from_secs(3));

    // The request that kills it gets an answer of the gateway's, at once.
    let started = Instant::now();
    let answer = curl(NULL.as_ref(), &[&gateway.url("/die?status=9")]);
    wrong.check(matches!(answer.status, 502 | 503), || format!("{answer:?}"));
    wrong.check(started.elapsed() < Duration::from_secs(2), || {
        format!("{:?}", started.elapsed())
    });
    wrong.check(!answer.body.is_empty(), || "a page was expected".to_owned());
    wrong.check(answer.header("x-frame-options").is_some(), || {
        "the 502 goes out bare".to_owned()
    });

    let second = wait_for("the restarted app", Duration::from_secs(20), || {
        let asked = Instant::now();
        let answer = curl(NULL.as_ref(), &[&gateway.url("/")]);
        assert!(
            asked.elapsed() < Duration::from_secs(2),
            "while the app is away: {:?}",
            asked.elapsed()
        );
        assert!(matches!(answer.status, 200 | 502 | 503), "{answer:?}");
        (answer.status == 200).then(|| answer.text())
    });
    wrong.check(second.starts_with("pid ") && second != first, || {
        format!("{first} then {second}")
    });
    wrong.check(gateway.process.is_running(), || {
        "the gateway ended".to_owned()
    });

    // Killed from outside too.
    let pid = second.trim_start_matches("pid ").trim().to_owned();
    Command::new("kill").args(["-9", &pid]).status().unwrap();
    wait_for("another app", Duration::from_secs(30), || {
        let answer = curl(NULL.as_ref(), &[&gateway.url("/")]);
        (answer.status == 200 && answer.text() != second).then_some(())
    });

    // SIGTERM reaches the app, which then ends.
    gateway.process.signal(Signal::TERM);
    let status = gateway.process.status(Duration::from_secs(10));
    wrong.equal("exit status", status.code(), Some(0));
    let said = gateway.process.said();
    wrong.check(
        said.iter().any(|line| line.contains("moody got SIG")),
        || said.join("\n"),
    );
    wrong.settle();
}

#[test]
fn an_app_that_cannot_be_started_gives_its_status() {
    let mut wrong = Verdicts::default();
    let started = Instant::now();
    let command: Vec<String> = ["sh", "-c", "echo no database >&2; exit 42"]
        .map(Into::into)
        .to_vec();
    let (mut process, dir, _) = Gateway::setup().command(&command).spawn();
    let status = process.status(Duration::from_mins(1));
    wrong.equal("exit status", status.code(), Some(42));
    wrong.check(started.elapsed() < Duration::from_secs(30), || {
        format!("{:?}", started.elapsed())
    });
    wrong.check(
        process
            .said()
            .iter()
            .any(|line| line.contains("no database")),
        || process.said().join("\n"),
    );
    wrong.check(
        !process.said().iter().any(|line| line.contains("ready at")),
        || "it said it was ready".to_owned(),
    );
    drop(dir);

    let (mut process, _dir, _) = Gateway::setup()
        .command(&["/no/such/program".into()])
        .spawn();
    let status = process.status(Duration::from_secs(10));
    wrong.equal("no such program", status.code(), Some(127));
    wrong.check(
        process
            .said()
            .iter()
            .any(|line| line.contains("/no/such/program")),
        || process.said().join("\n"),
    );
    wrong.settle();
}

#[test]
fn an_app_whose_port_was_taken_is_given_another() {
    let script = "echo $PORT > port.new; mv port.new port.txt\n\
                  while [ ! -e held ]; do sleep 0.05; done\nexec \"$@\"";
    let mut command: Vec<String> = ["sh", "-c", script, "sh"].map(str::to_owned).into();
    command.extend(test_app("moody.mjs"));
    let setup = Gateway::setup().config(PLAIN).command(&command);
    let (mut process, dir, _) = setup.spawn();
    let written = dir.path().join("port.txt");
    let port = wait_for("the app's port", Duration::from_secs(20), || {
        let text = std::fs::read_to_string(&written).ok()?;
        text.trim().parse::<u16>().ok()
    });
    // Bound, as a connection has it: nobody listens who could be taken for the app.
    let holder = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    holder.bind(&address.into()).unwrap();
    std::fs::write(dir.path().join("held"), "").unwrap();
    let line = process.line_with(&["panoply: ready at"], Duration::from_secs(20));
    let url = support::urls(&line).remove(0);
    assert_eq!(curl(NULL.as_ref(), &[&url]).status, 200);
    process.line_with(&["somebody else has its port"], Duration::from_secs(2));
    let other = std::fs::read_to_string(&written).unwrap();
    assert_ne!(other.trim(), port.to_string());
    process.signal(Signal::TERM);
    assert!(process.status(Duration::from_secs(20)).success());
}

#[test]
fn a_gateway_that_cannot_start_its_workers_says_so_and_ends() {
    let config = format!("{PLAIN}[listen]\nworkers = 12\n");
    let mut wrong = Verdicts::default();
    let mut outcomes = [0; 3];
    // What it lacks first depends on how many file descriptors there are.
    for most in (16..=160).step_by(6) {
        let limited = format!("ulimit -n {most}; exec \"$@\"");
        let (mut process, _dir, _) = Gateway::setup()
            .config(&config)
            .upstream("http://127.0.0.1:1")
            .through(&["sh", "-c", &limited, "sh"])
            .spawn();
        let ready = wait_for("an end or a beginning", Duration::from_secs(20), || {
            let said = process.said();
            let ready = said.iter().any(|line| line.contains("panoply: ready"));
            (ready || !process.is_running()).then_some(ready)
        });
        if ready {
            process.signal(Signal::TERM);
        }
        let status = process.status(Duration::from_secs(20));
        let said = process.said().join("\n");
        let worker = said.contains("refused a worker: Too many open files");
        wrong.check(status.success() == ready && !(ready && worker), || {
            format!("{most}: {status}, {said}")
        });
        outcomes[if ready { 2 } else { usize::from(worker) }] += 1;
    }
    wrong.check(outcomes.iter().all(|count| *count > 0), || {
        format!("other failures, workers, none: {outcomes:?}")
    });
    wrong.settle();
}

#[test]
fn a_slow_boot_is_waited_for() {
    let started = Instant::now();
    let gateway = Gateway::setup()
        .config(PLAIN)
        .environment("BOOT_MS", "2000")
        .command(&test_app("moody.mjs"))
        .start();
    assert!(
        started.elapsed() > Duration::from_millis(1900),
        "ready before the app: {:?}",
        started.elapsed()
    );
    assert_eq!(curl(NULL.as_ref(), &[&gateway.url("/")]).status, 200);
}

#[test]
fn no_upstream_is_502_at_once_with_a_page() {
    let port = free_port();
    let config = "[app]\npatience = \"0s\"\n";
    let gateway = Gateway::before(&format!("http://127.0.0.1:{port}"), config);
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        let started = Instant::now();
        let answer = curl(&gateway.ca(), &[version, &gateway.url("/")]);
        wrong.check(matches!(answer.status, 502 | 503), || format!("{answer:?}"));
        wrong.check(started.elapsed() < Duration::from_secs(2), || {
            format!("{:?}", started.elapsed())
        });
        wrong.check(!answer.body.is_empty(), || "no page".to_owned());
        wrong.check(!answer.text().contains(&port.to_string()), || {
            "the page tells of the inside".to_owned()
        });
    }
    let app = support::App::start(&test_app("moody.mjs"));
    drop(app);
    wrong.settle();
}

#[test]
fn sigterm_drains_and_new_connections_are_refused() {
    let mut gateway = moody("[limits]\ndrain = \"10s\"\n");
    let mut wrong = Verdicts::default();
    let (ca, url) = (gateway.ca(), gateway.url("/slow?chunks=10&pause=250"));
    let in_flight: Vec<_> = ["--http1.1", "--http2"]
        .into_iter()
        .map(|version| {
            let (ca, url) = (ca.clone(), url.clone());
            std::thread::spawn(move || curl_with(&ca, &[version, &url], b""))
        })
        .collect();
    let mut idle = Raw::open(
        gateway
            .http
            .as_deref()
            .unwrap()
            .trim_start_matches("http://"),
    );
    std::thread::sleep(Duration::from_millis(900));
    let asked = Instant::now();
    gateway.process.signal(Signal::TERM);
    let gone = idle.read_for(Duration::from_secs(3));
    wrong.check(gone.closed, || "an idle connection was kept".to_owned());
    wait_for("the listener to close", Duration::from_secs(2), || {
        std::net::TcpStream::connect(gateway.address())
            .is_err()
            .then_some(())
    });
    for thread in in_flight {
        match thread.join().unwrap() {
            Ok(answer) => wrong.check(answer.text().ends_with("end\n"), || {
                format!("cut short: {answer:?}")
            }),
            Err(error) => wrong.check(false, || format!("in flight: {error}")),
        }
    }
    let status = gateway.process.status(Duration::from_secs(8));
    wrong.equal("exit status", status.code(), Some(0));
    wrong.check(asked.elapsed() < Duration::from_secs(8), || {
        format!("ended after {:?}", asked.elapsed())
    });
    wrong.settle();
}

#[test]
fn the_drain_ends_after_its_time_and_sigint_is_the_same() {
    let mut gateway = moody("[tls]\nmode = \"off\"\n[limits]\ndrain = \"1s\"\n");
    let url = gateway.url("/slow?chunks=100&pause=200");
    let in_flight = std::thread::spawn(move || curl_with(NULL.as_ref(), &[&url], b""));
    std::thread::sleep(Duration::from_millis(700));
    let asked = Instant::now();
    gateway.process.signal(Signal::INT);
    let status = gateway.process.status(Duration::from_secs(8));
    assert_eq!(status.code(), Some(0));
    assert!(
        asked.elapsed() > Duration::from_millis(800),
        "not waited for: {:?}",
        asked.elapsed()
    );
    assert!(in_flight.join().unwrap().is_err());
}

#[test]
fn sighup_takes_what_is_valid_and_keeps_the_old_otherwise() {
    let mut gateway = moody("[tls]\nmode = \"off\"\n");
    let mut wrong = Verdicts::default();
    let frame_options =
        |gateway: &Gateway| curl(NULL.as_ref(), &[&gateway.url("/")]).header("x-frame-options");
    wrong.equal(
        "before",
        frame_options(&gateway),
        Some("SAMEORIGIN".to_owned()),
    );

    let url = gateway.url("/slow?chunks=8&pause=250");
    let in_flight = std::thread::spawn(move || curl_with(NULL.as_ref(), &[&url], b""));
    let address = gateway.address().to_owned();
    let mut kept = Raw::open(&address);
    kept.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    kept.read_until("pid ");
    kept.read_until("\n");

    let valid = "[tls]\nmode = \"off\"\n[headers]\nx-frame-options = \"DENY\"\n";
    std::fs::write(gateway.config_path(), valid).unwrap();
    gateway.process.signal(Signal::HUP);
    wait_for("the new header", Duration::from_secs(5), || {
        (frame_options(&gateway).as_deref() == Some("DENY")).then_some(())
    });
    kept.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let reply = kept.read_for(Duration::from_secs(1));
    wrong.equal("a connection from before", reply.status(), 200);
    wrong.check(
        in_flight
            .join()
            .unwrap()
            .is_ok_and(|answer| answer.text().ends_with("end\n")),
        || "what was in flight was cut".to_owned(),
    );

    std::fs::write(
        gateway.config_path(),
        "[tls]\nmode = \"off\"\n[headers]\nx-frame-optoins = \"x\"\n",
    )
    .unwrap();
    gateway.process.signal(Signal::HUP);
    let line = gateway
        .process
        .line_with(&["x-frame-optoins"], Duration::from_secs(5));
    wrong.check(!line.is_empty(), String::new);
    wrong.equal(
        "after an invalid file",
        frame_options(&gateway),
        Some("DENY".to_owned()),
    );
    wrong.check(gateway.process.is_running(), || "it ended".to_owned());
    wrong.settle();
}

#[test]
fn request_ids_access_log_health_and_metrics() {
    let mut gateway = moody("[tls]\nmode = \"off\"\n[log]\nformat = \"json\"\nlevel = \"debug\"\n");
    let mut wrong = Verdicts::default();
    let id_of = |answer: &support::Answer| answer.header("x-request-id");
    let one = curl(
        NULL.as_ref(),
        &[
            "-H",
            "Cookie: connect.sid=s3cr3t",
            &gateway.url("/logged?token=hidden"),
        ],
    );
    let two = curl(
        NULL.as_ref(),
        &["-H", "X-Request-Id: forged-id", &gateway.url("/second")],
    );
    let (first, second) = (id_of(&one), id_of(&two));
    wrong.check(
        first.is_some() && second.is_some() && first != second,
        || format!("{first:?} {second:?}"),
    );
    wrong.check(
        second.as_ref().is_none_or(|id| !id.contains("forged")),
        || format!("{second:?}"),
    );

    let line = gateway
        .process
        .line_with(&["/logged"], Duration::from_secs(3));
    match serde_json::from_str::<serde_json::Value>(&line) {
        Ok(entry) => {
            let all = entry.to_string();
            for word in [
                "\"GET\"",
                "200",
                "127.0.0.1",
                first.as_deref().unwrap_or("no id"),
            ] {
                wrong.check(all.contains(word), || {
                    format!("the log lacks {word}: {all}")
                });
            }
        }
        Err(error) => wrong.check(false, || format!("{error}: {line}")),
    }
    let said = gateway.process.said().join("\n");
    wrong.check(!said.contains("s3cr3t"), || {
        "a cookie's value in the log".to_owned()
    });

    // A refusal is counted and told at debug, on one line, whatever bytes it had.
    raw(
        gateway.address(),
        b"GET /re\x1b[31mfused HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    );
    gateway
        .process
        .line_with(&["intake/", "refused", "127.0.0.1"], Duration::from_secs(3));
    let said = gateway.process.said();
    wrong.check(!said.iter().any(|line| line.contains('\u{1b}')), || {
        "an escape in the log".to_owned()
    });

    let health = curl(NULL.as_ref(), &[&format!("{}/health", gateway.admin)]);
    wrong.equal("health", health.status, 200);
    let metrics = curl(NULL.as_ref(), &[&format!("{}/metrics", gateway.admin)]);
    wrong.equal("metrics", metrics.status, 200);
    let text = metrics.text();
    wrong.check(
        metrics
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/plain")),
        || format!("{:?}", metrics.header("content-type")),
    );
    wrong.check(
        text.contains("# TYPE ") && text.contains("panoply_"),
        || text.clone(),
    );
    wrong.check(
        text.lines()
            .any(|line| !line.starts_with('#') && line.contains("status=\"2xx\"")),
        || text.clone(),
    );
    let refused = text
        .lines()
        .find(|line| line.starts_with("panoply_refused_total"));
    wrong.check(refused.is_some_and(|line| !line.ends_with(" 0")), || {
        text.clone()
    });
    // Neither is served where the public can ask.
    for path in ["/health", "/metrics"] {
        let answer = curl(NULL.as_ref(), &[&gateway.url(path)]);
        wrong.check(answer.text().starts_with("pid "), || {
            format!("{path} in public: {answer:?}")
        });
    }
    wrong.settle();
}

#[test]
fn an_address_in_use_is_said_and_ends_it() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let (mut process, _dir, _) = Gateway::setup()
        .arguments(&["--listen-https", &address])
        .upstream("http://127.0.0.1:9")
        .spawn();
    let status = process.status(Duration::from_secs(10));
    assert!(!status.success());
    let said = process.stderr().join("\n");
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
}

/// Whether a process may have huge pages, as `/proc` says.
fn huge_pages(process: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("THP_enabled"));
    line.unwrap_or("not said by this kernel").to_owned()
}

#[test]
fn the_gateway_does_without_huge_pages_and_its_app_has_what_everybody_has() {
    let gateway = moody(PLAIN);
    let own = huge_pages(&gateway.process.id().to_string());
    let app = curl(NULL.as_ref(), &[&gateway.url("/")]).text();
    let app = app.trim_start_matches("pid ").split_whitespace().next();
    assert_eq!(huge_pages(app.unwrap()), huge_pages("self"));
    assert!(!own.ends_with('1'), "{own}");
}

#[test]
fn a_configuration_from_a_pipe_stays_in_force_when_it_cannot_be_read_again() {
    let setup = Gateway::setup().command(&test_app("moody.mjs"));
    let path = setup.dir().join("panoply.toml");
    std::fs::write(
        &path,
        "[tls]\nmode = \"off\"\n[[limit]]\npath = \"/\"\npoints = 3\nwindow = \"1h\"\n",
    )
    .unwrap();
    let config = path.display().to_string();
    let mut gateway = setup.arguments(&["--config", &config]).start();
    std::fs::remove_file(&path).unwrap();
    // Nobody writes there.
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let state = gateway.dir.path().join("state");
    let begun = Instant::now();
    let reloaded = panoply().arg("reload").arg("--state").arg(&state).output();
    let reloaded = reloaded.unwrap();
    let said = text(&reloaded.stderr);
    assert!(
        !reloaded.status.success() && said.contains("is a pipe"),
        "{said}"
    );
    assert!(said.contains("into a file"), "{said}");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "it was waited for"
    );
    gateway.process.line_with(
        &["the configuration stays as it was", "is a pipe"],
        Duration::from_secs(10),
    );
    let status = || curl(NULL.as_ref(), &[&gateway.url("/")]).status;
    let all: Vec<u16> = (0..4).map(|_| status()).collect();
    assert_eq!(all, [200, 200, 200, 429]);
}
