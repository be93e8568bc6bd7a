//! A service of axum's that the gateway serves in its own process, over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's own")]

mod support;

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Path, Request};
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::stream;
use http::StatusCode;
use http_body_util::BodyExt as _;
use panoply::{ClientAddress, Connection, PasswordUser, RequestId};
use panoply_gateway::{Incoming, Server};

use support::{Site, read_answer, read_until, status};

fn app() -> Router {
    let whole = async |body: Bytes| body.len().to_string();
    let streamed = async |request: Request| {
        let mut body = request.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => length += frame.data_ref().map_or(0, Bytes::len),
                // What it has is no whole.
                Err(_) => return Err((StatusCode::IM_A_TEAPOT, "broken off")),
            }
        }
        Ok(length.to_string())
    };
    let known = async |request: Request| {
        let of = request.extensions();
        let client: Option<&ClientAddress> = of.get();
        let here = of.get::<RequestId>().is_some() && of.get::<Connection>().is_some();
        format!(
            "{} {here}",
            client.map_or_else(String::new, |client| client.ip().to_string())
        )
    };
    let who = async |request: Request| {
        let user = { request.extensions().get() }
            .map_or("nobody", PasswordUser::name)
            .to_owned();
        let told = { request.headers().iter() }.filter(|(name, _)| {
            let name = name.as_str().replace(['_', '.'], "-");
            ["x-user", "authorization"].contains(&&*name)
        });
        let told: Vec<_> = told
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        let mut trailers = Vec::new();
        let mut body = request.into_body();
        while let Some(Ok(frame)) = body.frame().await {
            if let Some(fields) = frame.trailers_ref() {
                trailers.extend(fields.keys().cloned());
            }
        }
        format!("{user} [{}] {trailers:?}", told.join(","))
    };
    let slowly = async || {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"first\n"))]);
        let never = stream::pending();
        Body::from_stream(futures_util::StreamExt::chain(first, never))
    };
    let echo = async |upgrade: WebSocketUpgrade, request: Request| {
        let is_known = request.extensions().get::<ClientAddress>().is_some();
        upgrade.on_upgrade(async move |mut socket| {
            let hello = socket
                .send(Message::text(format!("known: {is_known}")))
                .await;
            while let Some(Ok(message)) = socket.recv().await {
                if hello.is_err() || socket.send(message).await.is_err() {
                    return;
                }
            }
        })
    };
    Router::new()
        .route("/", get(async || "hello"))
        .route("/known", get(known))
        .route("/who", get(who).post(who))
        .route("/admin/who", get(who).post(who))
        .route("/whole", post(whole))
        .route("/streamed", post(streamed))
        .route("/refuses", post(async || StatusCode::UNAUTHORIZED))
        .route(
            "/panics",
            get(async || -> StatusCode { panic!("a handler's own") }),
        )
        .route(
            "/never",
            get(async || std::future::pending::<StatusCode>().await),
        )
        .route("/slowly", get(slowly))
        .route("/breaks", get(breaks))
        .route(
            "/status/{status}",
            get(async |Path(status): Path<u16>| StatusCode::from_u16(status).unwrap()),
        )
        .route("/echo", get(echo))
        .route("/spawned", get(spawned))
}

/// An answer that breaks off.
async fn breaks() -> Response {
    let parts = [Ok(Bytes::from_static(b"begun")), Err("and not ended")];
    Response::new(Body::from_stream(stream::iter(parts)))
}

/// What a handler may ask of its runtime.
async fn spawned() -> String {
    let blocking = tokio::task::spawn_blocking(|| 1);
    let task = tokio::spawn(async { 2 });
    tokio::time::sleep(Duration::from_millis(1)).await;
    (blocking.await.unwrap() + task.await.unwrap()).to_string()
}

