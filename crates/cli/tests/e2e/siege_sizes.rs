//! Requests larger than anybody means them, bombs among them: refused or passed on, in bounded memory.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use support::siege::{Arena, Honest, attacker, connect_from, withstood};
use support::{Gateway, text};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

/// KiB that the gateway may ever have taken.
const BOUND: u64 = 128 << 10;

/// Requests larger than anybody means them, by name.
fn oversized() -> Vec<(&'static str, Vec<u8>)> {
    let x = |length: usize| "x".repeat(length);
    let host = "Host: localhost\r\n";
    let get = |fields: String| format!("GET / HTTP/1.1\r\n{host}{fields}\r\n").into_bytes();
    let login = |kind: &str, body: Vec<u8>| {
        let length = body.len();
        let head = format!(
            "POST /login HTTP/1.1\r\n{host}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        [head.into_bytes(), body].concat()
    };
    let coded = |body: Vec<u8>| {
        let head = format!(
            "POST /login HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Encoding: gzip\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    };
    let part = "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nu\r\n";
    let pairs = (0..4000)
        .map(|n| format!("c{n}=v; "))
        .collect::<Vec<_>>()
        .concat();
    let chunked = format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("40000\r\n{}\r\n", x(0x40000)).repeat(12);
    vec![
        (
            "a target of 1 MB",
            format!("GET /{} HTTP/1.1\r\n{host}\r\n", x(1 << 20)).into_bytes(),
        ),
        (
            "a method of 1 MB",
            format!("{} / HTTP/1.1\r\n{host}\r\n", "G".repeat(1 << 20)).into_bytes(),
        ),
        (
            "a field name of 1 MB",
            get(format!("{}: x\r\n", x(1 << 20))),
        ),
        (
            "a field value of 1 MB",
            get(format!("X: {}\r\n", x(1 << 20))),
        ),
        ("10,000 fields", get("X: y\r\n".repeat(10_000))),
        (
            "a host of 30 kB",
            format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", x(30_000)).into_bytes(),
        ),
        (
            "a cookie of 31 kB",
            get(format!("Cookie: a={}\r\n", x(31_000))),
        ),
        (
            "4,000 cookies",
            get(format!("Cookie: {}\r\n", &pairs[..30_000])),
        ),
        (
            "90 lines of cookies",
            get(format!("Cookie: {}\r\n", &pairs[..300]).repeat(90)),
        ),
        (
            "a body said to be 1 TB",
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 1000000000000\r\n\r\n").into_bytes(),
        ),
        (
            "3 MB in chunks of 1 MB allowed",
            [chunked.clone(), chunk].concat().into_bytes(),
        ),
        (
            "chunks of one byte",
            [chunked.clone(), "1\r\nx\r\n".repeat(20_000) + "0\r\n\r\n"]
                .concat()
                .into_bytes(),
        ),
        (
            "a chunk extension of 2 MB",
            format!("{chunked}1;{}\r\nx\r\n0\r\n\r\n", x(2 << 20)).into_bytes(),
        ),
        (
            "a trailer of 2 MB",
            format!("{chunked}0\r\nX: {}\r\n\r\n", x(2 << 20)).into_bytes(),
        ),
        (
            "100,000 trailers",
            format!("{chunked}0\r\n{}\r\n", "X: y\r\n".repeat(100_000)).into_bytes(),
        ),
        (
            "a login of 900 kB",
            login("application/json", x(900_000).into_bytes()),
        ),
        (
            "JSON 30,000 deep",
            login(
                "application/json",
                ["[".repeat(30_000), "]".repeat(30_000)]
                    .concat()
                    .into_bytes(),
            ),
        ),
        (
            "objects 10,000 deep",
            login(
                "application/json",
                ["{\"a\":".repeat(10_000), "1".into(), "}".repeat(10_000)]
                    .concat()
                    .into_bytes(),
            ),
        ),
        (
            "a form of 30,000 fields",
            login(
                "application/x-www-form-urlencoded",
                "a&".repeat(30_000).into_bytes(),
            ),
        ),
        (
            "a form nested 20,000 deep",
            login(
                "application/x-www-form-urlencoded",
                format!("username{}=x", "[a]".repeat(20_000)).into_bytes(),
            ),
        ),
        (
            "1,000 parts",
            login(
                "multipart/form-data; boundary=b",
                format!("{}--b--\r\n", part.repeat(900)).into_bytes(),
            ),
        ),
        (
            "parts without an end",
            login("multipart/form-data; boundary=b", x(60_000).into_bytes()),
        ),
        ("16 MB of zeros in gzip", coded(bomb(1))),
        ("the same again in gzip", coded(bomb(2))),
    ]
}

/// 16 MB of zeros, compressed as often.
fn bomb(times: usize) -> Vec<u8> {
    let mut bytes = vec![0; 16 << 20];
    for _ in 0..times {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        coder.write_all(&bytes).unwrap();
        bytes = coder.finish().unwrap();
    }
    bytes
}

#[test]
fn whatever_is_too_large() {
    let app = Arena::start();
    let config = format!("{PLAIN}[limits]\nbody_bytes = \"1MiB\"\nstall_timeout = \"3s\"\n");
    let gateway = Gateway::before(&app.origin(), &config);
    let honest = Honest::start(&gateway);
    let forms = oversized();
    let (mut sent, mut refused, mut passed) = (0, 0, 0);
    for (what, bytes) in &forms {
        let statuses = thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|number| {
                    let address = gateway.address();
                    scope.spawn(move || {
                        let stream = connect_from(attacker(number), address).unwrap();
                        let mut writer = stream.try_clone().unwrap();
                        scope.spawn(move || writer.write_all(bytes).is_ok());
                        status(stream)
                    })
                })
                .collect();
            all.into_iter()
                .map(|one| one.join().unwrap())
                .collect::<Vec<_>>()
        });
        sent += statuses.len();
        refused += statuses.iter().filter(|status| **status >= 400).count();
        passed += statuses.iter().filter(|status| **status == 200).count();
        eprintln!("{what}: {statuses:?}");
        let known =
            |status: &u16| matches!(status, 200 | 400 | 408 | 413 | 414 | 415 | 422 | 429 | 431);
        assert!(statuses.iter().all(known), "{what}: {statuses:?}");
    }
    let served = honest.stop();
    let tried = format!(
        "{} forms, {sent} requests: {refused} refused, {passed} within the limits passed on",
        forms.len()
    );
    withstood("whatever is too large", &tried, &gateway, &served, BOUND);
}

/// The status of an answer, read until it is there; 0 when the connection was cut off.
fn status(mut stream: TcpStream) -> u16 {
    let (mut said, mut block) = (Vec::new(), [0; 4096]);
    while said.len() < 12
        && let Ok(read @ 1..) = stream.read(&mut block)
    {
        said.extend_from_slice(&block[..read]);
    }
    let said = text(&said);
    said.get(9..12)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}
