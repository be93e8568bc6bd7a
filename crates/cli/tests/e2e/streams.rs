//! Bodies without end: large ones, slow ones, both directions at once, sockets and events.

use super::support;

use std::process::{Command, Stdio};

use serde_json::json;
use support::{Gateway, Verdicts, curl, node, text};

const LARGE: &str = "300000000";
const UPLOADS: &str = "[limits]\nbody_bytes = \"400MiB\"\n";

/// The digest of `/download/LARGE` fetched from `url`, without keeping it.
fn digest(arguments: &[&str]) -> String {
    let mut curl = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "100"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = Command::new("sha256sum")
        .stdin(curl.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(curl.wait().unwrap().success(), "curl {arguments:?}");
    text(&output.stdout)
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn large_bodies_pass_unchanged_in_little_memory() {
    let gateway = Gateway::before_example("express-files", UPLOADS);
    let (ca, url) = (gateway.ca(), gateway.url(&format!("/download/{LARGE}")));
    let ca_text = ca.to_str().unwrap();
    let mut wrong = Verdicts::default();

    // The same pattern, made here.
    let block = "panoply: the whole suit; ".repeat(3000);
    let block = &block.as_bytes()[..64 * 1024 - 1];
    let file = gateway.dir.path().join("large");
    {
        use std::io::Write as _;
        let mut left: usize = LARGE.parse().unwrap();
        let mut writer = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
        while left > 0 {
            let part = left.min(block.len());
            writer.write_all(&block[..part]).unwrap();
            left -= part;
        }
    }
    let summed = Command::new("sha256sum").arg(&file).output().unwrap();
    let expected = text(&summed.stdout)
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();

    for version in ["--http1.1", "--http2"] {
        let down = digest(&[version, "--cacert", ca_text, &url]);
        wrong.equal(&format!("download {version}"), &down, &expected);

        let upload = format!("@{}", file.display());
        let answer = curl(
            &ca,
            &[
                version,
                "-T",
                upload.trim_start_matches('@'),
                &gateway.url("/upload"),
            ],
        );
        wrong.equal(&format!("upload {version}"), answer.status, 200);
        let seen = answer.json();
        wrong.equal(
            &format!("upload {version}"),
            seen["sha256"].as_str(),
            Some(expected.as_str()),
        );
        wrong.equal(
            &format!("upload {version}"),
            seen["headers"]["content-length"].as_str(),
            Some(LARGE),
        );
    }

    // A client that reads slowly makes the app wait, not the gateway store.
    let mut slow = Command::new("curl")
        .args([
            "--silent",
            "--limit-rate",
            "1M",
            "--max-time",
            "4",
            "-o",
            "/dev/null",
            "--cacert",
            ca_text,
            &url,
        ])
        .spawn()
        .unwrap();
    slow.wait().unwrap();

    let peak = gateway.process.peak_memory_kib();
    wrong.check(peak < 80 * 1024, || {
        format!("peak memory {peak} KiB after streaming 1.2 GB")
    });
    eprintln!("peak memory of the gateway: {peak} KiB");
    wrong.settle();
}

#[test]
fn node_fetch_streams_both_ways_event_by_event() {
    let files = Gateway::before_example("express-files", UPLOADS);
    let realtime = Gateway::setup()
        .state_of(&files)
        .command(&support::example("express-realtime"))
        .start();
    let seen = node(
        "fetch.mjs",
        &[&files.origin, &realtime.origin],
        Some(&files.ca()),
    );
    let mut wrong = Verdicts::default();
    wrong.check(
        seen["eventType"]
            .as_str()
            .is_some_and(|kind| kind.starts_with("text/event-stream")),
        || format!("{}", seen["eventType"]),
    );
    let times: Vec<i64> = seen["eventTimes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(serde_json::Value::as_i64)
        .collect();
    wrong.equal("events", times.len(), 5);
    for pair in times.windows(2) {
        wrong.check(pair[1] - pair[0] > 80, || {
            format!("events 200 ms apart came together: {times:?}")
        });
    }
    wrong.equal("streams while one listens", seen["streamsWhile"].clone(), 1);
    wrong.equal(
        "streams after it went away",
        seen["streamsAfter"].clone(),
        0,
    );
    wrong.equal(
        "upload",
        seen["upload"].clone(),
        json!({ "right": true, "bytes": 8_000_000 }),
    );
    wrong.equal(
        "both directions at once",
        seen["progress"].clone(),
        json!([10, 30, 60]),
    );
    wrong.equal("its end", seen["progressDone"].clone(), true);
    wrong.check(seen["coding"] == "gzip" || seen["coding"] == "br", || {
        seen["coding"].to_string()
    });
    wrong.equal("decoded", seen["decoded"].clone(), 80_000);

    let socket = realtime.origin.replace("https:", "wss:") + "/ws";
    let seen = node("websocket.mjs", &[&socket], Some(&files.ca()));
    wrong.equal("text", seen["text"].clone(), "grüße");
    wrong.equal("binary", seen["binary"].clone(), true);
    wrong.equal("pong", seen["pong"].clone(), "are you there");
    wrong.equal("after a quiet time", seen["afterQuiet"].clone(), "still");
    wrong.equal(
        "close code and reason",
        seen["close"].clone(),
        json!([4001, "as asked"]),
    );
    wrong.equal("sockets at once", seen["many"].clone(), 40);
    let headers = &seen["who"]["headers"];
    wrong.equal(
        "X-Forwarded-For",
        headers["x-forwarded-for"].clone(),
        "127.0.0.1",
    );
    wrong.equal(
        "X-Forwarded-Proto",
        headers["x-forwarded-proto"].clone(),
        "https",
    );

    let answer = curl(
        &files.ca(),
        &[
            "--http1.1",
            "-H",
            "Connection: Upgrade",
            "-H",
            "Upgrade: websocket",
            "-H",
            "Sec-WebSocket-Version: 13",
            "-H",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            &files.url("/status/404"),
        ],
    );
    wrong.equal("an upgrade that the app declines", answer.status, 404);
    wrong.settle();
}
