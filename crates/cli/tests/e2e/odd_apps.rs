//! Apps that do not behave: what they do must stay between them and whoever asked.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use support::{Gateway, Raw, Recorder, Verdicts, ask, wait_for};

const PLAIN: &str = "[tls]\nmode = \"off\"\n";

/// An app whose path says how it goes wrong; it does not wait for a request's body.
fn odd_app() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    port
}

fn serve(mut stream: TcpStream) {
    let mut seen = Vec::new();
    let mut block = [0; 4096];
    for turn in 0.. {
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read(&mut block) {
                Ok(read @ 1..) => seen.extend_from_slice(&block[..read]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&seen).into_owned();
        let path = head.split(' ').nth(1).unwrap_or("");
        let ok = |more: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{more}\r\nok");
        let answer = match path {
            "/unread" => {
                thread::sleep(Duration::from_secs(30));
                return;
            }
            "/reset" if turn > 0 => {
                let socket = socket2::SockRef::from(&stream);
                socket.set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
            "/long" => ok("Keep-Alive: timeout=18446744073709551615\r\n"),
            "/switch" => {
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
                    .into()
            }
            "/coded" => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\nzz".into()
            }
            "/declined" => "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno".into(),
            _ => ok(""),
        };
        seen.clear();
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
        if path == "/declined" {
            // Its library has taken the socket over, and nobody reads requests from it any more.
            let _ = stream.read_to_end(&mut seen);
            return;
        }
    }
}

fn get(gateway: &Gateway, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    ask(gateway.address(), request.as_bytes()).status()
}

#[test]
fn an_upload_that_was_answered_early_keeps_nobody_waiting() {
    let gateway = Gateway::before(&format!("http://127.0.0.1:{}", odd_app()), PLAIN);
    let mut wrong = Verdicts::default();
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut socket = Raw::open(gateway.address());
        socket.send(b"POST /early HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nx");
        socket.read_until("ok");
        slow.push(socket);
    }
    for n in 0..12 {
        wrong.equal(&format!("request {n}"), get(&gateway, "/other"), 200);
    }
    drop(slow);
    wrong.settle();
}

#[test]
fn an_app_that_does_not_read_is_late() {
    let config = format!("{PLAIN}[limits]\nresponse_timeout = \"1s\"\n");
    let gateway = Gateway::before(&format!("http://127.0.0.1:{}", odd_app()), &config);
    let mut socket = Raw::open(gateway.address());
    let head = "POST /unread HTTP/1.1\r\nHost: a.test\r\nContent-Length: 30000000\r\n\r\n";
    let reply = socket.talk([head.as_bytes(), &vec![b'x'; 30_000_000]].concat());
    assert_eq!(reply.status(), 504, "{}", reply.text());
    assert!(reply.closed, "nobody reads the rest");
}

#[test]
fn what_is_harmless_is_asked_again_after_a_reset() {
    let gateway = Gateway::before(&format!("http://127.0.0.1:{}", odd_app()), PLAIN);
    let mut wrong = Verdicts::default();
    for n in 0..6 {
        wrong.equal(&format!("request {n}"), get(&gateway, "/reset"), 200);
    }
    wrong.settle();
}

