//! Hostile clients over HTTP/2: what they send is cut off, and the honest one beside them is answered.

use super::support;

use std::thread;
use std::time::Duration;

use support::siege::{Arena, Honest, refusals, withstood};
use support::{Gateway, H2, frame};

/// KiB that the gateway may ever have taken.
const BOUND: u64 = 128 << 10;

/// Kinds of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;

/// Whether the connection has been ended, or is now.
fn is_cut_off(connection: &mut H2) -> bool {
    while let Some(frame) = connection.next(Duration::from_secs(2)) {
        if frame.kind == GOAWAY {
            return true;
        }
    }
    !connection.send(&frame(PING, 0, 0, &[0; 8]))
}

/// Sends `part` up to `times` times; gives how often it could be.
fn flood(connection: &mut H2, times: u32, mut part: impl FnMut(u32) -> Vec<u8>) -> u32 {
    (0..times)
        .find(|number| !connection.send(&part(*number)))
        .unwrap_or(times)
}

fn before(app: &Arena, config: &str) -> (Gateway, Honest) {
    let gateway = Gateway::before(&app.origin(), config);
    let honest = Honest::start(&gateway);
    (gateway, honest)
}

/// A request that the app never answers; 13 bytes of a header block.
fn silent() -> Vec<u8> {
    [
        &[0x82, 0x87, 0x41, 9][..],
        b"localhost",
        &[0x04, 7],
        b"/silent",
    ]
    .concat()
}

fn stream_id(number: u32) -> u32 {
    2 * number + 1
}

#[test]
fn rapid_reset() {
    let app = Arena::start();
    let (gateway, honest) = before(&app, "");
    let mut sent = 0;
    for _ in 0..5 {
        let mut connection = H2::open(gateway.address());
        sent += flood(&mut connection, 20_000, |number| {
            let id = stream_id(number);
            [
                frame(HEADERS, 5, id, &silent()),
                frame(RESET, 0, id, &[0, 0, 0, 8]),
            ]
            .concat()
        });
        assert!(is_cut_off(&mut connection), "resets went unpunished");
    }
    let served = honest.stop();
    let reached = app.seen("/silent");
    assert!(reached < 5000, "{reached} requests reached the app");
    let said = gateway.process.said();
    // The tests may well run as root.
    let warned = |line: &&String| line.contains("WARN") && !line.contains("runs as root");
    let warned: Vec<_> = said.iter().filter(warned).collect();
    assert!(warned.is_empty(), "an attacker fills the log: {warned:?}");
    let tried = format!(
        "5 connections, {sent} streams opened and reset: all 5 cut off, {reached} reached the app"
    );
    withstood("HTTP/2 rapid reset", &tried, &gateway, &served, BOUND);
}

