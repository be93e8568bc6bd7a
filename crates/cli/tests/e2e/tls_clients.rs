//! Clients that show who they are by a certificate, and those that came before they had to.

use super::support;

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use support::siege::{refusals, tls_client, tls_from};
use support::{Gateway, H2, Pki, Recorder, Verdicts, curl, curl_fails, text, wait_for};

use super::tls::handshake;

#[test]
fn clients_show_who_they_are() {
    let app = Recorder::start();
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let strangers = Pki::new(&setup.dir().join("strangers"));
    let (one, other) = (pki.client("one"), pki.client("other"));
    let stranger = strangers.client("one");
    let list = pki.revoke(&[]);
    let config = format!(
        "[tls]\nmode = \"local\"\n[tls.clients]\nca = \"{}\"\nrevoked = [\"{}\"]\n",
        pki.ca().display(),
        list.display()
    );
    let gateway = setup.config(&config).upstream(&app.origin()).start();
    let (ca, url) = (gateway.ca(), gateway.url("/"));
    let with = |pair: &(PathBuf, PathBuf)| {
        let paths = [&pair.0, &pair.1].map(|path| path.display().to_string());
        [
            "--cert".to_owned(),
            paths[0].clone(),
            "--key".to_owned(),
            paths[1].clone(),
        ]
    };
    let ask = |pair: &(PathBuf, PathBuf)| {
        let more = with(pair);
        let mut all: Vec<&str> = more.iter().map(String::as_str).collect();
        all.push(&url);
        support::curl_with(&ca, &all, b"")
    };
    let mut wrong = Verdicts::default();
    wrong.equal("with", ask(&one).map(|answer| answer.status), Ok(200));
    wrong.check(app.seen().contains("client-cert: :MII"), || app.seen());
    wrong.check(ask(&stranger).is_err(), || {
        "a stranger was let in".to_owned()
    });
    curl_fails(&ca, &[&url]);

    // A session goes on without its certificate being shown again, but not under other terms.
    let session = gateway.dir.path().join("session").display().to_string();
    let (certificate, key) = (one.0.display().to_string(), one.1.display().to_string());
    let shown = ["-cert", &certificate, "-key", &key, "-tls1_2"];
    handshake(
        gateway.address(),
        &[&shown[..], &["-sess_out", &session]].concat(),
    );
    let again = ["-tls1_2", "-sess_in", &session];
    let said = handshake(gateway.address(), &again);
    wrong.check(said.contains("Reused, TLSv1.2"), || said.clone());
    let mut kept = H2::showing(gateway.address(), &shown[..4]);
    kept.get(1, "/", &[]);
    wrong.check(kept.fate(1).is_ok(), || "with, kept".to_owned());
    pki.revoke(&["one"]);
    wait_for("the revocation", Duration::from_secs(30), || {
        ask(&one).err()
    });
    wrong.equal("another", ask(&other).map(|answer| answer.status), Ok(200));
    let said = handshake(gateway.address(), &again);
    wrong.check(!said.contains("Reused, TLSv1.2"), || said.clone());
    wrong.equal("kept", kept.fate(3), Err("goaway"));

    // A list that is damaged leaves the last one in force, and is told.
    std::fs::write(&list, "-----BEGIN X509 CRL-----\nAAAA\n").unwrap();
    let warned = wait_for("a warning", Duration::from_secs(30), || {
        let said = gateway.process.said();
        said.into_iter()
            .find(|line| line.contains("clients.revoked.0"))
    });
    wrong.check(warned.contains("damaged"), || warned.clone());
    wrong.check(ask(&one).is_err(), || {
        "what was revoked is believed again".to_owned()
    });
    wrong.settle();
}

/// Asks once more on a connection that is kept; the answer's head, in lower case.
fn ask_again(kept: &mut (impl Read + Write)) -> String {
    kept.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\nok\n") {
        kept.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    text(&head).to_ascii_lowercase()
}

#[test]
fn who_came_before_certificates_were_asked_for_comes_again() {
    let app = Recorder::start();
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let before = "[tls]\nmode = \"local\"\n";
    let gateway = setup.config(before).upstream(&app.origin()).start();
    let after = |presence: &str| {
        let ca = pki.ca().display().to_string();
        format!("{before}[tls.clients]\nca = \"{ca}\"\ncertificate = \"{presence}\"\n")
    };
    let (client, address) = (tls_client(&gateway.ca()), gateway.address());
    let open = || tls_from(Ipv4Addr::LOCALHOST, address, &client).unwrap();
    for (now, next) in [
        (before.to_owned(), after("optional")),
        (after("optional"), after("required")),
    ] {
        let (mut kept, mut begun, mut many) = (open(), open(), H2::open(address));
        // Nobody goes for a reload that asks for nothing else.
        gateway.reload(&now);
        assert!(!ask_again(&mut kept).contains("connection: close"));
        many.get(1, "/", &[]);
        assert!(many.fate(1).is_ok());
        begun.write_all(b"POST /begun HTTP/1.1\r\n").unwrap();
        gateway.reload(&next);
        // Nothing is asked here any more.
        assert!(!matches!(kept.read(&mut [0; 1]), Ok(1..)));
        // And of what is asked behind its back the app sees nothing.
        let rest = b"Host: localhost\r\nContent-Length: 0\r\n\r\n";
        let _ = begun.write_all(rest);
        assert_refused(&mut begun);
        assert!(!app.seen().contains("/begun"), "{}", app.seen());
        let patience = Duration::from_secs(5);
        // GOAWAY
        let gone = std::iter::from_fn(|| many.next(patience)).any(|frame| frame.kind == 7);
        assert!(gone, "{next}");
    }
    curl_fails(&gateway.ca(), &[&gateway.url("/")]);
}

