//! HTTP/2 frames that no library would send, one by one and in floods.

use super::support;

use std::time::{Duration, Instant};

use support::{Gateway, H2, Recorder, Verdicts, curl, frame, wait_for};

#[test]
fn who_is_refused_while_he_sends_hears_why() {
    let app = Recorder::start();
    let gateway = Gateway::before(
        &app.origin(),
        "[[access]]\npath = \"/hidden/\"\nallow = []\n",
    );
    let form = gateway.dir.path().join("form");
    std::fs::write(&form, "a".repeat(20_000)).unwrap();
    let form = format!("@{}", form.display());
    // curl takes a stream that is reset before all has come for one that has failed, as it happens to be read.
    let said = (0..60).map(|_| {
        let (ca, url) = (gateway.ca(), gateway.url("/hidden/form"));
        curl(&ca, &["--http2", &url, "--data-binary", &form]).status
    });
    let said: Vec<u16> = said.collect();
    assert_eq!(said, [404; 60]);
}

#[test]
fn http2_frames_that_no_client_sends() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), "");
    let address = gateway.address().to_owned();
    let mut wrong = Verdicts::default();

    let mut honest = H2::open(&address);
    honest.get(1, "/honest", &[]);
    wrong.check(honest.fate(1).is_ok(), || "an honest request".to_owned());
    wrong.check(app.take().starts_with("GET /honest HTTP/1.1"), || {
        "the app saw it".to_owned()
    });

    let bad: &[(&str, &[(&str, &str)])] = &[
        ("connection", &[("connection", "keep-alive")]),
        ("transfer-encoding", &[("transfer-encoding", "chunked")]),
        ("upper case", &[("X-Upper", "1")]),
        ("CR LF in a value", &[("x-a", "b\r\nX-Smuggled: 1")]),
        ("NUL in a value", &[("x-a", "b\0c")]),
        ("LF in a value", &[("x-a", "b\nc")]),
        ("a colon in a name", &[("x:a", "b")]),
        ("a space in a name", &[("x a", "b")]),
        ("an empty name", &[("", "b")]),
        ("te: gzip", &[("te", "gzip")]),
        ("another host", &[("host", "b.test")]),
        (
            "a pseudo field after the others",
            &[("x-a", "b"), (":path", "/other")],
        ),
        ("an unknown pseudo field", &[(":other", "b")]),
        ("a length with no body", &[("content-length", "5")]),
        (
            "two lengths",
            &[("content-length", "0"), ("content-length", "5")],
        ),
        ("a length of +0", &[("content-length", "+0")]),
        ("CR LF in a name", &[("x: y\r\nx-smuggled", "1")]),
        (
            "a request line in a value",
            &[("x-a", "b\r\n\r\nGET /poison HTTP/1.1")],
        ),
        ("CR in a value", &[("x-a", "b\rc")]),
        (
            "transfer-encoding with another",
            &[("transfer-encoding", "identity, chunked")],
        ),
        ("upgrade", &[("upgrade", "h2c"), ("http2-settings", "")]),
        ("proxy-connection", &[("proxy-connection", "keep-alive")]),
        ("a second path", &[(":path", "/poison")]),
        ("a second method", &[(":method", "POST")]),
        ("a user in the host", &[("host", "evil@localhost")]),
    ];
    for (what, fields) in bad {
        let mut connection = H2::open(&address);
        connection.get(1, "/smuggle", fields);
        let fate = connection.fate(1);
        // Refused at the frame layer, or answered by 400; `8d` is a literal `:status` 400 of the static table (0x8c).
        let refused = match &fate {
            Err(how) => *how != "silence",
            Ok(block) => block.first() == Some(&0x8c),
        };
        wrong.check(refused, || format!("HTTP/2, {what}: {fate:x?}"));
        let seen = app.take();
        wrong.check(seen.is_empty(), || {
            format!("HTTP/2, {what}: the app saw {seen:?}")
        });
    }
    for (what, path) in [
        ("no slash", "smuggle"),
        ("a space", "/smuggle x"),
        ("CR LF", "/x HTTP/1.1\r\nA: b"),
        ("empty", ""),
    ] {
        let mut connection = H2::open(&address);
        connection.get(1, path, &[]);
        let fate = connection.fate(1);
        wrong.check(
            !matches!(&fate, Ok(block) if block.first() == Some(&0x88)),
            || format!(":path, {what}: {fate:x?}"),
        );
        wrong.check(app.take().is_empty(), || {
            format!(":path, {what}: the app saw it")
        });
    }
    let mut many = H2::open(&address);
    let long = "x".repeat(200);
    let fields: Vec<(&str, &str)> = (0..75).map(|_| ("x-many", long.as_str())).collect();
    many.get(1, "/big", &fields);
    wrong.check(many.fate(1).is_ok(), || {
        "15 kB of fields are allowed".to_owned()
    });
    app.take();
    let mut over = H2::open(&address);
    let fields: Vec<(&str, &str)> = (0..150).map(|_| ("x-a", "b")).collect();
    over.get(1, "/big", &fields);
    let fate = over.fate(1);
    wrong.check(app.take().is_empty(), || {
        format!("150 fields reached the app: {fate:x?}")
    });
    wrong.settle();
}

