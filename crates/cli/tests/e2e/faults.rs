//! What goes wrong around the gateway: nothing that was acknowledged is lost, and all of it is well again
//! by itself.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use panoply_store_test::PostgresServer;
use rustix::process::Signal;
use support::{
    App, Gateway, Verdicts, curl, curl_fails, panoply, require, test_app, text, wait_for,
};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

/// An app whose path says how it breaks off or what it says instead of an answer.
fn broken_app() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || break_off(stream));
        }
    });
    port
}

fn break_off(mut stream: TcpStream) {
    let (mut seen, mut block) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut block) {
        seen.extend_from_slice(&block[..read]);
        if !seen.windows(4).any(|window| window == b"\r\n\r\n") {
            continue;
        }
        let head = support::text(&seen);
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.clear();
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(100_000));
        let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(2_000_000));
        let said: &[u8] = match path.as_str() {
            "/noise" => &[0x16, 3, 1, 0, 0xff, 7, b'\r', b'\n', b'\r', b'\n'],
            "/words" => b"I am no server\r\n\r\n",
            "/status" => b"HTTP/1.1 999999 OK\r\n\r\n",
            "/two-lengths" => {
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
            }
            "/no-number" => b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nab",
            "/endless" => endless.as_bytes(),
            "/large" => large.as_bytes(),
            "/half-a-head" => b"HTTP/1.1 200 OK\r\nContent-Le",
            "/nothing" => b"",
            "/short" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part",
            "/cut" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "/odd-chunk" => {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"
            }
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        };
        if stream.write_all(said).is_err() || !said.ends_with(b"ok") {
            return;
        }
    }
}

#[test]
fn an_app_that_answers_garbage_or_breaks_off() {
    let upstream = format!("http://127.0.0.1:{}", broken_app());
    let gateway = Gateway::before(&upstream, "[limits]\nresponse_timeout = \"3s\"\n");
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        for path in [
            "/noise",
            "/words",
            "/status",
            "/two-lengths",
            "/no-number",
            "/endless",
            "/large",
            "/half-a-head",
            "/nothing",
        ] {
            let answer = curl(&gateway.ca(), &[version, &gateway.url(path)]);
            wrong.equal(&format!("{version} {path}"), answer.status, 502);
            wrong.check(answer.header("content-security-policy").is_some(), || {
                format!("{version} {path}: bare")
            });
        }
        // Whoever is sent a part learns that it is one.
        for path in ["/short", "/cut", "/odd-chunk"] {
            let error = curl_fails(&gateway.ca(), &[version, &gateway.url(path)]);
            let expected = ["exit status: 18", "exit status: 92", "exit status: 56"];
            wrong.check(expected.iter().any(|code| error.contains(code)), || {
                format!("{version} {path}: {error}")
            });
        }
        for _ in 0..5 {
            let answer = curl(&gateway.ca(), &[version, &gateway.url("/well")]);
            wrong.equal(&format!("{version}, afterwards"), answer.status, 200);
        }
    }
    let said = gateway.process.said().join("\n");
    wrong.check(!said.contains("panicked"), || said);
    wrong.settle();
}

fn login(gateway: &Gateway, user: &str) -> u16 {
    let form = format!("username={user}&password=wrong");
    let answer = curl(
        Path::new("/dev/null"),
        &["-d", &form, &gateway.url("/login")],
    );
    answer.status
}

/// Guesses until it is told that the user is locked, ten times at most.
fn lock(gateway: &Gateway, user: &str) -> u32 {
    (0..20)
        .find(|_| login(gateway, user) == 429)
        .unwrap_or_else(|| panic!("{user} was never locked"))
}

