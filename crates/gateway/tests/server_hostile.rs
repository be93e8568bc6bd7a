//! A service that does what it likes, and clients that do, over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's own")]

mod support;

use std::io::Write as _;
use std::sync::mpsc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use panoply_gateway::Incoming;

use support::{Site, read_answer, read_until, status};

fn app() -> Router {
    let half = async |request: Request| {
        let first = request.into_body().frame().await;
        if matches!(first, Some(Ok(_))) {
            "half"
        } else {
            "none"
        }
    };
    let never = async |_body: Request| std::future::pending::<Response>().await;
    let hops = async || {
        let hops = [
            ("connection", "x-hop, keep-alive"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("x-hop", "1"),
            ("x-end", "1"),
        ];
        (hops, "hops").into_response()
    };
    let closes = async || ([("connection", "close")], "closes").into_response();
    let id = async |headers: HeaderMap| {
        let id = headers.get("x-request-id");
        id.map_or_else(String::new, |id| id.to_str().unwrap().to_owned())
    };
    let asked = async |headers: HeaderMap| {
        let has = |name| headers.contains_key(name);
        format!(
            "{} {} {}",
            has("range"),
            has("if-range"),
            has("accept-encoding")
        )
    };
    Router::new()
        .route("/asked", any(asked))
        .route("/film.mp4", any(asked))
        .route("/half", any(half))
        .route("/never", any(never))
        .route("/hops", any(hops))
        .route("/closes", any(closes))
        .route("/length", any(async |body: Bytes| body.len().to_string()))
        .route("/id", any(id))
        .route(
            "/panics",
            any(async || -> Response { panic!("a handler's own") }),
        )
}

#[test]
fn who_does_not_read_the_rest_of_a_body_does_not_promise_to_go_on() {
    let site = Site::of(app(), "[limits]\nresponse_timeout = \"1s\"\n");
    for (path, expected) in [("/half", 200), ("/never", 504)] {
        let mut stream = site.connect();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3000000\r\n\r\nabc");
        stream.write_all(head.as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert_eq!(status(&answer), expected, "{answer}");
        // A client that sends its next request where it would be lost may not send it again.
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
}

#[test]
fn what_an_answer_says_of_a_connection_is_not_passed_on() {
    let site = Site::of(app(), "");
    let mut stream = site.connect();
    stream
        .write_all(b"GET /hops HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .unwrap();
    let answer = read_answer(&mut stream);
    assert!(
        answer.contains("\r\nx-end: 1\r\n") && answer.ends_with("hops"),
        "{answer}"
    );
    for name in ["connection", "keep-alive", "proxy-connection", "x-hop"] {
        assert!(!answer.contains(&format!("\r\n{name}: ")), "{answer}");
    }
    stream
        .write_all(b"GET /closes HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .unwrap();
    let answer = read_answer(&mut stream);
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[test]
fn a_request_s_number_is_the_one_that_the_log_has() {
    let site = Site::of(app(), "");
    let answer =
        site.ask("GET /id HTTP/1.1\r\nHost: a.test\r\nX-Request-Id: made-up-by-the-client\r\n\r\n");
    let (head, told) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("\r\nx-request-id: {told}")),
        "{answer}"
    );
}

#[test]
fn who_asks_for_another_protocol_is_answered_as_everybody() {
    let site = Site::of(app(), "");
    let ask = |path: &str, more: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: own\r\n{more}\r\n"
        );
        let mut stream = site.connect();
        stream.write_all(request.as_bytes()).unwrap();
        read_answer(&mut stream)
    };
    let answer = ask("/panics", "");
    assert_eq!(status(&answer), 500, "{answer}");
    assert!(answer.contains("Something went wrong here."), "{answer}");
    // As many headers as may be: those that are told besides are the gateway's own.
    let many: Vec<String> = (0..97).map(|number| format!("x-{number}: 1\r\n")).collect();
    let many = many.concat();
    let answer = ask("/hops", &many);
    assert_eq!(status(&answer), 200, "{answer}");
    let fails = tower::service_fn(async |_: http::Request<Incoming>| {
        Err::<Response, _>(std::io::Error::other("no answer"))
    });
    let site = Site::of_service(fails, "");
    let mut stream = site.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n")
        .unwrap();
    let answer = read_answer(&mut stream);
    assert_eq!(status(&answer), 500, "{answer}");
}

#[test]
fn an_upload_that_is_under_way_when_it_stops_goes_on_to_its_end() {
    let mut site = Site::of(app(), "");
    let mut stream = site.connect();
    stream
        .write_all(b"POST /length HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n")
        .unwrap();
    // It is read.
    assert!(read_until(&mut stream, "\r\n\r\n").starts_with("HTTP/1.1 100 "));
    stream.write_all(b"abc").unwrap();
    site.stop();
    stream.write_all(b"def").unwrap();
    let answer = read_answer(&mut stream);
    assert!(answer.ends_with("\r\n\r\n6"), "{answer}");
    assert!(site.ended().is_ok());
}

#[test]
fn where_a_nonce_is_put_in_nobody_is_asked_for_a_part_or_for_what_is_compressed() {
    let ask = |site: &Site, path: &str| {
        let answer = site.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: a.test\r\nRange: bytes=0-9\r\nIf-Range: \"1\"\r\nAccept-Encoding: gzip\r\n\r\n"
        ));
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let site = Site::of(
        app(),
        "[headers]\nnonce_placeholder = \"put24lettersOfYourOwnHer\"\n",
    );
    assert_eq!(ask(&site, "/asked"), "false false false");
    assert_eq!(ask(&site, "/film.mp4"), "true true false");
    assert_eq!(ask(&Site::of(app(), ""), "/asked"), "true true true");
}

#[test]
fn a_handler_whose_client_has_gone_is_dropped() {
    /// Says when it is dropped.
    struct Told(mpsc::Sender<&'static str>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let (tell, told) = mpsc::channel();
    let waits = async move || {
        tell.send("begun").unwrap();
        let _told = Told(tell.clone());
        std::future::pending::<Response>().await
    };
    let site = Site::of(Router::new().route("/", any(waits)), "");
    let mut stream = site.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .unwrap();
    let patience = Duration::from_secs(20);
    assert_eq!(told.recv_timeout(patience), Ok("begun"));
    drop(stream);
    assert_eq!(told.recv_timeout(patience), Ok("dropped"));
}