#[test]
fn a_head_that_is_too_long_is_refused_as_by_http_1() {
    let app = Recorder::start();
    let mut gateway = Gateway::before(&app.origin(), "");
    let (ca, url) = (gateway.ca(), gateway.url("/long"));
    let ask = |version: &str, bytes: usize| {
        // In pieces, as browsers send cookies.
        let pieces = (0..bytes / 4000).map(|number| format!("x-{number}: {}", "a".repeat(4000)));
        let pieces: Vec<String> = pieces.flat_map(|piece| ["-H".to_owned(), piece]).collect();
        let pieces = pieces.iter().map(String::as_str);
        let all: Vec<&str> = [version, &url].into_iter().chain(pieces).collect();
        support::curl_with(&ca, &all, b"")
    };
    let mut wrong = Verdicts::default();
    let within = ask("--http2", 28_000).map(|answer| answer.status);
    wrong.equal("within", within, Ok(200));
    app.take();
    let answers = ["--http1.1", "--http2"].map(|version| ask(version, 40_000).unwrap());
    for name in [
        "content-security-policy",
        "x-frame-options",
        "cache-control",
    ] {
        let [one, two] = answers.each_ref().map(|answer| answer.header(name));
        wrong.check(one.is_some() && one == two, || format!("{name}: {two:?}"));
    }
    let told = answers
        .each_ref()
        .map(|answer| (answer.status, answer.text()));
    wrong.check(told[1].1.contains("larger"), || told[1].1.clone());
    wrong.equal("statuses", told.map(|(status, _)| status), [431, 431]);
    let told = ["limits/head", "\"version\":\"2\""];
    gateway.process.line_with(&told, Duration::from_secs(10));
    // What is longer by far is not read, and its stream is refused, if not its connection.
    let longer = ask("--http2", 80_000).map(|answer| answer.status);
    wrong.check(longer.is_err() || longer == Ok(431), || {
        format!("{longer:?}")
    });
    wrong.check(app.take().is_empty(), || "the app saw it".to_owned());
    wrong.settle();
}

#[test]
fn an_upload_that_stalls_is_given_up() {
    let app = Recorder::start();
    let config = "[limits]\nresponse_timeout = \"1s\"\nstall_timeout = \"1s\"\n";
    let gateway = Gateway::before(&app.origin(), config);
    let mut connection = H2::open(gateway.address());
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/"),
        ("content-length", "100"),
    ];
    assert!(connection.headers(1, false, &fields));
    wait_for("the line that says why", Duration::from_secs(15), || {
        let said = gateway.process.said();
        said.iter()
            .any(|line| line.contains("limits/slow-body") && line.contains("408"))
            .then_some(())
    });
    assert!(connection.fate(1).is_ok(), "an answer of 408");
}

