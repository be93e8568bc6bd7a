//! Too large, too many, too slow: each bound holds, and what is within it passes.

use super::support;

use std::time::{Duration, Instant};

use support::{Gateway, Raw, Recorder, Verdicts, curl, raw, statuses};

#[test]
fn too_large_too_many_too_slow() {
    let app = Recorder::start();
    let config = "[tls]\nmode = \"off\"\n[limits]\nhead_timeout = \"1s\"\nidle_timeout = \"2s\"\n\
        response_timeout = \"1s\"\nbody_bytes = \"1MiB\"\nconnections_per_client = 30\n";
    let gateway = Gateway::before(&app.origin(), config);
    let address = gateway.address().to_owned();
    let mut wrong = Verdicts::default();

    let long = "x".repeat(40_000);
    let refused = [
        ("a field of 40 kB", 431, format!("GET /big HTTP/1.1\r\nHost: a.test\r\nX-A: {long}\r\n\r\n")),
        ("101 fields", 431, format!("GET /big HTTP/1.1\r\nHost: a.test\r\n{}\r\n", "X-A: b\r\n".repeat(101))),
        ("a length of 2 MB", 413, "POST /big HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2000000\r\n\r\n".into()),
        (
            "a length of 2 MB with Expect",
            413,
            "POST /big HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n".into(),
        ),
    ];
    for (what, expected, sent) in refused {
        let reply = raw(&address, sent.as_bytes());
        wrong.equal(what, statuses(&reply.text()), vec![expected]);
        wrong.check(reply.closed, || {
            format!("{what}: the connection stayed open")
        });
        wrong.check(app.take().is_empty(), || format!("{what}: the app saw it"));
    }
    let target = raw(
        &address,
        format!("GET /{long} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes(),
    );
    wrong.check(matches!(target.status(), 414 | 431), || {
        format!("a target of 40 kB: {}", target.status())
    });

    // Chunks do not say beforehand how long they are.
    let mut socket = Raw::open(&address);
    socket.send(b"POST /chunks HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", "y".repeat(0x10000));
    for _ in 0..40 {
        if !socket.send(chunk.as_bytes()) {
            break;
        }
    }
    let reply = socket.read_for(Duration::from_secs(2));
    wrong.check(matches!(reply.status(), 413 | 0) && reply.closed, || {
        format!("2.6 MB of chunks: {reply:?}")
    });
    let seen = app.take();
    wrong.check(seen.len() < 1_400_000, || {
        format!("the app was sent {} bytes", seen.len())
    });

    // A head that never ends, whether silent or dripping.
    let mut silent = Raw::open(&address);
    silent.send(b"GET /slow HTTP/1.1\r\nHost: a.test\r\nX-");
    let reply = silent.read_for(Duration::from_secs(4));
    wrong.check(
        reply.closed && reply.took < Duration::from_millis(2500),
        || format!("half a head: {reply:?}"),
    );
    wrong.check(matches!(reply.status(), 0 | 408), || {
        format!("half a head: {}", reply.status())
    });
    let mut dripping = Raw::open(&address);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(4) && dripping.send(b"G") {
        std::thread::sleep(Duration::from_millis(200));
    }
    wrong.check(started.elapsed() < Duration::from_secs(3), || {
        "a head dripped for ever".to_owned()
    });
    let mut mute = Raw::open(&address);
    let reply = mute.read_for(Duration::from_secs(5));
    wrong.check(reply.closed && reply.took < Duration::from_secs(4), || {
        format!("never a byte: {reply:?}")
    });

    // Idle after an answer.
    let mut idle = Raw::open(&address);
    idle.send(b"GET /idle HTTP/1.1\r\nHost: a.test\r\n\r\n");
    idle.read_until("ok\n");
    let reply = idle.read_for(Duration::from_secs(6));
    wrong.check(reply.closed && reply.took < Duration::from_secs(5), || {
        format!("idle: {reply:?}")
    });
    wrong.check(reply.took > Duration::from_millis(1200), || {
        format!("idle was cut early: {reply:?}")
    });

    // More connections than one client may have: the surplus is turned away at once, the others work.
    let mut held: Vec<Raw> = (0..60).map(|_| Raw::open(&address)).collect();
    std::thread::sleep(Duration::from_millis(300));
    let request = b"GET /held HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let mut served = 0;
    for socket in &mut held {
        if socket.send(request) && socket.read_for(Duration::from_millis(800)).status() == 200 {
            served += 1;
        }
    }
    wrong.check((1..=30).contains(&served), || {
        format!("{served} of 60 connections were served, 30 allowed")
    });
    drop(held);
    let reply = support::wait_for("room again", Duration::from_secs(3), || {
        let reply = raw(&address, request);
        (reply.status() == 200).then_some(reply)
    });
    wrong.equal("afterwards", reply.status(), 200);
    wrong.settle();
}

#[test]
fn an_app_that_does_not_answer_is_given_up() {
    let gateway = Gateway::setup()
        .config("[tls]\nmode = \"off\"\n[limits]\nresponse_timeout = \"1s\"\n")
        .command(&support::example("express-files"))
        .start();
    let mut wrong = Verdicts::default();
    let started = Instant::now();
    let answer = curl("/dev/null".as_ref(), &[&gateway.url("/late?wait=20000")]);
    wrong.equal("late", answer.status, 504);
    wrong.check(started.elapsed() < Duration::from_secs(4), || {
        format!("{:?}", started.elapsed())
    });
    // The limit is on the first byte: what streams slowly after is let be.
    let answer = curl(
        "/dev/null".as_ref(),
        &[&gateway.url("/slow?chunks=6&pause=400")],
    );
    wrong.check(
        answer.status == 200 && answer.text().ends_with("end\n"),
        || format!("{answer:?}"),
    );
    wrong.settle();
}

#[test]
fn a_connection_goes_on_after_a_pause() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), "[tls]\nmode = \"off\"\n");
    let mut wrong = Verdicts::default();
    let pause = || std::thread::sleep(Duration::from_millis(1600));
    let mut socket = Raw::open(gateway.address());
    pause();
    for round in 0..2 {
        for byte in b"POST /slow HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi" {
            socket.send(&[*byte]);
        }
        let said = socket.read_until("ok\n");
        wrong.check(said.starts_with("HTTP/1.1 200 "), || {
            format!("{round}: {said}")
        });
        // An empty line between requests is no request, and none is lost behind it.
        socket.send(b"\r\n");
        pause();
    }
    let twice = "GET /twice HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(2);
    socket.send(twice.as_bytes());
    socket.read_until("ok\n");
    socket.read_until("ok\n");
    pause();
    socket.send(b"G(T / HTTP/1.1\r\n\r\n");
    let reply = socket.read_for(Duration::from_secs(2));
    wrong.equal("what cannot be read", statuses(&reply.text()), vec![400]);
    wrong.check(
        reply.closed && reply.text().contains("content-security-policy"),
        || reply.text(),
    );
    // Its half of the connection is closed: so is ours, and in order.
    let mut leaving = Raw::open(gateway.address());
    pause();
    leaving.finish_sending();
    let reply = leaving.read_for(Duration::from_secs(2));
    wrong.check(reply.closed && reply.bytes.is_empty(), || {
        format!("{reply:?}")
    });
    wrong.settle();
}