#[test]
fn the_disk_is_full_for_a_while() {
    let app = App::start(&test_app("logins.mjs"));
    let setup = Gateway::setup();
    // A disk of two megabytes, which only the gateway sees.
    let state = setup.dir().join("state");
    std::fs::create_dir(&state).unwrap();
    let state = state.display().to_string();
    let mut through = vec!["unshare", "--mount"];
    if !rustix::process::geteuid().is_root() {
        through.push("--map-root-user");
    }
    let script = "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$@\"";
    through.extend(["sh", "-c", script, &state]);
    let mut gateway = setup
        .config(PLAIN)
        .upstream(&app.origin())
        .through(&through)
        .start();
    let mut wrong = Verdicts::default();
    wrong.equal("before", lock(&gateway, "ada"), 10);
    let seen = PathBuf::from(format!("/proc/{}/root{state}", gateway.process.id()));
    let ballast = seen.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    // Counted, though it cannot be written down; and said.
    let said = lock(&gateway, "grace");
    wrong.check(said <= 11, || format!("{said} guesses on a full disk"));
    wrong.equal("ada, on a full disk", login(&gateway, "ada"), 429);
    let page = curl(Path::new("/dev/null"), &[&gateway.url("/")]);
    wrong.equal("other requests on a full disk", page.status, 200);
    let limit = Duration::from_secs(10);
    gateway
        .process
        .line_with(&["cannot be written down"], limit);
    // A new program would know nothing of grace.
    let mut upgrade = panoply();
    upgrade.arg("upgrade").arg("--state").arg(&seen);
    let output = upgrade.output().unwrap();
    let said = text(&output.stderr);
    let why = "cannot be written down, and would end with the process: database or disk is full";
    wrong.check(!output.status.success() && said.contains(why), || said);
    wrong.equal("grace, after an upgrade", login(&gateway, "grace"), 429);
    std::fs::remove_file(&ballast).unwrap();
    gateway
        .process
        .line_with(&["are written down again"], limit);
    wrong.equal("alan, with room again", lock(&gateway, "alan"), 10);
    // What was announced is on the disk: another process finds it.
    let copy = tempfile::tempdir().unwrap();
    gateway.process.signal(Signal::STOP);
    for name in ["panoply.db", "panoply.db-wal", "secret", "keys"] {
        std::fs::copy(seen.join(name), copy.path().join(name)).unwrap();
    }
    gateway.process.signal(Signal::KILL);
    let second = Gateway::setup()
        .state_in(copy.path())
        .config(PLAIN)
        .upstream(&app.origin())
        .start();
    for user in ["ada", "grace", "alan"] {
        wrong.equal(&format!("{user}, after a kill"), login(&second, user), 429);
    }
    wrong.settle();
}

#[test]
fn the_clock_jumps_forth_and_back() {
    require("faketime");
    let library = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|machine| format!("/usr/lib/{machine}/faketime/libfaketime.so.1"))
        .into_iter()
        .find(|path| Path::new(path).is_file())
        .expect("libfaketime, of Debian's package of that name");
    let app = App::start(&test_app("logins.mjs"));
    let setup = Gateway::setup();
    let now = setup.dir().join("now");
    let jump = |to: &str| std::fs::write(&now, to).unwrap();
    jump("+0");
    let config = format!("{PLAIN}[[limit]]\npath = \"/api/\"\npoints = 5\nwindow = \"2s\"\n");
    let gateway = setup
        .config(&config)
        .upstream(&app.origin())
        .environment("LD_PRELOAD", &library)
        .environment("FAKETIME_TIMESTAMP_FILE", &now.display().to_string())
        .environment("FAKETIME_NO_CACHE", "1")
        // The kernel's other clock knows no jumps.
        .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start();
    let mut wrong = Verdicts::default();
    let api = || curl(Path::new("/dev/null"), &[&gateway.url("/api/x")]).status;
    let limited = |wrong: &mut Verdicts, when: &str| {
        wait_for("the window to pass", Duration::from_secs(15), || {
            (api() == 200).then_some(())
        });
        thread::sleep(Duration::from_secs(3));
        let passed = (0..9).filter(|_| api() == 200).count();
        wrong.check((5..=7).contains(&passed), || {
            format!("{when}: {passed} of 9 passed")
        });
    };
    wrong.equal("before", lock(&gateway, "ada"), 10);
    for (to, user) in [
        ("-3d", "grace"),
        ("+0", "alan"),
        ("+40d", "edith"),
        ("+0", "kurt"),
    ] {
        jump(to);
        wrong.equal(&format!("ada at {to}"), login(&gateway, "ada"), 429);
        wrong.equal(&format!("{user} at {to}"), lock(&gateway, user), 10);
        limited(&mut wrong, to);
    }
    // Another process reads what was written down under other clocks: locked, and not for ever.
    gateway.process.signal(Signal::KILL);
    let second = Gateway::setup()
        .state_of(&gateway)
        .config(&config)
        .upstream(&app.origin())
        .start();
    for user in ["ada", "grace", "alan", "edith", "kurt"] {
        let form = format!("username={user}&password=wrong");
        let url = second.url("/login");
        let answer = curl(Path::new("/dev/null"), &["-d", &form, &url]);
        wrong.equal(&format!("{user}, after a kill"), answer.status, 429);
        let wait = answer
            .header("retry-after")
            .and_then(|after| after.parse().ok());
        wrong.check(wait.is_some_and(|wait: u64| wait <= 3600), || {
            format!("{user} is told to wait {wait:?} s")
        });
    }
    wrong.settle();
}