#[test]
fn a_connection_that_an_upgrade_was_asked_for_on_is_not_used_again() {
    let config = format!("{PLAIN}[limits]\nresponse_timeout = \"1s\"\n");
    let gateway = Gateway::before(&format!("http://127.0.0.1:{}", odd_app()), &config);
    let mut socket = Raw::open(gateway.address());
    socket.send(
        b"GET /declined HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    socket.read_until("no");
    socket.send(b"GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let reply = socket.read_for(Duration::from_secs(3));
    assert_eq!(reply.status(), 200, "{}", reply.text());
}

#[test]
fn what_no_app_may_answer_is_a_bad_gateway() {
    let gateway = Gateway::before(&format!("http://127.0.0.1:{}", odd_app()), PLAIN);
    let mut wrong = Verdicts::default();
    wrong.equal("101 that nobody asked for", get(&gateway, "/switch"), 502);
    wrong.equal(
        "a coding that nobody asked for",
        get(&gateway, "/coded"),
        502,
    );
    for _ in 0..3 {
        wrong.equal("a keep-alive for ever", get(&gateway, "/long"), 200);
    }
    let panicked = gateway
        .process
        .said()
        .iter()
        .any(|line| line.contains("panicked"));
    wrong.check(!panicked, || gateway.process.said().join("\n"));
    wrong.settle();
}

#[test]
fn the_body_of_a_get_in_chunks_arrives() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let request = "GET /search HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(ask(gateway.address(), request.as_bytes()).status(), 200);
    let seen = app.seen();
    assert!(seen.contains("5\r\nhello\r\n0\r\n\r\n"), "{seen}");
}

#[test]
fn parts_of_a_page_that_is_stamped_are_not_asked_for() {
    let app = Recorder::start();
    let config = format!(
        "{PLAIN}[headers]\npreset = \"strict\"\nnonce_placeholder = \"0123456789abcdefghijklmn\"\n"
    );
    let gateway = Gateway::before(&app.origin(), &config);
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nRange: bytes=0-35\r\nIf-Range: \"x\"\r\n\r\n";
    assert_eq!(ask(gateway.address(), request.as_bytes()).status(), 200);
    let seen = app.seen().to_ascii_lowercase();
    assert!(!seen.contains("range"), "{seen}");
}

/// An app that answers one request by `head`, and then does as `then` says.
fn app(head: String, then: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        // Whoever only looks whether it is there says nothing.
        let asked = listener.incoming().flatten().find_map(|mut stream| {
            let (mut seen, mut byte) = (Vec::new(), [0]);
            while !seen.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).ok()?;
                seen.extend_from_slice(&byte);
            }
            Some(stream)
        });
        let mut stream = asked.unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        then(stream);
    });
    origin
}

#[test]
fn an_error_page_of_the_app_s_own_goes_on_as_it_comes() {
    let head = "HTTP/1.1 404 Not Found\r\nX-Content-Type-Options: nosniff\r\n\
                Content-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n\
                f\r\n<h1>Ours</h1>\n\n\r\n";
    let (go, went) = std::sync::mpsc::channel();
    let origin = app(head.to_owned(), move |mut stream| {
        went.recv().unwrap();
        let rest = format!("{:x}\r\n{}\r\n0\r\n\r\n", 100_000, "y".repeat(100_000));
        stream.write_all(rest.as_bytes()).unwrap();
    });
    let gateway = Gateway::before(&origin, PLAIN);
    let mut socket = Raw::open(gateway.address());
    socket.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let begun = socket.read_until("</h1>");
    assert!(begun.starts_with("HTTP/1.1 404"), "{begun}");
    go.send(()).unwrap();
    let rest = socket.read_for(Duration::from_secs(5)).text();
    assert_eq!(rest.matches('y').count(), 100_000);
    assert!(rest.ends_with("0\r\n\r\n"), "it ends as it came");
}

#[test]
fn an_error_page_of_the_app_s_own_may_begin_as_others_do_and_take_its_time() {
    let head = "HTTP/1.1 500 Internal Server Error\r\nX-Content-Type-Options: nosniff\r\n\
                Content-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n\
                10\r\n<!DOCTYPE html>\n\r\n";
    let (go, went) = std::sync::mpsc::channel();
    let origin = app(head.to_owned(), move |mut stream| {
        went.recv().unwrap();
        stream
            .write_all(b"d\r\n<h1>Ours</h1>\r\n0\r\n\r\n")
            .unwrap();
    });
    let gateway = Gateway::before(&origin, PLAIN);
    let mut socket = Raw::open(gateway.address());
    socket.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    // It is not waited for longer than the framework's would take.
    let begun = socket.read_until("\r\n\r\n");
    assert!(begun.starts_with("HTTP/1.1 500"), "{begun}");
    go.send(()).unwrap();
    let rest = socket.read_for(Duration::from_secs(5)).text();
    assert!(rest.contains("<h1>Ours</h1>"), "{rest}");
}

