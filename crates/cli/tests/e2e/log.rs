//! A log that nobody reads, or that cannot be written, is no reason not to serve.

use super::support;

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use support::upgrade::Last;
use support::{Gateway, Raw, Recorder, Verdicts, ask, curl_with, test_app, wait_for};

const NULL: &str = "/dev/null";

/// A gateway whose standard error is `stderr`. One worker: whatever holds that up holds everybody up.
fn logging_to(stderr: &Path) -> Gateway {
    let app = test_app("logins.mjs");
    let config = format!(
        "[app]\ncommand = {app:?}\n[listen]\nworkers = 1\n[tls]\nmode = \"off\"\n[limits]\ndrain = \"2s\"\n"
    );
    let script = format!("exec \"$@\" 2>{}", stderr.display());
    Gateway::setup()
        .config(&config)
        .through(&["sh", "-c", &script, "sh"])
        .start()
}

/// A pipe that is open, and read by nobody.
fn pipe(dir: &Path) -> (std::path::PathBuf, File) {
    let path = dir.join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let both = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    (path, both)
}

/// Has it say much, of requests and of other things, and answer all the same, and so has the next one.
fn serves_on(gateway: &Gateway, wrong: &mut Verdicts) -> Last {
    let mut socket = Raw::open(gateway.address());
    for round in 0..10 {
        let request = b"GET /shown?user=ada HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(100);
        socket.send(&request);
        let answers = socket.read_for(Duration::from_millis(300)).text();
        let answered = answers.matches("HTTP/1.1 200").count();
        wrong.equal(&format!("round {round}"), answered, 100);
    }
    let answer = |path: &str, more: &[&str]| {
        let url = gateway.url(path);
        let arguments = [&["--max-time", "10", url.as_str()], more].concat();
        curl_with(NULL.as_ref(), &arguments, b"").map(|answer| answer.status)
    };
    for user in ["ada", "grace", "alan"] {
        let form = format!("username={user}&password=wrong");
        let statuses: Vec<_> = (0..11).map(|_| answer("/login", &["-d", &form])).collect();
        wrong.check(statuses.iter().all(Result::is_ok), || {
            format!("{user}: {statuses:?}")
        });
        wrong.equal(user, statuses.last().unwrap().clone(), Ok(429));
    }
    gateway.process.signal(Signal::HUP);
    let last = Last::of(gateway);
    let before = last.process();
    wrong.check(before.is_some(), || "it does not answer".to_owned());
    let (done, said) = last.upgrade();
    wrong.check(done && last.process() != before, || said);
    wrong.equal("the next one", answer("/", &[]), Ok(200));
    last
}

/// Both end as they should.
fn end(mut gateway: Gateway, last: &Last, wrong: &mut Verdicts) {
    let status = gateway.process.status(Duration::from_secs(20));
    wrong.equal("its end", status.code(), Some(0));
    last.stop();
}

fn serves_to_the_end(gateway: Gateway) {
    let mut wrong = Verdicts::default();
    let last = serves_on(&gateway, &mut wrong);
    end(gateway, &last, &mut wrong);
    wrong.settle();
}

#[test]
fn whoever_stands_still_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut pipe) = pipe(dir.path());
    let gateway = logging_to(&path);
    let mut wrong = Verdicts::default();
    let last = serves_on(&gateway, &mut wrong);
    end(gateway, &last, &mut wrong);
    // What could be written is there, and whole.
    let mut bytes = vec![0; 16 << 10];
    pipe.read_exact(&mut bytes).unwrap();
    let said = String::from_utf8(bytes).unwrap();
    let lines = said.lines().take(said.lines().count() - 1);
    let broken = lines
        .filter(|line| line.starts_with('{'))
        .find(|line| serde_json::from_str::<serde_json::Value>(line).is_err());
    wrong.equal("a line", broken, None);
    wrong.settle();
}

#[test]
fn whoever_has_gone_takes_nobody_along() {
    let dir = tempfile::tempdir().unwrap();
    let (path, pipe) = pipe(dir.path());
    let gateway = logging_to(&path);
    drop(pipe);
    serves_to_the_end(gateway);
}

#[test]
fn a_full_disk_takes_nobody_along_either() {
    serves_to_the_end(logging_to(Path::new("/dev/full")));
}

#[test]
fn what_was_lost_is_told_once_somebody_reads() {
    let dir = tempfile::tempdir().unwrap();
    let (path, pipe) = pipe(dir.path());
    let gateway = logging_to(&path);
    drop(pipe);
    let mut wrong = Verdicts::default();
    let last = serves_on(&gateway, &mut wrong);
    let mut pipe = File::open(path).unwrap();
    let reader = std::thread::spawn(move || {
        let (mut said, mut bytes) = (Vec::<u8>::new(), [0; 4096]);
        let told = b"lines of the log are lost";
        while !said.windows(told.len()).any(|window| window == told) {
            let read = pipe.read(&mut bytes).unwrap();
            said.extend(&bytes[..read]);
        }
        pipe
    });
    wait_for("it to be told", Duration::from_secs(20), || {
        reader.is_finished().then_some(())
    });
    let pipe = reader.join().unwrap();
    end(gateway, &last, &mut wrong);
    drop(pipe);
    wrong.settle();
}