#[test]
fn postgres_ends_and_comes_back() {
    let mut postgres = PostgresServer::start_durable();
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), &on(&postgres));
    let mut wrong = Verdicts::default();
    wrong.equal("before", lock(&gateway, "ada"), 10);
    postgres.kill_outright();
    // The insurance decides, within what the limit allows.
    let guesses = lock(&gateway, "grace");
    wrong.check(guesses <= 10, || {
        format!("{guesses} guesses while it was gone")
    });
    store_is(&gateway, false);
    postgres.revive();
    store_is(&gateway, true);
    wrong.equal("what was locked before", login(&gateway, "ada"), 429);
    wrong.equal("afterwards", lock(&gateway, "alan"), 10);
    wrong.settle();
}

#[test]
fn postgres_takes_nothing_for_a_while() {
    let postgres = PostgresServer::start();
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), &on(&postgres));
    let mut wrong = Verdicts::default();
    let read_only = |on: bool| {
        // As after a failover, when the address leads to what is a standby now.
        let word = if on { "on" } else { "off" };
        postgres.sql(&format!(
            "alter system set default_transaction_read_only = {word}"
        ));
        postgres.sql("select pg_reload_conf()");
    };
    wrong.equal("before", lock(&gateway, "ada"), 10);
    read_only(true);
    wait_for("a standby", Duration::from_secs(20), || {
        let shown = postgres.sql("show default_transaction_read_only");
        (shown == "on").then_some(())
    });
    store_is(&gateway, false);
    let guesses = lock(&gateway, "grace");
    wrong.check(guesses <= 10, || format!("{guesses} while it took nothing"));
    let mut status = panoply();
    status.arg("status").arg("--state");
    let status = status
        .arg(gateway.dir.path().join("state"))
        .output()
        .unwrap();
    let status = text(&status.stdout);
    let told = "answers, but takes no writes, and this node decides alone: postgres takes no writes: name its primary";
    wrong.check(status.contains(told), || status);
    read_only(false);
    store_is(&gateway, true);
    wrong.equal("what was locked before", login(&gateway, "ada"), 429);
    wrong.equal("afterwards", lock(&gateway, "alan"), 10);
    wrong.settle();
}

/// A gateway that counts in `postgres`, and takes it for away when it says so and not when this machine is
/// busy.
fn on(postgres: &PostgresServer) -> String {
    format!(
        "{PLAIN}[store]\nurl = \"{}\"\nsecret = \"a secret of all nodes\"\ndeadline = \"5s\"\n",
        postgres.url()
    )
}

/// Waits until the gateway says that its store is there, or is not; a login asks for it each time.
fn store_is(gateway: &Gateway, there: bool) {
    let line = format!("panoply_store_up {}", u8::from(there));
    wait_for(&line, Duration::from_secs(30), || {
        login(gateway, "nobody");
        let metrics = format!("{}/metrics", gateway.admin);
        let metrics = curl(Path::new("/dev/null"), &[&metrics]).text();
        // A hundred failures would block everybody here.
        thread::sleep(Duration::from_millis(250));
        metrics.contains(&line).then_some(())
    });
}
