//! An app that is spoken to in HTTP/2 without TLS: many requests on one connection, which must not
//! pay for each other.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use support::{App, Gateway, H2, Raw, Verdicts, curl, frame, wait_for};

/// The odd app, and a gateway with one worker before it.
fn odd() -> (App, Gateway) {
    let app = App::start(&support::test_app("h2c-odd.mjs"));
    let config = "[listen]\nworkers = 1\n[app]\nh2c = true\n";
    let gateway = Gateway::before(&app.origin(), config);
    (app, gateway)
}

#[test]
fn answers_that_nobody_takes_leave_room_for_others() {
    let (_app, gateway) = odd();
    let mut greedy = H2::open(gateway.address());
    greedy.send(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for stream in (1..32).step_by(2) {
        greedy.get(stream, "/big/50000000", &[]);
    }
    for stream in (1..32).step_by(2) {
        assert!(greedy.fate(stream).is_ok(), "an answer on {stream}");
    }
    // As much as the app could send them is on its way after a moment.
    std::thread::sleep(Duration::from_secs(1));
    let answer = curl(
        &gateway.ca(),
        &["--max-time", "5", &gateway.url("/big/1000000")],
    );
    assert_eq!(answer.body.len(), 1_000_000);
}

#[test]
fn more_at_once_than_one_connection_takes() {
    let (_app, gateway) = odd();
    let mut hanging: Vec<Child> = Vec::new();
    let ca = gateway.ca();
    for _ in 0..3 {
        // Fifty streams each, none of which ends.
        let urls = gateway.url("/hang/[1-50]");
        let curl = Command::new("curl")
            .args([
                "--silent",
                "--no-buffer",
                "--parallel",
                "--parallel-max",
                "50",
            ])
            .args(["--max-time", "30", "--http2", "--cacert"])
            .arg(&ca)
            .arg(urls)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        hanging.push(curl.unwrap());
    }
    wait_for("more connections", Duration::from_secs(10), || {
        let answer = curl(&ca, &["--max-time", "3", &gateway.url("/x")]);
        (answer.status == 200 && answer.json()["streams"] == 151).then_some(())
    });
    let answer = curl(&ca, &["--max-time", "3", &gateway.url("/x")]);
    let connections = answer.json()["connections"].as_u64().unwrap();
    assert!(
        (4..8).contains(&connections),
        "{connections}, with fifty on each"
    );
    for mut curl in hanging {
        curl.kill().unwrap();
        curl.wait().unwrap();
    }
    wait_for("the app to notice", Duration::from_secs(10), || {
        let answer = curl(&ca, &[&gateway.url("/x")]);
        (answer.json()["streams"] == 1).then_some(())
    });
}

#[test]
fn an_app_that_says_goodbye_loses_no_request() {
    let (_app, gateway) = odd();
    let get = |path: &str| curl(&gateway.ca(), &[&gateway.url(path)]);
    let mut wrong = Verdicts::default();
    for round in 0..20 {
        wrong.equal("the last answer", get("/goodbye").text(), "goodbye");
        wrong.equal(&format!("round {round}"), get("/x").status, 200);
    }
    // It never looked at the request, and says so (RFC 9113 §6.8, §8.7).
    wrong.equal(
        "goodbye to one it has not seen",
        get("/refused-once/a").status,
        200,
    );
    wrong.equal("a stream refused", get("/declined-once/a").status, 200);
    wrong.equal("refused for ever", get("/refused").status, 502);
    wrong.equal("a stream reset", get("/reset").status, 502);
    wrong.equal("and on it goes", get("/x").status, 200);
    wrong.settle();
}

#[test]
fn trailers_bodies_and_broken_answers() {
    let (_app, gateway) = odd();
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        let url = gateway.url("/trailers");
        let arguments = [version, "-H", "TE: trailers", "--raw", "-d", "x", &url];
        let answer = curl(&gateway.ca(), &arguments);
        let said = answer.text();
        wrong.check(said.contains("x-sum: abc"), || format!("{version}: {said}"));

        let head = curl(&gateway.ca(), &[version, "--head", &gateway.url("/x")]);
        wrong.equal("HEAD", head.status, 200);
        let nothing = curl(&gateway.ca(), &[version, &gateway.url("/nothing")]);
        wrong.equal("204", nothing.status, 204);
        wrong.equal("its length", nothing.header("content-length"), None);

        let file = gateway.dir.path().join("large");
        std::fs::write(&file, b"panoply ".repeat(2_000_000)).unwrap();
        let file = file.to_str().unwrap();
        let sum = Command::new("sha256sum").arg(file).output().unwrap();
        let answer = curl(
            &gateway.ca(),
            &[version, "-T", file, &gateway.url("/hash/")],
        );
        let body = answer.text();
        wrong.check(support::text(&sum.stdout).starts_with(&body), || {
            body.clone()
        });

        let half = gateway.url("/half");
        let said = support::curl_fails(&gateway.ca(), &[version, &half]);
        eprintln!("{version}: {said}");
    }
    wrong.settle();
}