#[test]
fn half_an_answer_that_ends_with_the_connection_is_reset() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let (go, went) = std::sync::mpsc::channel::<()>();
    let origin = app(head.to_owned(), move |stream| {
        let _ = went.recv();
        drop(stream);
    });
    let gateway = Gateway::before(&origin, PLAIN);
    let mut client = TcpStream::connect(gateway.address()).unwrap();
    client
        .write_all(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
        .unwrap();
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"half") {
        client.read_exact(&mut byte).unwrap();
        read.extend_from_slice(&byte);
    }
    drop(go);
    let ended = client.read(&mut byte);
    assert!(ended.is_err(), "it passes for a whole one: {ended:?}");
}

/// A WebSocket to an app that does as `then` says once it is open, and what comes of that; the client holds
/// on to it.
fn tunnel<R: Send + 'static>(then: impl FnOnce(TcpStream) -> R + Send + 'static) -> R {
    let (told, told_us) = std::sync::mpsc::channel();
    let head =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let origin = app(head.to_owned(), move |stream| {
        let _ = told.send(then(stream));
    });
    let config = format!("{PLAIN}[limits]\nstall_timeout = \"1s\"\nidle_timeout = \"1s\"\n");
    let gateway = Gateway::before(&origin, &config);
    let mut socket = Raw::open(gateway.address());
    socket.send(
        b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    socket.read_until("\r\n\r\n");
    told_us.recv_timeout(Duration::from_secs(30)).unwrap()
}

#[test]
fn a_tunnel_that_the_app_has_closed_is_not_the_client_s_to_keep() {
    let closed = tunnel(|mut stream| {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        let read = stream.read(&mut [0]);
        // Nothing, or a reset; what it waits for in vain is neither.
        !read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert!(closed, "it is kept open");
}

#[test]
fn a_client_that_takes_nothing_of_a_tunnel_is_ended() {
    let ended = tunnel(|mut stream| {
        let patience = Some(Duration::from_secs(10));
        stream.set_write_timeout(patience).unwrap();
        let much = vec![b'z'; 1 << 20];
        let error = (0..100).find_map(|_| stream.write_all(&much).err());
        error.is_some_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
    });
    assert!(ended, "the app waits for it");
}

#[test]
fn a_tunnel_may_be_silent() {
    let passed = tunnel(|mut stream| {
        let (patience, silence) = (Duration::from_secs(3), b"still there");
        stream.set_read_timeout(Some(patience)).unwrap();
        let read = stream.read(&mut [0]);
        let waits = read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        waits && stream.write_all(silence).is_ok()
    });
    assert!(passed, "it is ended");
}

#[test]
fn sigterm_ends_a_gateway_before_a_name() {
    let origin = format!("http://localhost:{}", odd_app());
    let mut gateway = Gateway::before(&origin, PLAIN);
    assert_eq!(get(&gateway, "/"), 200);
    gateway.process.signal(Signal::TERM);
    let status = gateway.process.status(Duration::from_secs(10));
    assert!(status.success(), "{status}");
    wait_for("the port to close", Duration::from_secs(5), || {
        TcpStream::connect(gateway.address()).is_err().then_some(())
    });
}

#[test]
fn the_answer_to_an_upload_that_is_too_long_is_not_lost() {
    let config = format!("{PLAIN}[limits]\nbody_bytes = \"100kB\"\n");
    let gateway = Gateway::before(&format!("http://127.0.0.1:{}", odd_app()), &config);
    let mut wrong = Verdicts::default();
    let head = "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3000000\r\n\r\n";
    for n in 0..20 {
        let mut socket = Raw::open(gateway.address());
        // All of it is sent before the answer is looked at, as by a client that cannot do both.
        let sent = socket.send(&[head.as_bytes(), &vec![b'x'; 3_000_000]].concat());
        wrong.check(sent, || format!("upload {n} was cut off"));
        let reply = socket.read_for(Duration::from_secs(5));
        wrong.equal(&format!("upload {n}"), reply.status(), 413);
    }
    wrong.settle();
}

#[test]
fn nothing_without_a_host_gets_past_the_redirect() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), "");
    let plain = gateway.http.clone().expect("a plain listener");
    let address = plain.trim_start_matches("http://");
    assert_eq!(ask(address, b"GET /x HTTP/1.0\r\n\r\n").status(), 400);
    assert_eq!(app.seen(), "");
}
