//! Limits that are different below a path: more where it is spelled so, and less however it is spelled.

use super::support;

use std::net::TcpListener;
use std::time::Duration;

use support::{
    Gateway, H2, Raw, Recorder, Verdicts, curl, curl_with, frame, panoply, raw, statuses, text,
    wait_for,
};

const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(20);

const SIZES: &str = "[limits]\nbody_bytes = \"64KiB\"\n\
    [[limits.path]]\nprefix = \"/upload\"\nbody_bytes = \"1MiB\"\n\
    [[limits.path]]\nprefix = \"/small\"\nbody_bytes = \"1KiB\"\n";

/// Paths, how many bytes are sent there, and whether they are taken.
const SENT: [(&str, usize, bool); 14] = [
    ("/upload", 300_000, true),
    ("/upload/a%20b.JPG?x", 300_000, true),
    ("/upload/a", 2_000_000, false),
    ("/other", 60_000, true),
    ("/other", 300_000, false),
    ("/uploads", 300_000, false),
    // What is given is given to what is spelled so.
    ("/UPLOAD", 300_000, false),
    ("/x/../upload", 300_000, false),
    ("/small", 1000, true),
    ("/small/x", 2000, false),
    ("/SMALL", 2000, false),
    ("/%73mall", 2000, false),
    ("//small", 2000, false),
    ("/upload/..%2fsmall", 2000, false),
];

/// What each of them is made of, which is in no head: what was refused on its way may reach the app a moment later.
const MARKS: [char; 14] = [
    '!', '#', '$', '^', '_', '`', '{', '|', '}', '~', '<', '>', '@', '[',
];

/// How much of a body the app has seen.
fn seen(app: &Recorder, mark: char) -> usize {
    app.take().matches(mark).count()
}

#[test]
fn http1_bodies_are_as_long_as_their_path_allows() {
    let app = Recorder::start();
    let config = format!("[tls]\nmode = \"off\"\n{SIZES}");
    let gateway = Gateway::before(&app.origin(), &config);
    let mut wrong = Verdicts::default();
    for ((path, bytes, taken), mark) in SENT.into_iter().zip(MARKS) {
        let what = format!("{bytes} bytes to {path}");
        let head = |more: &str| {
            format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{more}\r\n")
        };
        // Told beforehand, it does not begin.
        let sized = head(&format!("Content-Length: {bytes}\r\n"));
        let body = mark.to_string().repeat(bytes);
        let sent = if taken { sized + &body } else { sized };
        let reply = raw(gateway.address(), sent.as_bytes());
        wrong.equal(&what, reply.status(), if taken { 200 } else { 413 });
        let expected = if taken { bytes } else { 0 };
        wrong.equal(
            &format!("the app saw of {what}"),
            seen(&app, mark),
            expected,
        );

        let mut socket = Raw::open(gateway.address());
        let chunks: String = body.as_bytes().chunks(1 << 14).map(chunk).collect();
        let sent = format!(
            "{}{chunks}0\r\n\r\n",
            head("Transfer-Encoding: chunked\r\n")
        );
        let reply = socket.talk(sent.into_bytes());
        if taken {
            wrong.equal(&format!("{what}, in chunks"), reply.status(), 200);
        } else {
            // Who still sends may be cut off before he has read why.
            wrong.check(matches!(reply.status(), 413 | 0) && reply.closed, || {
                format!("{what}, in chunks: {}", reply.status())
            });
        }
        let seen = seen(&app, mark);
        wrong.check(taken == (seen == bytes), || {
            format!("{what}, in chunks: the app saw {seen}")
        });
    }
    wrong.settle();
}

fn chunk(bytes: &[u8]) -> String {
    format!("{:x}\r\n{}\r\n", bytes.len(), text(bytes))
}

#[test]
fn http2_bodies_are_as_long_as_their_path_allows() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), SIZES);
    let mut wrong = Verdicts::default();
    let file = gateway.dir.path().join("body");
    let data = format!("@{}", file.display());
    for ((path, bytes, taken), mark) in SENT.into_iter().zip(MARKS) {
        let body = mark.to_string().repeat(bytes);
        std::fs::write(&file, &body).unwrap();
        let (ca, url) = (gateway.ca(), gateway.url(path));
        let sized = ["--http2", "--path-as-is", "--data-binary", &data, &url];
        let streamed = ["--http2", "--path-as-is", "-X", "POST", "-T", "-", &url];
        for (how, arguments) in [("sized", &sized[..]), ("streamed", &streamed)] {
            let what = format!("{bytes} bytes to {path}, {how}");
            let answer = curl_with(&ca, arguments, body.as_bytes()).map(|answer| answer.status);
            // A stream that is reset while it is sent is a failure to curl, as it happens to be read.
            wrong.check(
                answer == Ok(if taken { 200 } else { 413 }) || (!taken && answer.is_err()),
                || format!("{what}: {answer:?}"),
            );
            let seen = seen(&app, mark);
            wrong.check(taken == (seen == bytes), || {
                format!("{what}: the app saw {seen}")
            });
        }
    }
    wrong.settle();
}

