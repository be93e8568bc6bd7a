//! What the access log says of a request, and of which requests it says nothing.

use super::support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use support::{App, Gateway, Raw, Recorder, Verdicts, curl, raw, test_app, wait_for};

const NULL: &str = "/dev/null";
const LONG: Duration = Duration::from_secs(20);

/// The line of the access log for a path.
fn line(gateway: &mut Gateway, path: &str) -> Value {
    let words = ["\"message\":\"request\"", &format!("\"path\":\"{path}\"")];
    let line = gateway.process.line_with(&words, LONG);
    serde_json::from_str(&line).unwrap()
}

/// An app that answers each connection's first request so long after the last of it.
fn slow(listener: TcpListener, time: Duration) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut block = [0; 4096];
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\n") && !seen.ends_with(b"body") {
                    let Ok(read @ 1..) = stream.read(&mut block) else {
                        return;
                    };
                    seen.extend_from_slice(&block[..read]);
                    // The body of a POST is still to come.
                    if seen.starts_with(b"POST") && seen.ends_with(b"\r\n\r\n") {
                        let Ok(read @ 1..) = stream.read(&mut block) else {
                            return;
                        };
                        seen.extend_from_slice(&block[..read]);
                    }
                }
                std::thread::sleep(time);
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
}

#[test]
fn how_long_the_app_took_is_told_beside_the_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    slow(listener, Duration::from_millis(300));
    let config = "[tls]\nmode = \"off\"\n[[access]]\npath = \"/hidden\"\nallow = []\n";
    let mut gateway = Gateway::before(&origin, config);
    let mut wrong = Verdicts::default();
    assert_eq!(curl(NULL.as_ref(), &[&gateway.url("/shown")]).status, 200);
    let told = line(&mut gateway, "/shown");
    let ms = |field: &str| told[field].as_f64();
    wrong.check(ms("app_ms") >= Some(300.0), || told.to_string());
    wrong.check(ms("app_ms") <= ms("duration_ms"), || told.to_string());
    wrong.equal("it did not wait", told.get("app_wait_ms"), None);

    // The time of a client that is slow to send is not the app's.
    let mut socket = Raw::open(gateway.address());
    socket.send(
        b"POST /sent HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbo",
    );
    socket.read_for(Duration::from_millis(200));
    socket.send(b"dy");
    socket.read_for(LONG);
    let told = line(&mut gateway, "/sent");
    let gap = told["duration_ms"].as_f64().zip(told["app_ms"].as_f64());
    wrong.check(gap.is_some_and(|(all, app)| all - app >= 150.0), || {
        told.to_string()
    });

    assert_eq!(curl(NULL.as_ref(), &[&gateway.url("/hidden")]).status, 404);
    let told = line(&mut gateway, "/hidden");
    wrong.equal("refused before the app", told.get("app_ms"), None);
    wait_for("it to be counted", LONG, || {
        let metrics = curl(NULL.as_ref(), &[&format!("{}/metrics", gateway.admin)]).text();
        let is = |line: &str| metrics.lines().any(|one| one == line);
        (is("panoply_app_duration_seconds_count 2")
            && is("panoply_request_duration_seconds_count 3")
            && is("panoply_app_duration_seconds_bucket{le=\"0.1\"} 0"))
        .then_some(())
    });
    wrong.settle();
}

#[test]
fn an_app_that_is_late_and_one_that_speaks_http2_are_timed_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let config = "[tls]\nmode = \"off\"\n[limits]\nresponse_timeout = \"1s\"\n";
    let mut gateway = Gateway::before(&origin, config);
    assert_eq!(curl(NULL.as_ref(), &[&gateway.url("/late")]).status, 504);
    let told = line(&mut gateway, "/late");
    assert!(told["app_ms"].as_f64() >= Some(1000.0), "{told}");

    let app = App::start(&test_app("h2c-odd.mjs"));
    let config = "[tls]\nmode = \"off\"\n[app]\nh2c = true\n";
    let mut gateway = Gateway::before(&app.origin(), config);
    assert_eq!(
        curl(NULL.as_ref(), &[&gateway.url("/big/1000")]).status,
        200
    );
    let told = line(&mut gateway, "/big/1000");
    let (app, whole) = (told["app_ms"].as_f64(), told["duration_ms"].as_f64());
    assert!(app > Some(0.0) && app <= whole, "{told}");
}

#[test]
fn how_long_a_request_waited_for_the_app_is_told() {
    let address = { TcpListener::bind("127.0.0.1:0").unwrap() }
        .local_addr()
        .unwrap();
    let config = "[app]\npatience = \"10m\"\n[tls]\nmode = \"off\"\n";
    let mut gateway = Gateway::before(&format!("http://{address}"), config);
    let mut waits = Raw::open(gateway.address());
    waits.send(b"GET /waits HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    waits.read_for(Duration::from_millis(300));
    let _app = Recorder::at(
        TcpListener::bind(address).unwrap(),
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback",
    );
    waits.read_until("back");
    let told = line(&mut gateway, "/waits");
    let (waited, took) = (told["app_wait_ms"].as_f64(), told["app_ms"].as_f64());
    assert!(waited >= Some(250.0), "{told}");
    assert!(took < waited, "{told}");
}

#[test]
fn what_is_skipped_is_not_written_but_counted_and_refusals_are() {
    let app = Recorder::start();
    let config = "[tls]\nmode = \"off\"\n[listen]\nworkers = 1\n[log]\nskip = [\"/healthz\", \"/assets/\"]\n[limits]\nbody_bytes = \"1KiB\"\n\
         ";
    let mut gateway = Gateway::before(&app.origin(), config);
    let ask = |target: &str, more: &str| {
        let head =
            format!("GET {target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{more}\r\n");
        raw(gateway.address(), head.as_bytes()).status()
    };
    for target in ["/healthz", "/healthz?x", "/assets/a/b.css"] {
        assert_eq!(ask(target, ""), 200, "{target}");
    }
    let told = [
        ("/HEALTHZ", "", 200),
        ("/assets/../admin", "", 200),
        ("/assets/%2e%2e/admin", "", 200),
        ("/assets/refused", "Content-Length: 2000\r\n", 413),
        ("/last", "", 200),
    ];
    for (target, more, status) in told {
        assert_eq!(ask(target, more), status, "{target}");
    }
    line(&mut gateway, "/last");
    let said = gateway.process.said();
    let paths: Vec<String> = said
        .iter()
        .filter(|line| line.contains("\"message\":\"request\""))
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["path"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let expected: Vec<&str> = told.iter().map(|(target, ..)| *target).collect();
    assert_eq!(paths, expected);
    let metrics = curl(NULL.as_ref(), &[&format!("{}/metrics", gateway.admin)]).text();
    assert!(
        metrics.contains("panoply_requests_total{status=\"2xx\"} 7"),
        "{metrics}"
    );
}

#[test]
fn answers_of_the_app_that_fail_are_written_on_skipped_paths_too() {
    let app =
        Recorder::answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno\n");
    let config = "[tls]\nmode = \"off\"\n[log]\nskip = [\"/healthz\"]\n";
    let mut gateway = Gateway::before(&app.origin(), config);
    assert_eq!(curl(NULL.as_ref(), &[&gateway.url("/healthz")]).status, 503);
    assert_eq!(line(&mut gateway, "/healthz")["status"], 503);
}
