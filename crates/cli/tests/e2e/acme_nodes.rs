//! Nodes that share a store order once, and all of them serve.

use super::support;

use std::process::Command;
use std::time::Duration;

use panoply_store_test::PostgresServer;
use rustix::process::Signal;
use serde_json::Value;
use support::acme::{shown_at, status, visit};
use support::{Gateway, Pebble, Recorder, Redis, Setup, text, wait_for};

/// Nodes with one store; the directory finds the last of them only.
fn nodes(pebble: &Pebble, store: &str, app: &Recorder, many: usize) -> Vec<Setup> {
    let config = pebble.config("[\"shop.example\"]", "");
    let config =
        format!("{config}[store]\nurl = \"{store}\"\nsecret = \"a secret of all nodes\"\n");
    let node = |number| {
        let mut config = config.clone();
        if number + 1 < many {
            for port in [pebble.http, pebble.https] {
                let other = support::free_port().to_string();
                config = config.replace(&format!(":{port}\""), &format!(":{other}\""));
            }
        }
        Gateway::setup().config(&config).upstream(&app.origin())
    };
    (0..many).map(node).collect()
}

/// Waits until all of them show one certificate, which is not a local one.
fn agreed(gateways: &[Gateway], limit: Duration) {
    wait_for("one certificate everywhere", limit, || {
        let shown = gateways
            .iter()
            .map(|gateway| shown_at(gateway.port(), "shop.example"));
        let shown: Vec<String> = shown.collect();
        let same = shown.iter().all(|one| *one == shown[0] && !one.is_empty());
        let ours = status(&gateways[0])["certificates"][0]["valid_until"].is_string();
        (same && ours).then_some(())
    });
}

#[test]
fn three_nodes_on_one_redis_order_once_and_all_serve() {
    let (pebble, app, redis) = (Pebble::quick(), Recorder::start(), Redis::start());
    let nodes = nodes(&pebble, &redis.url(), &app, 3);
    let gateways: Vec<Gateway> = nodes.into_iter().map(Setup::start).collect();
    agreed(&gateways, Duration::from_mins(1));
    assert_eq!(pebble.count("Issued certificate"), 1);
    assert_eq!(pebble.count("There are now 1 accounts"), 1);
    assert_eq!(pebble.count("There are now 2 accounts"), 0);
    assert_eq!(visit(&pebble.root(), &pebble, "shop.example").status, 200);

    // Whoever comes back to another node takes up its session there.
    let session = gateways[0].dir.path().join("session").display().to_string();
    let request = gateways[0].dir.path().join("request");
    std::fs::write(
        &request,
        "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n",
    )
    .unwrap();
    let greet = |gateway: &Gateway, version: &str, how: &str| {
        let output = Command::new("timeout")
            .args(["10", "openssl", "s_client", "-ign_eof", version])
            .args(["-servername", "shop.example"])
            .args(["-connect", &format!("127.0.0.1:{}", gateway.port())])
            .args([how, &session])
            // TLS 1.3 has its tickets behind the handshake: whoever leaves at once has none.
            .stdin(std::fs::File::open(&request).unwrap())
            .output()
            .unwrap();
        text(&output.stdout)
    };
    // Each has made a key, and hears of the others' within seconds.
    for (version, said) in [
        ("-tls1_2", "Reused, TLSv1.2"),
        ("-tls1_3", "Reused, TLSv1.3"),
    ] {
        wait_for("sessions that go on", Duration::from_secs(30), || {
            greet(&gateways[0], version, "-sess_out");
            let goes_on = |gateway| greet(gateway, version, "-sess_in").contains(said);
            gateways[1..].iter().all(goes_on).then_some(())
        });
    }
}

#[test]
fn three_nodes_on_one_postgres_order_once_and_all_serve() {
    let postgres = PostgresServer::start();
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    let nodes = nodes(&pebble, &postgres.url(), &app, 3);
    let gateways: Vec<Gateway> = nodes.into_iter().map(Setup::start).collect();
    agreed(&gateways, Duration::from_mins(1));
    assert_eq!(pebble.count("Issued certificate"), 1);
}

#[test]
fn another_node_goes_on_where_one_was_killed() {
    let slow = [("PEBBLE_VA_SLEEPTIME", "5")];
    let pebble = Pebble::start(&slow, &Value::Null);
    let (app, redis) = (Recorder::start(), Redis::start());
    let mut nodes = nodes(&pebble, &redis.url(), &app, 3).into_iter();
    let mut first = nodes.next().unwrap().start();
    first
        .process
        .line_with(&["a certificate is being ordered"], Duration::from_secs(20));
    let others: Vec<Gateway> = nodes.map(Setup::start).collect();
    first.process.signal(Signal::KILL);
    first.process.status(Duration::from_secs(10));
    agreed(&others, Duration::from_mins(2));
    assert_eq!(pebble.count("Issued certificate"), 1);
}
