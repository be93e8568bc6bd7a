//! Reports of what the policy blocked: explained once, and harmless however hostile.

use super::support;

use std::time::{Duration, Instant};

use support::{Gateway, Raw, Recorder, Verdicts, ask, curl, node, statuses, test_app};

const PATH: &str = "/.well-known/panoply/reports";
const PLAIN: &str = "[tls]\nmode = \"off\"\n";

fn old_style(page: &str, directive: &str, blocked: &str) -> String {
    serde_json::json!({ "csp-report": {
        "document-uri": format!("http://a.test{page}"), "referrer": "", "violated-directive": directive,
        "effective-directive": directive, "original-policy": "default-src 'self'", "disposition": "enforce",
        "blocked-uri": blocked, "line-number": 3, "status-code": 200, "script-sample": "",
    } })
    .to_string()
}

fn new_style(page: &str, directive: &str, blocked: &str) -> String {
    serde_json::json!([{
        "age": 10, "type": "csp-violation", "url": format!("http://a.test{page}"), "user_agent": "test",
        "body": { "documentURL": format!("http://a.test{page}"), "effectiveDirective": directive,
            "blockedURL": blocked, "originalPolicy": "default-src 'self'", "disposition": "enforce",
            "statusCode": 200, "lineNumber": 3 },
    }])
    .to_string()
}

