//! What the app is told of the client, and what of the client's own claims never reaches it.

use super::support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Gateway, Recorder, Verdicts, ask, curl, raw};

const FORGED: &[&str] = &[
    "-H",
    "X-Forwarded-For: 6.6.6.6, 7.7.7.7",
    "-H",
    "X-Forwarded-Proto: http",
    "-H",
    "X-Forwarded-Host: evil.example",
    "-H",
    "X-Forwarded-Port: 1",
    "-H",
    "X-Forwarded-Prefix: /evil",
    "-H",
    "X-Forwarded-Anything: 1",
    "-H",
    "X-Real-IP: 6.6.6.6",
    "-H",
    "Forwarded: for=6.6.6.6;proto=http;host=evil.example",
    "-H",
    "X_Forwarded_For: 6.6.6.6",
    "-H",
    "X.Real.IP: 6.6.6.6",
    "-H",
    "Client.Cert: :AA==:",
    "-H",
    "X-Forwarded_Host: evil.example",
    "-H",
    "Content_Length: 5",
    "-H",
    "Proxy-Connection: keep-alive",
    "-H",
    "Proxy-Authorization: Basic eDp5",
    "-H",
    "TE: gzip, trailers",
    "-H",
    "X-Kept: yes",
    "-H",
    "Authorization: Bearer kept",
];

fn names(seen: &Value) -> Vec<String> {
    let raw = seen["rawHeaders"].as_array().unwrap();
    raw.iter()
        .step_by(2)
        .map(|name| name.as_str().unwrap().to_ascii_lowercase())
        .collect()
}

#[test]
fn a_request_has_one_id_in_the_logs_of_two_gateways() {
    let app = Recorder::start();
    let (plain, trusts) = (
        "[tls]\nmode = \"off\"\n",
        "[client]\ntrusted_proxies = [\"loopback\"]\n",
    );
    let mut inner = Gateway::before(&app.origin(), &format!("{plain}{trusts}"));
    let mut outer = Gateway::before(&inner.origin, plain);
    let forged = [
        "-H",
        "X-Request-Id: 0001090a0f107f80c8feff4d",
        &outer.url("/joined"),
    ];
    let id = curl("/dev/null".as_ref(), &forged)
        .header("x-request-id")
        .unwrap();
    assert_ne!(id, "0001090a0f107f80c8feff4d");
    for gateway in [&mut outer, &mut inner] {
        let line = gateway
            .process
            .line_with(&["/joined"], Duration::from_secs(3));
        assert!(line.contains(&id), "{line}");
    }
    assert!(app.seen().contains(&id));
}

#[test]
fn express_sees_the_client_as_it_is_and_no_forgery() {
    let gateway = Gateway::before_example("express-files", "");
    let ca = gateway.ca();
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        for forged in [&[][..], FORGED] {
            let url = gateway.url("/echo/a%2f..%2fb/./c//d?x=%20&y=[]|");
            let arguments = [&[version, "--path-as-is", "-g"], forged, &[&url]].concat();
            let seen = curl(&ca, &arguments).json();
            let what = format!("{version}, forged: {}", !forged.is_empty());
            wrong.equal(&what, seen["ip"].clone(), "127.0.0.1");
            wrong.equal(&what, seen["ips"].clone(), json!(["127.0.0.1"]));
            wrong.equal(&what, seen["protocol"].clone(), "https");
            wrong.equal(&what, seen["secure"].clone(), true);
            wrong.equal(&what, seen["hostname"].clone(), "127.0.0.1");
            wrong.equal(
                &what,
                seen["url"].clone(),
                "/echo/a%2f..%2fb/./c//d?x=%20&y=[]|",
            );
            wrong.equal(
                &what,
                seen["headers"]["x-forwarded-host"].as_str(),
                Some(gateway.address()),
            );
            let names = names(&seen);
            for name in &names {
                let allowed = [
                    "x-forwarded-for",
                    "x-forwarded-proto",
                    "x-forwarded-host",
                    "x-forwarded-port",
                ];
                let told = name.starts_with("x-forwarded") && !allowed.contains(&name.as_str());
                let stripped = [
                    "forwarded",
                    "proxy-connection",
                    "proxy-authorization",
                    "expect",
                    "x-real-ip",
                ];
                wrong.check(!told && !name.contains(['_', '.']), || {
                    format!("{what}: {name} reached the app")
                });
                let kept_out = !stripped.contains(&name.as_str())
                    || seen["headers"][name]
                        .as_str()
                        .is_some_and(|value| value == "127.0.0.1");
                wrong.check(kept_out, || format!("{what}: {name} reached the app"));
            }
            wrong.equal(
                &what,
                names
                    .iter()
                    .filter(|name| *name == "x-forwarded-for")
                    .count(),
                1,
            );
            wrong.equal(
                &what,
                names.iter().filter(|name| *name == "host").count(),
                1,
            );
            if !forged.is_empty() {
                wrong.check(
                    seen["headers"]["te"]
                        .as_str()
                        .is_none_or(|te| te == "trailers"),
                    || format!("{what}: TE: {}", seen["headers"]["te"]),
                );
                wrong.equal(&what, seen["headers"]["x-kept"].clone(), "yes");
                wrong.equal(
                    &what,
                    seen["headers"]["authorization"].clone(),
                    "Bearer kept",
                );
                wrong.equal(&what, seen["bytes"].clone(), 0);
            }
        }
    }
    let by_name = format!("{}:{}:127.0.0.1", "shop.localhost", gateway.port());
    let url = format!("https://shop.localhost:{}/echo", gateway.port());
    let seen = curl(&ca, &["-k", "--resolve", &by_name, &url]).json();
    wrong.equal("hostname", seen["hostname"].clone(), "shop.localhost");
    wrong.settle();
}

