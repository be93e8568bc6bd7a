//! What HTTP means and a proxy likes to break: trailers, 100-continue, HEAD, ranges, conditions, in both versions.

use super::support;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Gateway, Verdicts, curl, curl_fails, curl_with, node, require, text};

const UPLOADS: &str = "[limits]\nbody_bytes = \"400MiB\"\n";

#[test]
fn http1_trailers_continue_head_and_broken_answers() {
    let gateway = Gateway::before_example("express-files", UPLOADS);
    let seen = node("http1.mjs", &[&gateway.origin], Some(&gateway.ca()));
    let mut wrong = Verdicts::default();
    let down = &seen["trailersUnannounced"];
    wrong.equal(
        "trailers down",
        down["trailers"].clone(),
        json!({ "x-checksum": "abc123" }),
    );
    wrong.equal("their body", down["body"].clone(), "body\n");
    wrong.equal(
        "trailers down, announced",
        seen["trailersAnnounced"]["trailers"].clone(),
        json!({ "x-checksum": "abc123" }),
    );
    for kind in ["sentUnannounced", "sentAnnounced"] {
        wrong.equal(
            kind,
            seen[kind].clone(),
            json!({ "trailers": { "x-digest": "feed" }, "bytes": 10 }),
        );
    }
    wrong.equal(
        "100-continue",
        seen["continue"].clone(),
        json!({ "continued": true, "status": 200, "bytes": 5 }),
    );
    wrong.equal(
        "an answer before the body was sent",
        seen["refusedUnread"].clone(),
        json!({ "status": 403, "body": "refused unread\n" }),
    );
    wrong.equal(
        "GET",
        seen["GET"].clone(),
        json!({ "status": 200, "length": "123456", "body": 123_456 }),
    );
    wrong.equal(
        "HEAD",
        seen["HEAD"].clone(),
        json!({ "status": 200, "length": "123456", "body": 0 }),
    );
    for kind in ["cut", "cut?chunked"] {
        wrong.equal(
            kind,
            seen[kind].clone(),
            json!({ "ended": "broken", "bytes": 1000 }),
        );
    }
    wrong.settle();
}

#[test]
fn http2_by_node_curl_and_h2load() {
    let gateway = Gateway::before_example("express-files", UPLOADS);
    let ca = gateway.ca();
    let seen = node("http2.mjs", &[&gateway.origin], Some(&ca));
    let mut wrong = Verdicts::default();
    wrong.equal("ALPN", seen["alpn"].clone(), "h2");
    wrong.equal(
        "trailers down",
        seen["trailersDown"].clone(),
        json!({ "trailers": { "x-checksum": "abc123" }, "text": "body\n" }),
    );
    wrong.equal(
        "trailers up",
        seen["trailersUp"].clone(),
        json!({ "trailers": { "x-digest": "feed" }, "bytes": 5 }),
    );
    wrong.equal("streams at once", seen["streams"].clone(), 60);
    wrong.equal("ip", seen["echo"]["ip"].clone(), "127.0.0.1");
    wrong.equal("secure", seen["echo"]["secure"].clone(), true);
    wrong.equal(
        "Host from :authority",
        seen["echo"]["headers"]["host"].as_str(),
        Some(gateway.address()),
    );
    wrong.equal(
        "cookie crumbs joined",
        seen["cookie"].clone(),
        "a=1; b=2; c=3",
    );
    wrong.equal("into one line", seen["cookieLines"].clone(), 1);
    wrong.equal("after a cancelled stream", seen["afterCancel"].clone(), 200);
    wrong.equal(
        "both directions at once",
        seen["progress"].clone(),
        json!([10, 30]),
    );

    for (flag, version) in [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")] {
        let answer = curl(&ca, &[flag, &gateway.url("/echo")]);
        wrong.equal("version", answer.version.as_str(), version);
        wrong.equal(
            "the app is spoken to in",
            answer.json()["httpVersion"].clone(),
            "1.1",
        );
        for hop in ["connection", "keep-alive", "transfer-encoding"] {
            wrong.check(
                version == "HTTP/1.1" || answer.header(hop).is_none(),
                || format!("{hop} in HTTP/2"),
            );
        }
    }

    require("h2load");
    let output = Command::new("h2load")
        .args([
            "-n",
            "3000",
            "-c",
            "8",
            "-m",
            "20",
            &gateway.url("/download/1000"),
        ])
        .output()
        .unwrap();
    let said = text(&output.stdout);
    wrong.check(said.contains("3000 succeeded, 0 failed, 0 errored"), || {
        said.clone()
    });
    wrong.check(said.contains("3000 2xx"), || said.clone());
    let output = Command::new("h2load")
        .args([
            "--h1",
            "-n",
            "3000",
            "-c",
            "16",
            &gateway.url("/download/1000"),
        ])
        .output()
        .unwrap();
    let said = text(&output.stdout);
    wrong.check(said.contains("3000 succeeded, 0 failed, 0 errored"), || {
        said.clone()
    });
    wrong.settle();
}