#[test]
fn a_service_answers_in_the_whole_suit() {
    let site = Site::of(app(), "");
    let answer = site.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert!(
        answer.contains("\r\nx-content-type-options: nosniff\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\ncontent-length: 5\r\n"), "{answer}");

    let answer = site.ask("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(answer.contains("\r\ncontent-length: 5\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");

    let answer =
        site.ask("GET /known HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\n127.0.0.1 true"), "{answer}");
    assert_eq!(
        status(&site.ask("GET /nothing HTTP/1.1\r\nHost: a.test\r\n\r\n")),
        404
    );
    let answer = site.ask("GET /spawned HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\n3"), "{answer}");
    // What two servers in a row may read differently is refused here, too.
    let smuggled = "POST /whole HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(status(&site.ask(smuggled)), 400);
}

#[test]
fn a_login_that_is_longer_than_a_body_may_be_is_told_so() {
    let site = Site::of(app(), "[limits]\nbody_bytes = \"1KiB\"\n");
    let head = "POST /login HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    for (length, expected) in [(1024, 404), (1025, 413)] {
        let body = "x".repeat(length);
        let sized = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        assert_eq!(status(&site.ask(&sized)), expected, "{length}");
        let chunked =
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
        assert_eq!(status(&site.ask(&chunked)), expected, "{length}, in chunks");
    }
}

#[test]
fn a_body_comes_whole_or_not_at_all() {
    let site = Site::of(
        app(),
        "[limits]\nbody_bytes = \"1MiB\"\nstall_timeout = \"1s\"\n",
    );
    for path in ["/whole", "/streamed"] {
        let small = format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc");
        assert!(site.ask(&small).ends_with("\r\n\r\n3"), "{path}");
        let large = "x".repeat(300_000);
        let sized = format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 300000\r\n\r\n{large}"
        );
        assert!(site.ask(&sized).ends_with("\r\n\r\n300000"), "{path}");
        let chunked = format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n{large}\r\n0\r\n\r\n"
        );
        assert!(site.ask(&chunked).ends_with("\r\n\r\n300000"), "{path}");

        let long =
            format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2000000\r\n\r\n");
        assert_eq!(status(&site.ask(&long)), 413, "{path}");
        // One that does not say so before.
        let long = format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n{}",
            "x".repeat(0x20_0000)
        );
        assert_eq!(status(&site.ask(&long)), 413, "{path}");
        // One that does not come.
        let half =
            format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf");
        let answer = site.ask(&half);
        assert!(
            answer.is_empty() || status(&answer) == 408,
            "{path}: {answer}"
        );
        let broken = format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n"
        );
        assert_eq!(status(&site.ask(&broken)), 400, "{path}");
    }
}

#[test]
fn leave_to_send_a_body_is_given_by_who_reads_it() {
    let site = Site::of(app(), "");
    let head = |path| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
    };
    let mut stream = site.connect();
    stream.write_all(head("/whole").as_bytes()).unwrap();
    let leave = read_until(&mut stream, "\r\n\r\n");
    assert!(leave.starts_with("HTTP/1.1 100 "), "{leave}");
    stream.write_all(b"body").unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n4").starts_with("HTTP/1.1 200 "));

    stream.write_all(head("/refuses").as_bytes()).unwrap();
    let refused = read_until(&mut stream, "\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
}