#[test]
fn hop_by_hop_headers_end_here_both_ways() {
    let gateway = Gateway::before_example("express-files", "[tls]\nmode = \"off\"\n");
    let mut wrong = Verdicts::default();
    let reply = raw(
        gateway.address(),
        b"GET /echo HTTP/1.1\r\nHost: a.test\r\nX-Mine: 1\r\nCookie: a=1\r\nKeep-Alive: timeout=5\r\n\
          Connection: X-Mine, Upgrade, HTTP2-Settings, X-Forwarded-For, Host, Cookie, close\r\n\
          Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nAccept: */*\r\n\r\n",
    );
    wrong.equal("status", reply.status(), 200);
    wrong.check(reply.closed, || "Connection: close was not kept".to_owned());
    let text = reply.text();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let json = &body[body.find('{').unwrap_or(0)..=body.rfind('}').unwrap_or(0)];
    let seen: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {text}"));
    for gone in ["x-mine", "keep-alive", "upgrade", "http2-settings"] {
        wrong.equal(gone, seen["headers"][gone].clone(), Value::Null);
    }
    // A client cannot have the gateway's own words taken out by naming them in Connection.
    wrong.equal("X-Forwarded-For", seen["ip"].clone(), "127.0.0.1");
    wrong.equal(
        "X-Forwarded-For",
        seen["headers"]["x-forwarded-for"].clone(),
        "127.0.0.1",
    );
    wrong.equal("Host", seen["headers"]["host"].clone(), "a.test");

    let answer = curl("/dev/null".as_ref(), &[&gateway.url("/hop")]);
    wrong.equal(
        "named by the app's Connection",
        answer.header("x-only-here"),
        None::<String>,
    );
    wrong.equal(
        "end to end",
        answer.header("x-end-to-end"),
        Some("1".to_owned()),
    );
    wrong.check(
        answer
            .header("connection")
            .is_none_or(|value| !value.contains("X-Only-Here")),
        || format!("{:?}", answer.header("connection")),
    );
    wrong.settle();
}

#[test]
fn a_trusted_proxy_is_believed_and_only_as_far_as_said() {
    let trusting = "[tls]\nmode = \"off\"\n[client]\ntrusted_proxies = [\"loopback\"]\n";
    let gateway = Gateway::before_example("express-files", trusting);
    let mut wrong = Verdicts::default();
    let seen = curl(
        "/dev/null".as_ref(),
        &[
            "-H",
            "X-Forwarded-For: 6.6.6.6, 203.0.113.7",
            "-H",
            "X-Forwarded-Proto: https",
            "-H",
            "X-Forwarded-Host: shop.example",
            &gateway.url("/echo"),
        ],
    );
    // From the right: 127.0.0.1 is ours, 203.0.113.7 is not, so what stands left of it is hearsay.
    wrong.equal("ip", seen.json()["ip"].clone(), "203.0.113.7");
    wrong.equal("secure", seen.json()["secure"].clone(), true);
    wrong.check(
        !seen.json()["headers"]["x-forwarded-for"]
            .to_string()
            .contains("6.6.6.6"),
        || seen.json()["headers"]["x-forwarded-for"].to_string(),
    );
    wrong.equal(
        "HSTS on the trusted proxy's word",
        seen.header("strict-transport-security").is_some(),
        true,
    );
    wrong.settle();
}