/// What an app of frames by hand has seen on each of its streams.
#[derive(Debug, Default)]
struct Seen {
    begun: usize,
    reset: usize,
}

/// An app that answers each request at once and takes no more of it than the window that it has opened.
fn app_that_reads_nothing() -> (String, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::<Mutex<Seen>>::default();
    let noted = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let noted = Arc::clone(&noted);
            // A connection that ends is no failure.
            thread::spawn(move || drop(answer_unread(stream, &noted)));
        }
    });
    (origin, seen)
}

fn answer_unread(mut stream: TcpStream, seen: &Mutex<Seen>) -> std::io::Result<()> {
    const SETTINGS: u8 = 4;
    stream.read_exact(&mut [0; 24])?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let (kind, flags) = (head[3], head[4]);
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let number = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        stream.read_exact(&mut vec![0; usize::try_from(length).unwrap()])?;
        match kind {
            SETTINGS if flags == 0 => stream.write_all(&frame(SETTINGS, 1, 0, &[]))?,
            // Its status is a literal behind an indexed name (RFC 7541 §6.2.2).
            1 => {
                seen.lock().unwrap().begun += 1;
                stream.write_all(&frame(1, 4, number, b"\x08\x03401"))?;
                stream.write_all(&frame(0, 1, number, b"no"))?;
            }
            3 => seen.lock().unwrap().reset += 1,
            _ => {}
        }
    }
}

#[test]
fn a_request_that_the_app_leaves_unread_ends_after_its_answer() {
    let (origin, seen) = app_that_reads_nothing();
    let config = "[tls]\nmode = \"off\"\n[app]\nh2c = true\n[limits]\nstall_timeout = \"1s\"\n";
    let gateway = Gateway::before(&origin, config);
    let length = 8 << 20;
    let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n");
    let request = [head.as_bytes(), &vec![b'x'; length]].concat();
    // Whether the client goes on sending or has gone, the stream ends.
    let mut sends = Raw::open(gateway.address());
    assert_eq!(sends.talk(request.clone()).status(), 401);
    let mut goes = Raw::open(gateway.address());
    goes.send(&request[..1 << 20]);
    let answer = goes.read_until("\r\n\r\n");
    assert!(answer.contains("401"), "{answer}");
    drop(goes);
    wait_for("the streams to end", Duration::from_secs(20), || {
        let seen = seen.lock().unwrap();
        (seen.begun == 2 && seen.reset == 2).then_some(())
    });
}

#[test]
fn a_request_that_is_read_after_its_answer_comes_whole() {
    let (_app, gateway) = odd();
    let mut client = H2::open(gateway.address());
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/late"),
    ];
    client.headers(1, false, &fields);
    assert!(client.fate(1).is_ok(), "an answer before the body");
    for piece in 0..4 {
        // Within the window that every stream has.
        client.send(&frame(0, u8::from(piece == 3), 1, &[b'x'; 10_000]));
    }
    wait_for("all of it", Duration::from_secs(20), || {
        let answer = curl(&gateway.ca(), &[&gateway.url("/x")]);
        (answer.json()["late"] == 40_000).then_some(())
    });
}

#[test]
fn an_app_that_speaks_http_1_after_all_is_told_from_one_that_is_away() {
    let app = support::Recorder::start();
    let mut gateway = Gateway::before(&app.origin(), "[app]\nh2c = true\n");
    let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
    assert_eq!(answer.status, 502);
    let patience = Duration::from_secs(20);
    gateway
        .process
        .line_with(&["leave out `app.h2c`"], patience);
}