#[test]
fn what_is_wrong_with_one_answer_is_nothing_to_others() {
    let site = Site::of(app(), "[limits]\nresponse_timeout = \"1s\"\n");
    let mut stream = site.connect();
    for (path, expected) in [
        ("/panics", 500),
        ("/", 200),
        ("/never", 504),
        ("/status/101", 502),
        ("/status/103", 502),
        ("/status/204", 204),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        assert!(answer.contains("nosniff"), "{path}: {answer}");
    }
    let answer = site.ask("GET /breaks HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(
        answer.contains("begun") && !answer.ends_with("0\r\n\r\n"),
        "{answer}"
    );
    assert_eq!(
        status(&site.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")),
        200
    );
}

#[test]
fn an_answer_goes_out_as_it_comes() {
    let site = Site::of(app(), "");
    let mut stream = site.connect();
    stream
        .write_all(b"GET /slowly HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .unwrap();
    let begun = read_until(&mut stream, "first\n");
    assert!(
        begun.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{begun}"
    );
}

#[test]
fn a_websocket_is_one() {
    let site = Site::of(app(), "");
    let mut stream = site.connect();
    let request = "GET /echo HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let answer = read_until(&mut stream, "known: true");
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    // A text of five bytes, masked by zeros (RFC 6455 §5.2).
    stream.write_all(b"\x81\x85\0\0\0\0hello").unwrap();
    assert!(read_until(&mut stream, "hello").ends_with("\u{81}\u{5}hello"));
    stream.shutdown(Shutdown::Both).unwrap();
    // Who asks for it and is not given it is answered.
    let declined = request.replace("/echo", "/");
    let answer = site.ask(&declined);
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"),
        "{answer}"
    );
}

#[test]
fn a_service_may_fail() {
    let fails = tower::service_fn(async |_: http::Request<Incoming>| {
        Err::<Response, _>(std::io::Error::other("no answer"))
    });
    let site = Site::of_service(fails, "");
    let answer = site.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(status(&answer), 500, "{answer}");
    assert!(!answer.contains("no answer"), "{answer}");
}

#[test]
fn who_is_served_when_it_stops_is_served_to_the_end() {
    let waits = async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "to the end"
    };
    let mut site = Site::of(Router::new().route("/", get(waits)), "");
    let mut stream = site.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .unwrap();
    // It is seen to be under way.
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(stream.read(&mut [0]).is_err());
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    site.stop();
    let answer = read_until(&mut stream, "to the end");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(site.ended().is_ok());
}

#[test]
fn what_cannot_be_served_is_said() {
    let state = tempfile::tempdir().unwrap();
    let server = || Server::new(app()).state(state.path());
    let said = |server: Server| server.run().unwrap_err().to_string();

    let both =
        server().config_text("[tls]\nmode = \"off\"\n[app]\nupstream = \"http://127.0.0.1:9\"\n");
    let both = said(both);
    assert!(
        both.contains("app.upstream: the app is the service of this very program"),
        "{both}"
    );
    let wrong = said(server().config_text("").set("listen.htp", "127.0.0.1:0"));
    assert!(
        wrong.contains("did you mean `http`?") && wrong.contains("Server::set"),
        "{wrong}"
    );
    let missing = said(server().config("nowhere.toml"));
    assert!(missing.contains("nowhere.toml"), "{missing}");

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let nested = runtime.block_on(async { server().run().unwrap_err() });
    assert!(
        format!("{nested:?}").contains("serve().await"),
        "{nested:?}"
    );
}

#[test]
fn a_service_is_told_who_has_logged_in() {
    let site = Site::of(
        app(),
        "[[access]]\npath = \"/admin/\"\nuser_header = \"X-User\"\n\
         users = { ada = \"$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2\" }\n",
    );
    // ada:correct
    let basic = "Authorization: Basic YWRhOmNvcnJlY3Q=\r\nConnection: X-User\r\n";
    let claims = "X-User: root\r\nX_User: root\r\nx.user: root\r\n";
    let body = "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-User: root\r\nX-Sum: 1\r\n\r\n";
    let ask = |path: &str, more: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a.test\r\n{claims}{more}{body}");
        let answer = site.ask(&head);
        (
            status(&answer),
            answer.lines().last().unwrap_or_default().to_owned(),
        )
    };
    for _ in 0..2 {
        let (status, said) = ask("/admin/who", basic);
        assert_eq!((status, &*said), (200, "ada [x-user=ada] [\"x-sum\"]"));
    }
    let (status, said) = ask("/who", "");
    assert_eq!((status, &*said), (200, "nobody [] [\"x-sum\"]"));
    assert_eq!(ask("/admin/who", "").0, 401);
}
