//! In front of an app that speaks TLS itself.

use super::support;

use std::path::Path;
use std::time::Duration;

use support::{App, Gateway, Pki, Raw, Setup, Verdicts, curl, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);

/// SHA-256 of what is uploaded, twenty MiB of `u`.
const DIGEST: &str = "7baadaec2bb002ced435a0ab84959edffc2ec681f13ccb9a5bfbb6dbffc76da3";

/// What the tunnel carries: more than any buffer on the way takes.
const MUCH: usize = 3 << 20;

/// The app with the certificate of these names, and `more` of its arguments.
fn app(pki: &Pki, name: &str, names: &str, more: &[&str]) -> App {
    let (certificate, key) = pki.leaf(name, names);
    let mut command = support::test_app("tls.mjs");
    command.extend([certificate, key].map(|path| path.display().to_string()));
    command.extend(more.iter().map(ToString::to_string));
    App::start(&command)
}

fn before(setup: Setup, app: &App, config: &str) -> Gateway {
    let upstream = app.origin().replace("http://", "https://");
    setup.config(config).upstream(&upstream).start()
}

fn table(ca: &Path) -> String {
    format!("[tls.app]\nca = \"{}\"\n", ca.display())
}

#[test]
fn all_that_goes_without_tls_goes_by_tls() {
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let app = app(&pki, "app", "DNS:app.internal,IP:127.0.0.1", &[]);
    let config = format!("[limits]\nbody_bytes = \"64MiB\"\n{}", table(&pki.ca()));
    let file = setup.dir().join("upload");
    std::fs::write(&file, vec![b'u'; 20 << 20]).unwrap();
    let gateway = before(setup, &app, &config);
    let ca = gateway.ca();
    let mut wrong = Verdicts::default();
    let upload = format!("@{}", file.display());
    for version in ["--http1.1", "--http2"] {
        let seen = curl(&ca, &[version, &gateway.url("/")]).json();
        wrong.equal("version", &seen["version"], "1.1");
        wrong.equal("proto", &seen["proto"], "https");
        wrong.equal("host", &seen["host"], gateway.address());
        let big = curl(&ca, &[version, &gateway.url("/big/20000000")]);
        wrong.equal("download", big.body.len(), 20_000_000);
        let whole = big.body.chunks_exact(8).all(|chunk| chunk == b"panoply;");
        wrong.check(whole, || "a download was changed".to_owned());
        for more in [&[][..], &["-H", "Transfer-Encoding: chunked"]] {
            let sent = ["--data-binary", &upload, version, &gateway.url("/up")];
            let seen = curl(&ca, &[more, &sent].concat()).json();
            wrong.equal("upload", &seen["length"], 20 << 20);
            wrong.equal("digest", &seen["sha256"], DIGEST);
        }
    }
    // Connections are kept, and one that the app has closed meanwhile is no failure.
    let seen = curl(&ca, &[&gateway.url("/")]).json();
    let made = seen["connections"].as_u64().unwrap();
    wrong.check(made < 20, || format!("{made} connections"));
    wrong.equal("killed", curl(&ca, &[&gateway.url("/kill")]).status, 502);
    wrong.equal("after it", curl(&ca, &[&gateway.url("/")]).status, 200);
    wrong.settle();
}