/// Whether what was begun before a reload is refused; it has gone with its connection where nothing of it had been read.
fn assert_refused(kept: &mut impl Read) -> bool {
    let mut answer = Vec::new();
    let _ = kept.read_to_end(&mut answer);
    let answer = text(&answer).to_ascii_lowercase();
    let refused = answer.starts_with("http/1.1 421 ");
    assert!(refused || answer.is_empty(), "{answer}");
    assert!(
        !refused || answer.contains("\r\nconnection: close\r\n"),
        "{answer}"
    );
    refused
}

/// Has `gateway`, whose configuration was `before`, ask for certificates from now on.
fn ask_for_certificates(gateway: &Gateway, before: &str, pki: &Pki) {
    let after = format!("{before}[tls.clients]\nca = \"{}\"\n", pki.ca().display());
    std::fs::write(gateway.config_path(), after).unwrap();
    gateway.process.signal(Signal::HUP);
    wait_for("the reload", Duration::from_secs(10), || {
        let said = gateway.process.said();
        { said.iter() }
            .any(|line| line.contains("has been reloaded"))
            .then_some(())
    });
}

const ANYBODY: &str = "[tls]\nmode = \"local\"\n";

#[test]
fn who_came_before_changes_to_no_other_protocol() {
    let app = Recorder::start();
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let gateway = setup.config(ANYBODY).upstream(&app.origin()).start();
    let client = tls_client(&gateway.ca());
    let mut kept = tls_from(Ipv4Addr::LOCALHOST, gateway.address(), &client).unwrap();
    ask_again(&mut kept);
    kept.write_all(b"GET /socket HTTP/1.1\r\n").unwrap();
    ask_for_certificates(&gateway, ANYBODY, &pki);
    let upgrade = "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let _ = kept.write_all(upgrade.as_bytes());
    let refused = u64::from(assert_refused(&mut kept));
    assert!(!app.seen().contains("/socket"), "{}", app.seen());
    assert_eq!(refusals(&gateway, "tls/clients"), refused);
}

#[test]
fn who_came_before_is_not_answered_for_ever() {
    let app = Recorder::start();
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let gateway = setup.config(ANYBODY).upstream(&app.origin()).start();
    let mut many = H2::open(gateway.address());
    many.get(1, "/", &[]);
    assert!(many.fate(1).is_ok());
    ask_for_certificates(&gateway, ANYBODY, &pki);
    // h2 waits until its PING is acknowledged, and takes new streams for as long.
    let mut stream = 1;
    wait_for("a refusal", Duration::from_secs(20), || {
        stream += 2;
        many.get(stream, &format!("/{stream}"), &[]);
        let answered = std::iter::from_fn(|| many.next(Duration::from_secs(5)))
            .find(|frame| frame.kind == 1 && frame.stream == stream);
        // `:status` with a value of its own, plain or in Huffman's code (RFC 7541).
        let answered = answered.expect("an answer").payload;
        let status = [&b"\x48\x03421"[..], b"\x48\x82\x68\x41"];
        let is_refused = { status.iter() }.any(|text| contains(&answered, text));
        is_refused.then_some(())
    });
    let last = format!("GET /{stream} ");
    assert!(!app.seen().contains(&last), "{}", app.seen());
    assert_eq!(refusals(&gateway, "tls/clients"), 1);
}

fn contains(all: &[u8], some: &[u8]) -> bool {
    all.windows(some.len()).any(|window| window == some)
}

#[test]
fn clients_may_show_who_they_are() {
    let app = Recorder::start();
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let config = format!(
        "[tls]\nmode = \"local\"\n[tls.clients]\nca = \"{}\"\ncertificate = \"optional\"\n",
        pki.ca().display(),
    );
    let gateway = setup.config(&config).upstream(&app.origin()).start();
    let (ca, url) = (gateway.ca(), gateway.url("/"));
    let (certificate, key) = pki.client("one");
    let lie = [
        "-H",
        "Client-Cert: :AAAA:",
        "-H",
        "Client-Cert-Chain: :AAAA:",
        &url,
    ];
    assert_eq!(curl(&ca, &lie).status, 200);
    assert!(!app.seen().contains("client-cert"), "{}", app.seen());
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let shown = ["--cert", &certificate, "--key", &key];
    for version in ["--http1.1", "--http2"] {
        let answer = curl(&ca, &[&shown[..], &[version], &lie].concat());
        assert_eq!(answer.status, 200);
    }
    let der = Command::new("sh")
        .args([
            "-c",
            "openssl x509 -outform der -in \"$0\" | base64 -w0",
            &certificate,
        ])
        .output()
        .unwrap();
    let told = format!("client-cert: :{}:", text(&der.stdout));
    assert_eq!(app.seen().matches(&told).count(), 2, "{}", app.seen());
    assert!(!app.seen().contains("AAAA:"), "{}", app.seen());
}
