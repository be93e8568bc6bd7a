//! Behind a load balancer that passes on bytes: haproxy, which says by the PROXY protocol whose they are.

use super::support;

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use support::siege::refusals;
use support::{
    Gateway, Process, Recorder, Verdicts, curl, curl_fails, free_port, panoply, raw, require,
    statuses, wait_for,
};

/// Whence haproxy comes, so that it is told from its clients.
const BALANCER: &str = "127.0.0.9";

/// A haproxy that passes each of `routes` on to a port, with what its `server` line has besides; its own ports.
fn haproxy(dir: &Path, routes: &[(u16, &str)]) -> (Process, Vec<u16>) {
    require("haproxy");
    let mut text = "global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout client 30s\n  timeout server 30s\n  \
                    timeout connect 5s\n"
        .to_owned();
    let mut ports = Vec::new();
    for (to, how) in routes {
        let port = free_port();
        writeln!(
            text,
            "listen l{port}\n  bind 127.0.0.1:{port}\n  server s 127.0.0.1:{to} source {BALANCER} {how}"
        )
        .unwrap();
        ports.push(port);
    }
    let config = dir.join("haproxy.cfg");
    std::fs::write(&config, text).unwrap();
    let process = Process::start(Command::new("haproxy").arg("-db").arg("-f").arg(&config));
    for port in &ports {
        wait_for("haproxy", Duration::from_secs(20), || {
            TcpStream::connect(("127.0.0.1", *port)).ok()
        });
    }
    (process, ports)
}

/// A connection of a client at `address` to a port.
fn from_client(address: Ipv4Addr, port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stream
}

/// Whom the app was told of with each request since the last time.
fn told(app: &Recorder) -> Vec<String> {
    let seen = app.take().to_ascii_lowercase();
    let lines = seen.lines();
    lines
        .filter_map(|line| line.strip_prefix("x-forwarded-for: "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn whoever_calls_through_a_balancer_is_himself() {
    let app = Recorder::start();
    let config = format!(
        "[listen]\nproxy_protocol = [\"{BALANCER}\"]\n[limits]\nconnections_per_client = 2\n"
    );
    let mut gateway = Gateway::before(&app.origin(), &config);
    let ca = gateway.ca();
    let port = gateway.port();
    let (_haproxy, ports) = haproxy(
        gateway.dir.path(),
        &[(port, "send-proxy"), (port, "send-proxy-v2"), (port, "")],
    );
    let mut wrong = Verdicts::default();
    for (name, port) in ["version 1", "version 2"].into_iter().zip(&ports) {
        for version in ["--http1.1", "--http2"] {
            let url = format!("https://127.0.0.1:{port}/{version}");
            let from = ["--interface", "127.0.0.2", version, &url];
            let status = curl(&ca, &from).status;
            wrong.equal(
                name,
                (status, told(&app)),
                (200, vec!["127.0.0.2".to_owned()]),
            );
        }
    }
    // Each client has its own connections, whoever passes them on.
    let one = Ipv4Addr::new(127, 0, 0, 3);
    let held: Vec<TcpStream> = (0..2).map(|_| from_client(one, ports[1])).collect();
    let url = format!("https://127.0.0.1:{}/", ports[1]);
    wait_for("a third to be refused", Duration::from_secs(20), || {
        let _ = from_client(one, ports[1]).read(&mut [0]);
        (refusals(&gateway, "limits/connections-per-client") > 0).then_some(())
    });
    let other = curl(&ca, &["--interface", "127.0.0.4", &url]).status;
    wrong.equal("another client", other, 200);
    drop(held);
    app.take();
    // Nobody else has to say anything, or may.
    let direct = curl(&ca, &["--interface", "127.0.0.2", &gateway.url("/direct")]);
    wrong.equal(
        "without a balancer",
        (direct.status, told(&app)),
        (200, vec!["127.0.0.2".to_owned()]),
    );
    // Who only looks whether anybody listens is not told of; one that is named and says nothing is.
    drop(TcpStream::connect(("127.0.0.1", ports[0])));
    let words = "does not say whose connections";
    let is_told = |line: &String| line.contains(words);
    wrong.check(!gateway.process.said().iter().any(is_told), || {
        "a look was told of".to_owned()
    });
    curl_fails(&ca, &[&format!("https://127.0.0.1:{}/", ports[2])]);
    gateway.process.line_with(&[words], Duration::from_secs(20));
    wrong.check(refusals(&gateway, "listen/proxy-protocol") > 0, || {
        "it was not counted".to_owned()
    });
    wrong.equal("one that says nothing", told(&app), Vec::<String>::new());
}

#[test]
fn who_is_not_named_is_not_believed_and_is_told_of() {
    let app = Recorder::start();
    let config = format!("[tls]\nmode = \"off\"\n[listen]\nproxy_protocol = [\"{BALANCER}\"]\n");
    let mut gateway = Gateway::before(&app.origin(), &config);
    let mut wrong = Verdicts::default();
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let line = "PROXY TCP4 6.6.6.6 127.0.0.1 1 2\r\n";
    let block = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x06\x06\x06\x06\x7f\0\0\x01\0\x01\0\x02";
    // What a client writes behind the balancer's own header is no second one.
    let (_haproxy, ports) = haproxy(gateway.dir.path(), &[(gateway.port(), "send-proxy")]);
    let through = format!("127.0.0.1:{}", ports[0]);
    for address in [gateway.address(), &through] {
        for header in [line, block] {
            let reply = raw(address, format!("{header}{request}").as_bytes());
            wrong.equal(header, statuses(&reply.text()), vec![400]);
        }
        wrong.equal(address, told(&app), Vec::<String>::new());
    }
    let reply = raw(&through, request.as_bytes());
    wrong.equal("none of its own", statuses(&reply.text()), vec![200]);
    let words = [
        "nobody has named it",
        "proxy_protocol = [\\\"127.0.0.1\\\"]",
    ];
    gateway.process.line_with(&words, Duration::from_secs(20));
}

#[test]
fn what_is_no_list_of_balancers_says_what_to_write() {
    for (written, words) in [
        ("true", "a list of the load balancers"),
        ("[\"lopback\"]", "did you mean `loopback`?"),
        (
            "[\"0.0.0.0/0\"]",
            "name the addresses or networks of the load balancers",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("panoply.toml");
        let text = format!(
            "[app]\nupstream = \"http://127.0.0.1:1\"\n[listen]\nproxy_protocol = {written}\n"
        );
        std::fs::write(&config, text).unwrap();
        let state = dir.path().join("state");
        let mut check = panoply();
        check
            .arg("check")
            .arg("--config")
            .arg(&config)
            .arg("--state")
            .arg(state);
        let said = check.output().unwrap();
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            said.contains(words) && said.contains("panoply.toml:4"),
            "{said}"
        );
    }
}