/// What makes a server reset a stream of itself, after it has begun to be answered (CVE-2025-8671).
/// What a client sends on a stream so that the server resets it.
type Provocation = (&'static str, fn(u32) -> Vec<u8>);

fn provocations() -> [Provocation; 7] {
    [
        ("a window update of 0", |id| frame(WINDOW, 0, id, &[0; 4])),
        ("a window that overflows", |id| {
            frame(WINDOW, 0, id, &0x7fff_ffff_u32.to_be_bytes())
        }),
        ("DATA after the end", |id| frame(DATA, 0, id, b"more")),
        ("HEADERS after the end", |id| {
            frame(HEADERS, 5, id, &silent())
        }),
        ("a priority that depends on itself", |id| {
            frame(PRIORITY, 0, id, &[&id.to_be_bytes()[..], &[16]].concat())
        }),
        ("a priority of four bytes", |id| {
            frame(PRIORITY, 0, id, &[0; 4])
        }),
        ("a reset of three bytes", |id| frame(RESET, 0, id, &[0; 3])),
    ]
}

#[test]
fn made_you_reset() {
    let app = Arena::start();
    let (gateway, honest) = before(&app, "");
    let (mut sent, mut lines) = (0, Vec::new());
    for (what, provoke) in provocations() {
        let began = app.seen("/silent");
        let mut connection = H2::open(gateway.address());
        // One after the other, so that each has begun to be answered when it is provoked.
        let mut tried = 0;
        let mut over = false;
        while tried < 400 && !over {
            let id = stream_id(tried);
            over = !connection.send(&frame(HEADERS, 5, id, &silent()));
            thread::sleep(Duration::from_millis(2));
            over |= !connection.send(&provoke(id));
            tried += 1;
            while let Some(came) = connection.next(Duration::from_millis(1)) {
                over |= came.kind == GOAWAY;
            }
        }
        assert!(
            over || is_cut_off(&mut connection),
            "{what}: {tried} times unpunished"
        );
        let reached = app.seen("/silent") - began;
        assert!(reached <= 200, "{what}: {reached} requests reached the app");
        sent += tried;
        lines.push(format!("{what} {tried}"));
    }
    let served = honest.stop();
    let tried = format!(
        "{sent} streams, each connection cut off: {}",
        lines.join(", ")
    );
    withstood("HTTP/2 MadeYouReset", &tried, &gateway, &served, BOUND);
}

#[test]
fn continuation_settings_ping_and_empty_frames() {
    let app = Arena::start();
    let (gateway, honest) = before(&app, "");
    let part = [&[0_u8, 3][..], b"x-a", &[100], &[b'y'; 100]]
        .concat()
        .repeat(100);
    let mut lines = Vec::new();
    let mut connection = H2::open(gateway.address());
    connection.send(&frame(HEADERS, 0, 1, &[0x82, 0x87, 0x84]));
    let sent = flood(&mut connection, 2000, |_| frame(CONTINUATION, 0, 1, &part));
    assert!(
        is_cut_off(&mut connection),
        "20 MB of CONTINUATION went unpunished"
    );
    lines.push(format!("{sent} CONTINUATION of 10 kB"));
    let mut connection = H2::open(gateway.address());
    connection.send(&frame(HEADERS, 0, 1, &[0x82, 0x87, 0x84]));
    let sent = flood(&mut connection, 200, |_| {
        frame(CONTINUATION, 0, 1, &[]).repeat(500)
    });
    assert!(
        is_cut_off(&mut connection),
        "empty CONTINUATION went unpunished"
    );
    lines.push(format!("{} empty CONTINUATION", sent * 500));
    for (what, kind, payload) in [("SETTINGS", SETTINGS, &[][..]), ("PING", PING, &[0; 8])] {
        // Nobody reads what is answered.
        let mut connection = H2::open(gateway.address());
        let burst = frame(kind, 0, 0, payload).repeat(1000);
        let sent = flood(&mut connection, 200, |_| burst.clone());
        lines.push(format!("{} {what}", sent * 1000));
    }
    let mut connection = H2::open(gateway.address());
    connection.send(&frame(HEADERS, 4, 1, &silent()));
    let burst = frame(DATA, 0, 1, &[]).repeat(1000);
    let sent = flood(&mut connection, 200, |_| burst.clone());
    lines.push(format!("{} empty DATA", sent * 1000));
    let served = honest.stop();
    withstood("HTTP/2 floods", &lines.join(", "), &gateway, &served, BOUND);
}

#[test]
fn hpack_bombs() {
    let app = Arena::start();
    let (gateway, honest) = before(&app, "");
    // An entry of 3.9 kB in the dynamic table, and then a byte for each time it is meant again.
    let value = [b'v'; 3900];
    let mut entry = [&silent()[..], &[0x40, 1, b'x', 0x7f]].concat();
    let (mut length, base) = (value.len() - 127, 128);
    while length >= base {
        entry.push(u8::try_from(length % base + base).unwrap());
        length /= base;
    }
    entry.push(u8::try_from(length).unwrap());
    entry.extend(value);
    let again = [silent(), vec![0xbe; 12_000]].concat();
    let (mut bombs, mut cut_off) = (0, 0);
    for _ in 0..4 {
        let mut connection = H2::open(gateway.address());
        connection.send(&frame(HEADERS, 5, 1, &entry));
        bombs += flood(&mut connection, 200, |number| {
            frame(HEADERS, 5, stream_id(number + 1), &again)
        });
        cut_off += u32::from(is_cut_off(&mut connection));
    }
    // Tables of 4 GB, and integers without an end.
    for block in [
        &[0x3f, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
        &[0xff; 9000],
        &[0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x7f, b'x'],
    ] {
        let mut connection = H2::open(gateway.address());
        connection.send(&frame(HEADERS, 5, 1, block));
        assert!(is_cut_off(&mut connection), "{block:x?} went unpunished");
    }
    let served = honest.stop();
    // Those before it are in the table only: 47 MB each if they were unpacked.
    assert!(app.seen("/silent") <= 4, "a bomb reached the app");
    let tried = format!(
        "{bombs} heads of 12 kB that unpack to 47 MB: none passed on, {cut_off} of 4 connections cut off"
    );
    withstood("HPACK bombs", &tried, &gateway, &served, BOUND);
}

#[test]
fn answers_that_nobody_takes() {
    let app = Arena::start();
    let (gateway, honest) = before(&app, "[limits]\nstall_timeout = \"2s\"\n");
    let mut connections = Vec::new();
    for _ in 0..5 {
        let mut connection = H2::open(gateway.address());
        connection.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
        for number in 0..100 {
            connection.get(stream_id(number), "/large", &[]);
        }
        connections.push(connection);
    }
    support::wait_for(
        "all of them to be given up",
        Duration::from_secs(20),
        || (refusals(&gateway, "limits/slow-reader") >= 500).then_some(()),
    );
    let served = honest.stop();
    drop(connections);
    let tried = "500 answers of 1 MB on 5 connections, not a byte taken: all 500 reset";
    withstood("HTTP/2 windows of 0", tried, &gateway, &served, BOUND);
}