#[test]
fn an_upload_that_is_reset_is_never_whole() {
    let app = Recorder::start();
    let mut gateway = Gateway::before(&app.origin(), "");
    let mut wrong = Verdicts::default();
    // NO_ERROR and CANCEL.
    for code in [0, 8] {
        let mut connection = H2::open(gateway.address());
        let path = format!("/reset-by-{code}");
        let fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", &*path),
        ];
        assert!(connection.headers(1, false, &fields));
        assert!(connection.send(&frame(0, 0, 1, b"a half of it")));
        wait_for("the app to have what came", Duration::from_secs(10), || {
            app.seen().contains("a half of it").then_some(())
        });
        assert!(connection.send(&frame(3, 0, 1, &[0, 0, 0, code])));
        let line = gateway.process.line_with(&[&path], Duration::from_secs(10));
        wrong.check(!line.contains("\"status\":200"), || line);
        let seen = app.take();
        // The last line of the head may end so too.
        wrong.check(!seen.contains("\r\n0\r\n\r\n"), || {
            format!("{path}: {seen}")
        });
    }
    wrong.settle();
}

/// `SETTINGS_INITIAL_WINDOW_SIZE` of `bytes`.
fn window(bytes: u32) -> Vec<u8> {
    frame(4, 0, 0, &[&[0, 4], &bytes.to_be_bytes()[..]].concat())
}

/// `WINDOW_UPDATE` on `stream`.
fn widen(stream: u32, bytes: u32) -> Vec<u8> {
    frame(8, 0, stream, &bytes.to_be_bytes())
}

#[test]
fn an_answer_that_is_not_taken_is_given_up_and_no_other() {
    let config = "[limits]\nstall_timeout = \"1s\"\n";
    let mut gateway = Gateway::before_example("express-files", config);
    let mut connection = H2::open(gateway.address());
    connection.send(&window(0));
    connection.get(1, "/download/1000000", &[]);
    connection.get(3, "/status/200", &[]);
    // Its window is wide, and the app has nothing to say for longer than anybody may stall.
    connection.get(5, "/slow?chunks=2&pause=4000", &[]);
    connection.send(&widen(5, 60_000));
    // One byte at a time holds an answer for ever as well.
    connection.get(7, "/download/1000000", &[]);

    let mut reset = Vec::new();
    let mut slow = String::new();
    let deadline = Instant::now() + Duration::from_secs(12);
    while Instant::now() < deadline && !slow.ends_with("end\n") {
        connection.send(&widen(7, 1));
        while let Some(frame) = connection.next(Duration::from_millis(200)) {
            match (frame.kind, frame.stream) {
                (3, stream) => reset.push((stream, frame.payload)),
                (7, _) => panic!("the connection ended: {frame:?}"),
                (0, 5) => slow.push_str(&support::text(&frame.payload)),
                _ => {}
            }
        }
    }
    assert_eq!(slow, "line 1\nline 2\nend\n", "the silent one");
    let cancel = 8_u32.to_be_bytes().to_vec();
    reset.sort();
    let all = [1, 3, 7].map(|stream| (stream, cancel.clone()));
    assert_eq!(reset, all, "those that were not taken");
    let patience = Duration::from_secs(20);
    gateway.process.line_with(&["/download/1000000"], patience);

    connection.send(&window(60_000));
    connection.get(9, "/status/200", &[]);
    assert!(connection.fate(9).is_ok(), "the connection lives on");
    let metrics = curl(&gateway.ca(), &[&format!("{}/metrics", gateway.admin)]).text();
    let counted = metrics
        .lines()
        .find(|line| line.contains("limits/slow-reader"));
    assert!(
        counted.is_some_and(|line| line.ends_with(" 3")),
        "{counted:?}"
    );
}