#[test]
fn what_is_told_once_is_told_once_more_after_a_reload() {
    let app = support::App::start(&test_app("moody.mjs"));
    let small =
        |bytes: &str| format!("[tls]\nmode = \"off\"\n[limits]\nbody_bytes = \"{bytes}\"\n");
    let mut gateway = Gateway::before(&app.origin(), &small("1KiB"));
    let soon = Duration::from_secs(10);
    let too_large = "is larger than limits.body_bytes";
    let mut wrong = Verdicts::default();
    for (time, larger) in [(1, "2KiB"), (2, "3KiB")] {
        for _ in 0..3 {
            let url = gateway.url("/form?token=x");
            let arguments = ["--data-binary", "@-", &url];
            let answer = curl_with(NULL.as_ref(), &arguments, &[b'x'; 8000]).unwrap();
            wrong.equal("too large", answer.status, 413);
        }
        let is_named = wait_for("the advice", soon, || {
            let said = gateway.process.said();
            let told = said.iter().filter(|line| line.contains(too_large));
            let is_named = |line: &&String| line.contains("POST") && line.contains("/form");
            let is_named = told
                .clone()
                .all(|line| is_named(&line) && !line.contains("token"));
            (told.count() == time).then_some(is_named)
        });
        wrong.check(is_named, || gateway.process.said().join("\n"));
        std::fs::write(gateway.config_path(), small(larger)).unwrap();
        gateway.process.signal(Signal::HUP);
        gateway.process.line_with(&["has been reloaded"], soon);
    }
    wrong.settle();
}

/// An app that reads a request and answers nothing; it tells of each.
fn silent_app() -> (String, std::sync::mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"password=x") {
                    let mut some = [0; 4096];
                    match stream.read(&mut some) {
                        Ok(0) | Err(_) => return,
                        Ok(read) => bytes.extend(&some[..read]),
                    }
                }
                let _ = tell.send(());
                // Until it is left.
                let _ = stream.read(&mut [0; 1]);
            });
        }
    });
    (origin, told)
}

#[test]
fn who_does_not_wait_for_an_answer_is_in_it_too() {
    let (origin, told) = silent_app();
    let mut gateway = Gateway::setup()
        .config("[tls]\nmode = \"off\"\n")
        .upstream(&origin)
        .start();
    let limit = Duration::from_secs(10);
    for number in 0..10 {
        let mut socket = Raw::open(gateway.address());
        socket.send(
            format!(
                "POST /login?{number} HTTP/1.1\r\nHost: a.test\r\nUser-Agent: guesser-{number}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 23\r\n\r\n\
                 username=ada&password=x"
            )
            .as_bytes(),
        );
        told.recv_timeout(limit).unwrap();
        drop(socket);
        let agent = format!("\"guesser-{number}\"");
        let words = ["\"status\":499", &agent, "\"aborted\":true"];
        gateway.process.line_with(&words, limit);
    }
    let locked = ["locked after too many failed logins", "login/pair"];
    gateway.process.line_with(&locked, limit);
    let metrics = format!("{}/metrics", gateway.admin);
    let metrics = curl_with(NULL.as_ref(), &[&metrics], b"").unwrap().text();
    let counted = "panoply_logins_total{outcome=\"abandoned\"} 10";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn what_is_cut_off_when_the_gateway_ends_is_in_it_too() {
    let (origin, told) = silent_app();
    let config = "[tls]\nmode = \"off\"\n[limits]\ndrain = \"1s\"\n";
    let mut gateway = Gateway::before(&origin, config);
    let limit = Duration::from_secs(20);
    let mut socket = Raw::open(gateway.address());
    socket.send(b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\npassword=x");
    told.recv_timeout(limit).unwrap();
    gateway.process.signal(Signal::TERM);
    gateway.process.status(limit);
    wait_for("its line", limit, || {
        let said = gateway.process.said();
        let line = said.iter().find(|line| line.contains("\"path\":\"/x\""))?;
        assert!(line.contains("\"aborted\":true"), "{line}");
        Some(())
    });
}

#[test]
fn an_app_that_breaks_off_each_answer_is_told_of_at_once_and_then_in_numbers() {
    let app = Recorder::answering("this is no HTTP\r\n\r\n");
    let mut gateway = Gateway::before(&app.origin(), "[tls]\nmode = \"off\"\n");
    let mut wrong = Verdicts::default();
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    wrong.equal("the first", ask(gateway.address(), request).status(), 502);
    let first = ["\"the app gave no answer\"", "WARN", "is not HTTP"];
    gateway.process.line_with(&first, Duration::from_secs(5));
    for number in 0..40 {
        let status = ask(gateway.address(), request).status();
        wrong.equal(&format!("{number}"), status, 502);
    }
    // However long that has taken.
    let mut lines = 0;
    wait_for("all to be told of", Duration::from_mins(1), || {
        let said = gateway.process.said();
        let more = said.iter().filter(|line| line.contains("to more requests"));
        let more = more.filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let more: Vec<u64> = more.filter_map(|line| line["requests"].as_u64()).collect();
        lines = more.len();
        (more.iter().sum::<u64>() == 40).then_some(())
    });
    wrong.check(lines < 5, || format!("in {lines} lines"));
    let said = gateway.process.said();
    let told = said.iter().filter(|line| line.contains(first[0])).count();
    wrong.equal("said", told, 1);
    wrong.settle();
}