fn post(kind: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: a.test\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn each_source_of_a_page_is_explained_once() {
    let app = Recorder::start();
    let mut gateway = Gateway::before(&app.origin(), PLAIN);
    let mut wrong = Verdicts::default();
    let cdn = "https://cdn.example/lib.js?token=s3cr3t";
    let cases = [
        (
            "application/csp-report",
            old_style("/shop?session=s3cr3t", "script-src-elem", cdn),
        ),
        (
            "application/reports+json",
            new_style("/basket", "img-src", "https://img.example/a.png"),
        ),
        // A second one on the same page: whoever allows the first alone has not helped the page.
        (
            "application/reports+json",
            new_style("/basket", "img-src", "https://more.example/b.png"),
        ),
    ];
    for (kind, body) in &cases {
        for _ in 0..5 {
            let reply = ask(gateway.address(), &post(kind, body));
            wrong.check((200..300).contains(&reply.status()), || {
                format!("{kind}: {}", reply.text())
            });
        }
    }
    let line = gateway.process.line_with(
        &["/shop", "script-src", "https://cdn.example"],
        Duration::from_secs(3),
    );
    wrong.check(!line.contains("s3cr3t"), || {
        format!("a query in the log: {line}")
    });
    wrong.check(
        line.contains("append") || line.contains("content-security-policy"),
        || format!("the line of panoply.toml is not named: {line}"),
    );
    gateway.process.line_with(
        &["/basket", "img-src", "https://img.example"],
        Duration::from_secs(3),
    );
    gateway.process.line_with(
        &["/basket", "img-src", "https://more.example"],
        Duration::from_secs(3),
    );
    std::thread::sleep(Duration::from_millis(300));
    let said = gateway.process.said();
    for (page, lines) in [("/shop", 1), ("/basket", 2)] {
        let count = said
            .iter()
            .filter(|line| line.contains(page) && line.contains("-src") && line.contains("example"))
            .count();
        wrong.equal(&format!("lines on {page}"), count, lines);
    }
    wrong.check(!app.seen().contains("panoply/reports"), || {
        "the app saw the reports".to_owned()
    });

    // What is named in the log is what `panoply check` and a browser take: the line allows it.
    let answer = curl("/dev/null".as_ref(), &[&gateway.url("/")]);
    let policy = answer.header("content-security-policy").unwrap_or_default();
    wrong.check(
        policy.contains(PATH) || policy.contains("report-to"),
        || policy.clone(),
    );
    let endpoints = answer.header("reporting-endpoints").unwrap_or_default();
    wrong.check(endpoints.contains(PATH), || {
        format!("Reporting-Endpoints: {endpoints:?}")
    });
    drop(gateway);

    let silent = Gateway::before(
        &app.origin(),
        "[tls]\nmode = \"off\"\n[reports]\nenabled = false\n",
    );
    let answer = curl("/dev/null".as_ref(), &[&silent.url("/")]);
    wrong.equal(
        "not enabled",
        answer.header("reporting-endpoints"),
        None::<String>,
    );
    wrong.check(
        !answer
            .header("content-security-policy")
            .unwrap_or_default()
            .contains("report"),
        || "a report-uri though reports are off".to_owned(),
    );
    wrong.settle();
}

#[test]
fn chromium_reports_and_the_log_explains() {
    let mut gateway = Gateway::setup().command(&test_app("moody.mjs")).start();
    let seen = node("browser.mjs", &["inline", &gateway.origin], None);
    assert_eq!(seen["title"], "still", "the inline script ran");
    let line = gateway
        .process
        .line_with(&["/inline", "script-src"], Duration::from_secs(5));
    assert!(!line.contains("token"), "{line}");
}

#[test]
fn hostile_reports_do_no_harm() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), PLAIN);
    let address = gateway.address().to_owned();
    let mut wrong = Verdicts::default();
    let kind = "application/csp-report";
    let deep = "[".repeat(50_000);
    let deep_object = "{\"csp-report\":".repeat(5_000);
    let long = old_style(
        &format!("/{}", "x".repeat(20_000)),
        "script-src",
        "https://e.example",
    );
    let hostile = [
        ("empty", String::new()),
        ("not JSON", "hello".into()),
        ("deep", deep),
        ("deep objects", deep_object),
        ("another shape", "{\"a\":1}".into()),
        ("a number", "1e999999".into()),
        ("null", "null".into()),
        (
            "a list of anything",
            "[1,null,[],{},{\"type\":\"csp-violation\"},{\"type\":\"csp-violation\",\"body\":7}]"
                .into(),
        ),
        ("a long page", long),
        (
            "types wrong",
            "{\"csp-report\":{\"document-uri\":5,\"effective-directive\":[],\"blocked-uri\":{}}}"
                .into(),
        ),
        (
            "escapes",
            old_style(
                "/esc\u{1b}[31m\nFAKE log line\r",
                "script-src\n",
                "x\u{1b}]0;title\u{7}\u{202e}",
            ),
        ),
        (
            "an unknown directive",
            old_style("/unknown", "no-such-src'; append", "https://e.example"),
        ),
        (
            "a toml break-out",
            old_style(
                "/toml",
                "script-src",
                "https://e.example/\"]\n[tls]\nmode=\"off\"",
            ),
        ),
    ];
    for (what, body) in &hostile {
        let status = ask(&address, &post(kind, body)).status();
        wrong.check((200..500).contains(&status), || format!("{what}: {status}"));
    }
    let huge = format!(
        "POST {PATH} HTTP/1.1\r\nHost: a.test\r\nContent-Type: {kind}\r\nContent-Length: 50000000\r\n\r\n"
    );
    wrong.equal("50 MB", ask(&address, huge.as_bytes()).status(), 413);
    let get = ask(
        &address,
        format!("GET {PATH} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes(),
    );
    wrong.equal("GET", get.status(), 405);
    let typed = ask(
        &address,
        &post("text/html", &old_style("/typed", "script-src", "inline")),
    );
    wrong.check(matches!(typed.status(), 400 | 415), || {
        format!("text/html: {}", typed.status())
    });

    // 10,000 reports of 10,000 pages, pipelined on a few connections.
    let before = gateway.process.said().len();
    let started = Instant::now();
    let mut answered = 0;
    for batch in 0..20 {
        let mut socket = Raw::open(&address);
        let mut sent = Vec::new();
        for n in 0..500 {
            let page = format!("/page-{batch}-{n}");
            sent.extend(post(
                kind,
                &old_style(&page, "script-src", &format!("https://h{n}.example")),
            ));
        }
        sent.extend(b"GET /done HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        // Written from a thread of its own: neither side may wait for the other to read first.
        let reply = socket.talk(sent);
        answered += statuses(&reply.text()).len();
    }
    wrong.check(answered > 9_000, || {
        format!("{answered} of 10,000 were answered")
    });
    wrong.check(started.elapsed() < Duration::from_secs(30), || {
        format!("{:?}", started.elapsed())
    });
    std::thread::sleep(Duration::from_millis(500));
    let said = gateway.process.said();
    let explained = said[before..]
        .iter()
        .filter(|line| line.contains("/page-") && line.contains("example"))
        .count();
    wrong.check(explained <= 2_000, || {
        format!("{explained} lines on 10,000 pages")
    });
    let peak = gateway.process.peak_memory_kib();
    wrong.check(peak < 80 * 1024, || format!("peak memory {peak} KiB"));
    wrong.check(
        !said
            .iter()
            .any(|line| line.contains('\u{1b}') || line.starts_with("FAKE")),
        || "a report wrote into the log".to_owned(),
    );
    wrong.check(!app.seen().contains("panoply/reports"), || {
        "the app saw a report".to_owned()
    });
    wrong.equal(
        "afterwards",
        ask(&address, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status(),
        200,
    );
    wrong.settle();
}