#[test]
fn ranges_conditions_and_codings_pass_as_they_are() {
    let gateway = Gateway::before_example("express-files", "");
    let (ca, url) = (gateway.ca(), gateway.url("/file"));
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        let whole = curl(&ca, &[version, &url]);
        wrong.equal("whole", (whole.status, whole.body.len()), (200, 1 << 20));
        let part = curl(&ca, &[version, "-r", "1000-1999", &url]);
        wrong.equal("range", part.status, 206);
        wrong.equal(
            "range",
            part.header("content-range"),
            Some("bytes 1000-1999/1048576".to_owned()),
        );
        wrong.check(part.body == whole.body[1000..2000], || {
            "the range's bytes".to_owned()
        });
        let beyond = curl(&ca, &[version, "-r", "2000000-", &url]);
        wrong.equal("beyond", beyond.status, 416);
        let etag = whole.header("etag").unwrap_or_default();
        let same = curl(
            &ca,
            &[version, "-H", &format!("If-None-Match: {etag}"), &url],
        );
        wrong.equal("304", (same.status, same.body.len()), (304, 0));
        wrong.equal("304's ETag", same.header("etag"), Some(etag));
        let head = curl(&ca, &[version, "-I", &url]);
        wrong.equal(
            "HEAD",
            head.header("content-length"),
            Some("1048576".to_owned()),
        );
        wrong.equal("HEAD body", head.body.len(), 0);
        let packed = curl(
            &ca,
            &[
                version,
                "-H",
                "Accept-Encoding: gzip",
                &gateway.url("/compressed"),
            ],
        );
        wrong.equal(
            "coding",
            packed.header("content-encoding"),
            Some("gzip".to_owned()),
        );
        wrong.check(packed.body.starts_with(&[0x1f, 0x8b]), || {
            "gzip's first bytes".to_owned()
        });
        let empty = curl(&ca, &[version, &gateway.url("/status/204")]);
        wrong.equal(
            "204",
            (empty.status, empty.header("content-length")),
            (204, None::<String>),
        );
        let broken = curl_fails(&ca, &[version, &gateway.url("/cut")]);
        wrong.check(!broken.is_empty(), String::new);
    }
    let first = Instant::now();
    let seen = curl_with(
        &ca,
        &[
            "--max-time",
            "2",
            "-N",
            &gateway.url("/slow?chunks=100&pause=100"),
        ],
        b"",
    );
    wrong.check(
        seen.is_err() && first.elapsed() < Duration::from_secs(4),
        || format!("{seen:?}"),
    );
    let big = curl(&ca, &[&gateway.url("/big-header/12000")]);
    wrong.equal(
        "a large header of the app",
        big.header("x-big").map(|value| value.len()),
        Some(12_000),
    );
    let empty_post = curl(&ca, &["--http2", "-X", "POST", &gateway.url("/echo")]);
    wrong.equal("a POST with no body", empty_post.json()["bytes"].clone(), 0);
    wrong.equal(
        "and no chunks",
        empty_post.json()["headers"]["transfer-encoding"].clone(),
        json!(null),
    );
    wrong.settle();
}