#[test]
fn proxies_may_be_counted_and_may_write_forwarded() {
    let mut wrong = Verdicts::default();
    let headers = [
        "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.9",
        "Forwarded: for=7.7.7.7;proto=http, for=\"[2001:db8::1]\";proto=https, for=10.0.0.9",
    ];
    for (client, ip) in [
        ("hops = 1", "10.0.0.9"),
        ("hops = 2", "203.0.113.7"),
        ("hops = 9", "6.6.6.6"),
        ("hops = 0", "127.0.0.1"),
        (
            "header = \"forwarded\"\ntrusted_proxies = [\"loopback\", \"10.0.0.0/8\"]",
            "2001:db8::1",
        ),
    ] {
        let config = format!("[tls]\nmode = \"off\"\n[client]\n{client}\n");
        let gateway = Gateway::before_example("express-files", &config);
        let url = gateway.url("/echo");
        let seen = curl(
            "/dev/null".as_ref(),
            &["-H", headers[0], "-H", headers[1], &url],
        );
        let seen = seen.json();
        wrong.equal(client, seen["ip"].clone(), ip);
        wrong.check(seen["headers"]["forwarded"].is_null(), || {
            format!("{client}: Forwarded went on")
        });
        wrong.check(!seen.to_string().contains("7.7.7.7"), || seen.to_string());
    }
    wrong.settle();
}

#[test]
fn the_app_gets_one_request_of_the_form_it_was_sent() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), "[tls]\nmode = \"off\"\n");
    let mut wrong = Verdicts::default();
    let cases: &[(&str, &str)] = &[
        (
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET / HTTP/1.1\r\n",
        ),
        (
            "\r\nGET /crlf-first HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET /crlf-first HTTP/1.1\r\n",
        ),
        (
            "GET http://a.test/absolute?x HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET /absolute?x HTTP/1.1\r\n",
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n",
        ),
        (
            "GET /a//b/../c/%2e%2e/d HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET /a//b/../c/%2e%2e/d HTTP/1.1\r\n",
        ),
        (
            "PROPFIND /dav HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "PROPFIND /dav HTTP/1.1\r\n",
        ),
        (
            "POST /cl HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
            "POST /cl HTTP/1.1\r\n",
        ),
        (
            "POST /chunks HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\n\r\n",
            "POST /chunks HTTP/1.1\r\n",
        ),
        (
            "GET /old HTTP/1.0\r\nHost: a.test\r\n\r\n",
            "GET /old HTTP/1.1\r\n",
        ),
        (
            "GET /utf8 HTTP/1.1\r\nHost: a.test\r\nX-Name: gr\u{fc}n\r\n\r\n",
            "GET /utf8 HTTP/1.1\r\n",
        ),
        (
            "GET /tab HTTP/1.1\r\nHost:\ta.test\t\r\nX-Empty:\r\n\r\n",
            "GET /tab HTTP/1.1\r\n",
        ),
    ];
    for (sent, expected) in cases {
        let reply = ask(gateway.address(), sent.as_bytes());
        wrong.equal(sent, reply.status(), 200);
        let seen = app.take();
        wrong.check(seen.starts_with(expected), || {
            format!("{sent:?} became {seen:?}")
        });
    }

    // Pipelined: both, in order.
    let two = "GET /one HTTP/1.1\r\nHost: a.test\r\n\r\nGET /two HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let reply = ask(gateway.address(), two.as_bytes());
    wrong.equal(
        "pipelined",
        support::statuses(&reply.text()),
        vec![200, 200],
    );
    let seen = app.take();
    wrong.check(
        seen.contains("GET /one ") && seen.contains("GET /two "),
        || seen.clone(),
    );
    wrong.settle();
}

#[test]
fn broken_answers_of_the_app_become_502() {
    let mut wrong = Verdicts::default();
    let broken = [
        ("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\nConnection: close"),
        ("no status", "HTTP/1.1 \r\nConnection: close\r\n\r\n"),
        (
            "two lengths",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabc",
        ),
        (
            "a bad length",
            "HTTP/1.1 200 OK\r\nContent-Length: +3\r\nConnection: close\r\n\r\nabc",
        ),
        (
            "a control character",
            "HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
        (
            "a space in a name",
            "HTTP/1.1 200 OK\r\nX A: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
    ];
    for (what, answer) in broken {
        let app = Recorder::answering(answer);
        let gateway = Gateway::before(&app.origin(), "[tls]\nmode = \"off\"\n");
        let reply = ask(
            gateway.address(),
            b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n",
        );
        wrong.equal(what, reply.status(), 502);
        wrong.check(!reply.text().contains("SSH"), || reply.text());
    }
    wrong.settle();
}