/// An app at which connections come and nothing is ever said.
fn mute() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

const TIMES: &str = "[limits]\nresponse_timeout = \"1s\"\nstall_timeout = \"1s\"\n\
    [[limits.path]]\nprefix = \"/slow\"\nresponse_timeout = \"10m\"\n\
    [[limits.path]]\nprefix = \"/patient\"\nstall_timeout = \"10m\"\nresponse_timeout = \"10m\"\n";

#[test]
fn http1_apps_and_clients_have_the_time_that_their_path_gives() {
    let (_app, origin) = mute();
    let gateway = Gateway::before(&origin, &format!("[tls]\nmode = \"off\"\n{TIMES}"));
    let mut wrong = Verdicts::default();
    let open = |request: &str| {
        let mut socket = Raw::open(gateway.address());
        socket.send(
            format!("{request} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n").as_bytes(),
        );
        socket
    };
    let mut slow = open("GET /slow/report");
    slow.send(b"\r\n");
    let mut patient = open("POST /patient");
    patient.send(b"Content-Length: 10\r\n\r\nhalf");
    let mut other = open("GET /Slow");
    other.send(b"\r\n");
    wrong.equal("another", other.read_for(LONG).status(), 504);
    let mut stalls = open("POST /slow");
    stalls.send(b"Content-Length: 10\r\n\r\nhalf");
    wrong.check(stalls.read_for(LONG).closed, || {
        "who stalls is waited for".to_owned()
    });
    for (what, socket) in [("slow", &mut slow), ("patient", &mut patient)] {
        let reply = socket.read_for(Duration::from_millis(500));
        wrong.check(reply.bytes.is_empty() && !reply.closed, || {
            format!("{what}: {reply:?}")
        });
    }
    wrong.settle();
}

#[test]
fn a_connection_that_goes_on_has_no_more_time_than_its_next_path_gives() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), &format!("[tls]\nmode = \"off\"\n{TIMES}"));
    let mut socket = Raw::open(gateway.address());
    socket.send(b"POST /patient HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody");
    let first = socket.read_until("ok\n");
    assert_eq!(statuses(&first), [200]);
    socket.send(b"POST /other HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf");
    assert!(socket.read_for(LONG).closed);
}

#[test]
fn http2_apps_and_clients_have_the_time_that_their_path_gives() {
    let (_app, origin) = mute();
    let gateway = Gateway::before(&origin, TIMES);
    let mut wrong = Verdicts::default();
    let mut connection = H2::open(gateway.address());
    let post = |connection: &mut H2, stream: u32, path: &str| {
        let fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", path),
            ("content-length", "10"),
        ];
        connection.headers(stream, false, &fields) && connection.send(&frame(0, 0, stream, b"half"))
    };
    assert!(connection.get(1, "/slow/report", &[]));
    assert!(post(&mut connection, 3, "/patient"));
    assert!(connection.get(5, "/other", &[]));
    let told = |path: &str, word: &str| {
        wait_for(&format!("the line of {path}"), LONG, || {
            let path = format!("\"path\":\"{path}\"");
            let said = gateway.process.said();
            let line = |line: &String| line.contains(&path) && line.contains(word);
            said.iter().any(line).then_some(())
        });
    };
    told("/other", "\"status\":504");
    // However long the app may take, who stalls may not.
    assert!(post(&mut connection, 7, "/slow"));
    told("/slow", "limits/slow-body");
    let said = gateway.process.said();
    for path in ["/slow/report", "/patient"] {
        let told = said
            .iter()
            .find(|line| line.contains(&format!("\"path\":\"{path}\"")));
        wrong.equal(path, told, None);
    }
    wrong.settle();
}

#[test]
fn a_reload_puts_them_in_force_and_check_lists_them() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), "[tls]\nmode = \"off\"\n");
    let (path, state) = (gateway.config_path(), gateway.dir.path().join("state"));
    let url = gateway.url("/small/x");
    let send = || curl(NULL.as_ref(), &[&url, "-d", &"y".repeat(2000)]).status;
    assert_eq!(send(), 200);
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{written}{SIZES}")).unwrap();
    let told = panoply()
        .arg("reload")
        .arg("--state")
        .arg(&state)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", text(&told.stderr));
    assert_eq!(send(), 413);
    let checked = panoply()
        .arg("check")
        .arg("--config")
        .arg(&path)
        .output()
        .unwrap();
    let said = text(&checked.stdout);
    let listed = "Limits that are different below a path:\n  /upload/…: body_bytes 1MiB\n  /small/…: body_bytes 1KiB\n";
    assert!(said.contains(listed), "{said}{}", text(&checked.stderr));
    std::fs::write(&path, &written).unwrap();
    let told = panoply()
        .arg("reload")
        .arg("--state")
        .arg(&state)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", text(&told.stderr));
    assert_eq!(send(), 200);
}