#[test]
fn a_tunnel_goes_by_tls() {
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let app = app(&pki, "app", "IP:127.0.0.1", &[]);
    let config = format!("[tls]\nmode = \"off\"\n{}", table(&pki.ca()));
    let gateway = before(setup, &app, &config);
    let mut tunnel = Raw::open(gateway.address());
    tunnel.send(
        b"GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    tunnel.read_until("\r\n\r\n");
    tunnel.send(b"to and fro");
    tunnel.read_until("to and fro");
    let mut said = vec![b'x'; MUCH];
    said.extend_from_slice(b"the end");
    let reply = tunnel.talk(said);
    assert!(reply.text().ends_with("the end"));
    assert_eq!(reply.text().len(), MUCH + "the end".len());
}

#[test]
fn many_streams_go_by_http2_over_tls() {
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let app = app(&pki, "app", "IP:127.0.0.1", &["h2"]);
    let config = format!(
        "[listen]\nworkers = 1\n[app]\nh2c = true\n{}",
        table(&pki.ca())
    );
    let gateway = before(setup, &app, &config);
    let ca = gateway.ca();
    let many = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| curl(&ca, &[&gateway.url("/")]).status);
        let asked = [(); 10].map(|()| ask());
        asked.map(|asked| asked.join().unwrap())
    });
    assert_eq!(many, [200; 10]);
    let seen = curl(&ca, &[&gateway.url("/")]).json();
    assert_eq!(seen["version"], "2.0");
    assert_eq!(seen["scheme"], "https");
    assert_eq!(seen["host"], gateway.address());
    // One that is looked at, and one for all who come.
    assert!(seen["connections"].as_u64().unwrap() <= 4, "{seen}");
    let big = curl(&ca, &[&gateway.url("/big/5000000")]);
    assert_eq!(big.body.len(), 5_000_000);
}

#[test]
fn who_is_not_the_app_is_sent_nothing() {
    let setup = Gateway::setup();
    let (pki, strangers) = (
        Pki::new(setup.dir()),
        Pki::new(&setup.dir().join("strangers")),
    );
    let app = app(&strangers, "app", "IP:127.0.0.1", &[]);
    let ca = setup.dir().join("believed.pem");
    std::fs::copy(pki.ca(), &ca).unwrap();
    let mut gateway = before(setup, &app, &table(&ca));
    let refused = curl(&gateway.ca(), &[&gateway.url("/")]);
    assert_eq!(refused.status, 502);
    let told = gateway
        .process
        .line_with(&["by nobody who is believed", "[tls.app]"], PATIENCE);
    assert!(told.contains("of the certificate itself"), "{told}");
    // Put right while it runs.
    std::fs::copy(strangers.ca(), &ca).unwrap();
    wait_for("the app to be believed", PATIENCE, || {
        let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
        (answer.status == 200).then_some(())
    });
    // What was believed is not, and nothing more goes over the connections that there are.
    std::fs::copy(pki.ca(), &ca).unwrap();
    wait_for("the app to be believed no more", PATIENCE, || {
        let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
        (answer.status == 502).then_some(())
    });
    let after = curl(&gateway.ca(), &[&gateway.url("/")]);
    assert_eq!(after.status, 502);
}

#[test]
fn the_app_knows_the_gateway_by_its_certificate() {
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let (certificate, key) = pki.client("gateway");
    let ca = pki.ca();
    let app = app(&pki, "app", "DNS:app.internal", &[ca.to_str().unwrap()]);
    let config = format!(
        "{}name = \"app.internal\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        table(&ca),
        certificate.display(),
        key.display()
    );
    let gateway = before(setup, &app, &config);
    let seen = curl(&gateway.ca(), &[&gateway.url("/")]).json();
    assert_eq!(seen["client"], "gateway");
    assert_eq!(seen["name"], "app.internal");
    // Without it there is nothing to be had.
    let without = Gateway::setup();
    let config = format!("{}name = \"app.internal\"\n", table(&ca));
    let mut without = before(without, &app, &config);
    assert_eq!(curl(&without.ca(), &[&without.url("/")]).status, 502);
    without
        .process
        .line_with(&["CertificateRequired"], PATIENCE);
    // It said so once the handshake was over.
    without
        .process
        .line_with(&["the app is down", "it said no"], PATIENCE);
}

#[test]
fn an_app_that_speaks_none_is_told_of() {
    let app = App::start(&support::test_app("h2c.mjs"));
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let mut gateway = before(setup, &app, &table(&pki.ca()));
    assert_eq!(curl(&gateway.ca(), &[&gateway.url("/")]).status, 502);
    gateway
        .process
        .line_with(&["there is no TLS with the app"], PATIENCE);
}
