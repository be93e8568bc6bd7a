//! Certificates from an ACME directory: pebble, with its faults.

use super::support;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use panoply_acme::{AcmeBuilder, AcmeConfig, Standing};
use panoply_core::{Clock, ManualClock};
use panoply_tls::{Lasting, Mode, TlsConfig};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::acme::{Kept, certified, fingerprint, refused, status, visit};
use support::upgrade::Last;
use support::{Gateway, Pebble, Recorder, curl, curl_fails, panoply, text, wait_for};

#[test]
fn nothing_but_a_domain_and_the_same_certificate_after_a_restart() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    let config = pebble.config("[\"shop.example\", \"www.shop.example\"]", "");
    let mut gateway = Gateway::before(&app.origin(), &config);
    // Nobody has waited for a certificate; HSTS would nail down one that nobody trusts.
    let early = visit(&gateway.ca(), &pebble, "localhost");
    assert_eq!(early.status, 200);
    assert_eq!(early.header("strict-transport-security"), None);
    let status = certified(&gateway);
    assert_eq!(
        status["certificates"].as_array().unwrap().len(),
        3,
        "{status}"
    );
    let root = pebble.root();
    for name in ["shop.example", "www.shop.example"] {
        let answer = visit(&root, &pebble, name);
        assert_eq!(answer.status, 200);
        assert!(answer.header("strict-transport-security").is_some());
    }
    // By a handshake, which comes first, and not by a request.
    assert_eq!(pebble.count("Attempting to validate w/ HTTP"), 0);
    assert_eq!(pebble.count("Issued certificate"), 2);
    let metrics = wait_for("the certificates' ends", Duration::from_secs(30), || {
        let metrics = curl(&root, &[&format!("{}/metrics", gateway.admin)]).text();
        metrics
            .contains("names=\"www.shop.example\",source=\"acme\"")
            .then_some(metrics)
    });
    assert!(
        metrics.contains("panoply_certificates_missing 0"),
        "{metrics}"
    );
    // The way to HTTPS stays, also below the path of the challenges.
    let plain = format!(
        "http://127.0.0.1:{}/.well-known/acme-challenge/other",
        pebble.http
    );
    assert_eq!(curl(&root, &[&plain]).status, 308);
    // A handshake that asks for an answer that nobody has given fails.
    let asked = Command::new("timeout")
        .args([
            "10",
            "openssl",
            "s_client",
            "-alpn",
            "acme-tls/1",
            "-servername",
            "shop.example",
        ])
        .args(["-connect", &format!("127.0.0.1:{}", pebble.https)])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!text(&asked.stdout).contains("BEGIN CERTIFICATE"));

    let before = fingerprint(&pebble, "shop.example");
    gateway.process.signal(Signal::TERM);
    gateway.process.status(Duration::from_secs(20));
    let again = Gateway::setup()
        .config(&config)
        .upstream(&app.origin())
        .state_of(&gateway)
        .start();
    assert_eq!(fingerprint(&pebble, "shop.example"), before);
    assert_eq!(visit(&root, &pebble, "shop.example").status, 200);
    assert_eq!(pebble.count("Issued certificate"), 2);
    drop(again);
}

#[test]
fn from_a_handshake_to_a_request_where_the_first_does_not_come_through() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    // Port 443 leads elsewhere, as behind a proxy that ends TLS by itself.
    let elsewhere = support::free_port();
    let config = pebble.config("[\"shop.example\"]", "");
    let config = config.replace(&pebble.https.to_string(), &elsewhere.to_string());
    let mut gateway = Gateway::before(&app.origin(), &config);
    certified(&gateway);
    assert!(pebble.count("Attempting to validate w/ HTTP") > 0);
    let patience = Duration::from_secs(20);
    gateway.process.line_with(&["tls-alpn-01"], patience);
}

#[test]
fn several_names_a_wildcard_and_an_address() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    let hook = pebble.dns_hook().display().to_string();
    let acme = format!("dns_hook = [\"{hook}\"]\ntogether = true");
    let config = pebble.config("[\"shop.example\", \"*.shop.example\"]", &acme);
    let gateway = Gateway::before(&app.origin(), &config);
    certified(&gateway);
    let root = pebble.root();
    for name in ["shop.example", "a.shop.example", "b.shop.example"] {
        assert_eq!(visit(&root, &pebble, name).status, 200, "{name}");
    }
    assert_eq!(pebble.count("Issued certificate"), 1);
    let log = pebble.hook_log();
    let calls = |what: &str| log.lines().filter(|line| **line == *what).count();
    assert_eq!(calls("present _acme-challenge.shop.example"), 2, "{log}");
    assert_eq!(calls("cleanup _acme-challenge.shop.example"), 2, "{log}");
    drop(gateway);

    let config = pebble.config("[\"127.0.0.1\"]", "challenges = [\"tls-alpn-01\"]");
    let gateway = Gateway::before(&app.origin(), &config);
    certified(&gateway);
    let url = format!("https://127.0.0.1:{}/", pebble.https);
    assert_eq!(curl(&root, &[&url]).status, 200);
}

#[test]
fn rejected_nonces_and_slow_validations() {
    let faults = [
        ("PEBBLE_WFE_NONCEREJECT", "20"),
        ("PEBBLE_VA_SLEEPTIME", "3"),
        ("PEBBLE_CHAIN_LENGTH", "3"),
    ];
    let (pebble, app) = (Pebble::start(&faults, &Value::Null), Recorder::start());
    let gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", ""));
    // While it is decided, the app is served.
    assert_eq!(visit(&gateway.ca(), &pebble, "shop.example").status, 200);
    certified(&gateway);
    assert_eq!(visit(&pebble.root(), &pebble, "shop.example").status, 200);
}

#[test]
fn an_order_that_an_upgrade_breaks_off_is_made_anew() {
    let slow = [("PEBBLE_VA_SLEEPTIME", "4")];
    let (pebble, app) = (Pebble::start(&slow, &Value::Null), Recorder::start());
    let gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", ""));
    let last = Last::of(&gateway);
    wait_for("the order", Duration::from_secs(20), || {
        (pebble.count("Pulled a task") > 0).then_some(())
    });
    let (done, said) = last.upgrade();
    assert!(done, "{said}");
    certified(&gateway);
    assert_eq!(visit(&pebble.root(), &pebble, "shop.example").status, 200);
    // It is none that has failed: nobody had to wait for the next.
    let said = gateway.process.said().join("\n");
    assert!(!said.contains("no certificate"), "{said}");
}

#[test]
fn an_account_with_the_authority() {
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let more = json!({
        "externalAccountBindingRequired": true,
        "externalAccountMACKeys": { "kid-1": key },
    });
    let quick = [("PEBBLE_VA_NOSLEEP", "1")];
    let (pebble, app) = (Pebble::start(&quick, &more), Recorder::start());
    let without = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", ""));
    let said = refused(&without);
    assert!(said.contains("external_account ="), "{said}");
    drop(without);
    let account = format!("external_account = {{ id = \"kid-1\", key = \"{key}\" }}");
    let other = account.replace("zWND", "AAAA");
    let wrong = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", &other));
    let said = refused(&wrong);
    assert!(said.contains("`acme.external_account`"), "{said}");
    drop(wrong);
    let with = Gateway::before(
        &app.origin(),
        &pebble.config("[\"shop.example\"]", &account),
    );
    certified(&with);
}

#[test]
fn a_name_that_points_elsewhere_is_explained_and_not_asked_for_in_a_loop() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    pebble.point("shop.example", "127.9.9.9");
    let gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", ""));
    let said = wait_for("an explanation", Duration::from_mins(1), || {
        let output = panoply()
            .args(["status", "--state"])
            .arg(gateway.dir.path().join("state"))
            .output()
            .unwrap();
        let said = text(&output.stdout);
        said.contains("Tried again").then_some(said)
    });
    for part in [
        "certificate  shop.example",
        "stands in",
        "Port 80 of shop.example must be reached from the internet",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    // Each kind once, and nothing more for two minutes, whoever restarts.
    assert_eq!(pebble.count("Added order"), 2);
    assert_eq!(visit(&gateway.ca(), &pebble, "shop.example").status, 200);
}

#[test]
fn a_wrong_answer_is_explained() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    let hook = pebble
        .dns_hook_that_says("something else")
        .display()
        .to_string();
    let acme = format!("dns_hook = [\"{hook}\"]");
    let gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", &acme));
    let said = refused(&gateway);
    assert!(said.contains("does not have the TXT record"), "{said}");
    assert_eq!(pebble.count("Issued certificate"), 0);
    assert_eq!(pebble.count("Added order"), 1);
    drop(gateway);

    // Somebody else answers on the port that the name's requests come to.
    let stranger = Recorder::start();
    let port = support::authority(&stranger.origin())
        .rsplit(':')
        .next()
        .map(|port| port.parse::<u16>().unwrap());
    let quick = [("PEBBLE_VA_NOSLEEP", "1")];
    let pebble = Pebble::start(&quick, &json!({ "httpPort": port }));
    let config = pebble.config("[\"shop.example\"]", "challenges = [\"http-01\"]");
    let gateway = Gateway::before(&app.origin(), &config);
    let said = refused(&gateway);
    assert!(said.contains("Somebody else answers on port 80"), "{said}");
    assert_eq!(pebble.count("Issued certificate"), 0);
    assert!(stranger.seen().contains("/.well-known/acme-challenge/"));
}

#[test]
fn the_account_is_the_same_after_a_restart() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    let mut gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", ""));
    certified(&gateway);
    gateway.process.signal(Signal::TERM);
    gateway.process.status(Duration::from_secs(20));
    let names = "[\"shop.example\", \"www.shop.example\"]";
    let both = pebble.config(names, "contact = \"ops@shop.example\"");
    let mut again = Gateway::setup()
        .config(&both)
        .upstream(&app.origin())
        .state_of(&gateway)
        .start();
    // The state is where it was.
    certified(&gateway);
    assert_eq!(pebble.count("Issued certificate"), 2);
    assert_eq!(pebble.count("There are now 1 accounts"), 1);
    assert_eq!(pebble.count("There are now 2 accounts"), 0);
    let patience = Duration::from_secs(20);
    again
        .process
        .line_with(&["was told of `acme.contact`"], patience);
}

#[test]
fn a_directory_that_is_away_keeps_nobody_waiting() {
    let app = Recorder::start();
    let pebble = Pebble::quick();
    let mut config = pebble.config("[\"shop.example\"]", "");
    let nowhere = support::free_port();
    let start = config.find("directories = [\"").unwrap();
    let end = start + config[start..].find(']').unwrap();
    let both = format!("directories = [\"https://127.0.0.1:{nowhere}/dir\"");
    config.replace_range(start..end, &both);
    let gateway = Gateway::before(&app.origin(), &config);
    assert_eq!(visit(&gateway.ca(), &pebble, "shop.example").status, 200);
    let said = refused(&gateway);
    assert!(said.contains("Can this machine reach"), "{said}");
    // A root that the local authority has not signed is not trusted with it.
    let url = format!("https://shop.example:{}/", pebble.https);
    let to = format!("shop.example:{}:127.0.0.1", pebble.https);
    assert!(curl_fails(&pebble.root(), &["--resolve", &to, &url]).contains("60"));
}

#[test]
fn two_gateways_on_one_state_directory_order_once() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    let config = pebble.config("[\"shop.example\"]", "challenges = [\"http-01\"]");
    let one = Gateway::before(&app.origin(), &config);
    let own = config
        .replace(&pebble.http.to_string(), &support::free_port().to_string())
        .replace(&pebble.https.to_string(), &support::free_port().to_string());
    let two = Gateway::setup()
        .config(&own)
        .upstream(&app.origin())
        .state_of(&one)
        .start();
    certified(&one);
    let two_port = two.port();
    let to = format!("shop.example:{two_port}:127.0.0.1");
    let url = format!("https://shop.example:{two_port}/");
    let root = pebble.root();
    wait_for(
        "the other one's certificate",
        Duration::from_secs(40),
        || {
            let output = Command::new("curl")
                .args(["-s", "--cacert"])
                .arg(&root)
                .args(["--resolve", &to, &url])
                .output()
                .unwrap();
            output.status.success().then_some(())
        },
    );
    assert_eq!(pebble.count("Issued certificate"), 1);
}

#[test]
fn renewed_while_everybody_is_served() {
    let more = json!({ "certificateValidityPeriod": 30 });
    let quick = [("PEBBLE_VA_NOSLEEP", "1")];
    let (pebble, app) = (Pebble::start(&quick, &more), Recorder::start());
    let gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", ""));
    certified(&gateway);
    let root = pebble.root();
    let before = fingerprint(&pebble, "shop.example");
    // At two thirds of half a minute; meanwhile each visit is a handshake of its own.
    let mut visits = 0;
    wait_for("the renewal", Duration::from_secs(40), || {
        assert_eq!(visit(&root, &pebble, "shop.example").status, 200);
        visits += 1;
        (fingerprint(&pebble, "shop.example") != before).then_some(())
    });
    assert!(visits > 10, "{visits}");
    assert_eq!(visit(&root, &pebble, "shop.example").status, 200);
    assert_eq!(pebble.count("Issued certificate"), 2);
}

#[test]
fn revoked_by_hand_and_replaced() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    let gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", ""));
    certified(&gateway);
    let before = fingerprint(&pebble, "shop.example");
    let serial = pebble.last_serial();
    assert_eq!(pebble.status_of(&serial), "Valid");
    let revoke = |name: &str| {
        let output = panoply()
            .args([
                "certificates",
                "revoke",
                name,
                "--reason",
                "key-compromise",
                "--state",
            ])
            .arg(gateway.dir.path().join("state"))
            .output()
            .unwrap();
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let (code, said) = revoke("other.example");
    assert_eq!(code, Some(2));
    assert!(
        said.contains("held for `other.example`\n`panoply status`"),
        "{said}"
    );
    let (code, said) = revoke("Shop.example");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is revoked"), "{said}");
    assert_eq!(pebble.status_of(&serial), "Revoked");
    wait_for("another certificate", Duration::from_secs(20), || {
        (fingerprint(&pebble, "shop.example") != before).then_some(())
    });
    assert_eq!(visit(&pebble.root(), &pebble, "shop.example").status, 200);
    assert_eq!(pebble.status_of(&pebble.last_serial()), "Valid");
    assert_eq!(pebble.count("There are now 2 accounts"), 0);
}

#[test]
fn names_that_handshakes_ask_for() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    // The app itself says which domains are its customers'.
    let table = format!(
        "[acme.on_demand]\nallow = \"{}/ours\"\norders_per_hour = 2\n",
        app.origin()
    );
    let mut gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", &table));
    certified(&gateway);
    let root = pebble.root();
    // The first handshake waits for it, also when many come at once.
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                assert_eq!(visit(&root, &pebble, "one.customer.example").status, 200);
            });
        }
    });
    // The directory's own handshake is no part of those: it would wait for the order that waits for
    // it, until one of them gives up after 16 seconds or more; otherwise it is one or two.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(14), "{took:?}");
    let answer = visit(&root, &pebble, "one.customer.example");
    assert!(answer.header("strict-transport-security").is_some());
    assert_eq!(pebble.count("Issued certificate"), 2);
    assert_eq!(
        app.seen()
            .matches("/ours?domain=one.customer.example")
            .count(),
        1
    );
    // Who comes by HTTP first is led to the handshake that makes the name one of the site's, and no further.
    let foreign = |url: &str| curl(&root, &["-H", "Host: three.customer.example", url]).status;
    assert_eq!(foreign(&format!("http://127.0.0.1:{}/", pebble.http)), 308);
    let https = format!("https://one.customer.example:{}/", pebble.https);
    let to = format!("one.customer.example:{}:127.0.0.1", pebble.https);
    let asked = [
        "--resolve",
        &to,
        "-H",
        "Host: three.customer.example",
        &https,
    ];
    assert_eq!(curl(&root, &asked).status, 421);
    assert_eq!(visit(&root, &pebble, "two.customer.example").status, 200);
    // That was the hour's.
    let port = pebble.https;
    let url = format!("https://three.customer.example:{port}/");
    let to = format!("three.customer.example:{port}:127.0.0.1");
    assert!(curl_fails(&root, &["--resolve", &to, &url]).contains("60"));
    assert_eq!(pebble.count("Issued certificate"), 3);
    let said = status(&gateway);
    let standing = said["certificates"][3]["standing"].as_str().unwrap();
    assert!(standing.contains("orders_per_hour"), "{said}");
    // Whoever has a connection keeps it over a reload.
    let mut kept = Kept::open(pebble.https, "one.customer.example");
    assert!(kept.ask("one.customer.example").contains("200"));
    gateway.process.signal(Signal::HUP);
    let patience = Duration::from_secs(20);
    gateway.process.line_with(&["has been reloaded"], patience);
    assert!(kept.ask("one.customer.example").contains("200"));
    assert!(kept.ask("three.customer.example").contains("421"));
    drop(gateway);

    let refusing = Recorder::answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let table = table.replace(&app.origin(), &refusing.origin());
    let gateway = Gateway::before(&app.origin(), &pebble.config("[\"shop.example\"]", &table));
    certified(&gateway);
    assert!(curl_fails(&root, &["--resolve", &to, &url]).contains("60"));
    assert!(
        refusing
            .seen()
            .contains("/ours?domain=three.customer.example")
    );
    assert_eq!(pebble.count("Issued certificate"), 4);
}

/// Who it is cannot be known before TLS is spoken: the bound of one client would be that of all. And the hook is
/// started as it would be without a gateway.
#[test]
fn whoever_comes_by_a_trusted_balancer_is_not_one_client() {
    let app = Recorder::start();
    let hook = "echo \"$(ulimit -Sn) $0\" >> asked; exit 1";
    let config = format!(
        "[tls]\ndomains = [\"shop.example.com\"]\n[acme]\ncontact = \"ops@example.com\"\n\
         directories = [\"https://127.0.0.1:1/directory\"]\ntemporary_state = true\n[acme.on_demand]\n\
         allow = [\"/bin/sh\", \"-c\", {hook:?}]\n[client]\ntrusted_proxies = [\"loopback\"]\n"
    );
    let gateway = Gateway::setup()
        .config(&config)
        .upstream(&app.origin())
        .through(&["sh", "-c", "ulimit -Sn 256; exec \"$0\" \"$@\""])
        .start();
    let port = gateway.port();
    for number in 0..130 {
        let name = format!("n{number}.customer.example");
        let to = format!("{name}:{port}:127.0.0.1");
        let url = format!("https://{name}:{port}/");
        let said = curl_fails(&gateway.ca(), &["--resolve", &to, &url]);
        assert!(said.contains("60"), "{said}");
    }
    let asked = std::fs::read_to_string(gateway.dir.path().join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 130);
    let limits: Vec<_> = asked
        .lines()
        .filter(|line| !line.starts_with("256 "))
        .collect();
    assert!(limits.is_empty(), "{limits:?}");
}

/// The directory itself, and the hour moved.
#[tokio::test]
async fn a_directory_that_is_down_for_an_hour() {
    let always = [("PEBBLE_VA_ALWAYS_VALID", "1"), ("PEBBLE_VA_NOSLEEP", "1")];
    // Its certificates begin today, and the clock that is moved stands some years later.
    let long = json!({ "certificateValidityPeriod": 630_720_000 });
    let mut pebble = Pebble::start(&always, &long);
    let (clock, state) = (ManualClock::new(), tempfile::tempdir().unwrap());
    let lasting = Lasting::default();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let tls = TlsConfig::new().mode(Mode::Acme).domains(["shop.example"]);
    let tls = tls.build_with(state.path(), Arc::clone(&shared), &lasting);
    let tls = Arc::new(tls.unwrap().unwrap());
    let (directory, roots) = pebble.directory();
    let config = format!(
        "directories = [\"{directory}\"]\nroots = \"{}\"",
        roots.display()
    );
    let config: AcmeConfig = toml::from_str(&config).unwrap();
    let names = ["shop.example"];
    let builder = AcmeBuilder::new(config, names, Arc::clone(&tls), lasting.challenges, shared);
    let acme = builder.open(state.path()).unwrap();
    pebble.stop();
    let mut steps = 0;
    for _ in 0..60 {
        acme.step().await;
        steps += u32::from(matches!(acme.states()[0].standing, Standing::Failed { .. }));
        clock.advance(Duration::from_mins(1));
    }
    assert_eq!(steps, 60);
    assert!(acme.states()[0].certificate.is_none());
    pebble.start_again(&always);
    let mut minutes = 0;
    while acme.states()[0].certificate.is_none() {
        assert!(minutes <= 20, "{:?}", acme.states());
        clock.advance(Duration::from_mins(1));
        minutes += 1;
        acme.step().await;
    }
    assert_eq!(pebble.count("Issued certificate"), 1);
    assert!(tls.covers("shop.example"));
}

#[test]
fn renewed_when_the_directory_says_and_by_profile() {
    let more = json!({ "certificateValidityPeriod": 300 });
    let quick = [("PEBBLE_VA_NOSLEEP", "1")];
    let (mut pebble, app) = (Pebble::start(&quick, &more), Recorder::start());
    let stub = pebble.with_renewal_information();
    let config = pebble.config("[\"shop.example\"]", "profile = \"shortlived\"");
    let gateway = Gateway::before(&app.origin(), &config);
    certified(&gateway);
    wait_for("the order in its place", Duration::from_mins(1), || {
        let said = stub.said();
        let renewals = said
            .iter()
            .filter(|line| line.contains("profile=shortlived replaces="));
        renewals
            .clone()
            .any(|line| !line.contains("undefined"))
            .then_some(())
    });
    wait_for("two certificates", Duration::from_secs(20), || {
        (pebble.count("Issued certificate") == 2).then_some(())
    });
    // The second is good for long, so that nothing more is asked for.
    let standing = wait_for("the word on the second", Duration::from_secs(20), || {
        let one = status(&gateway)["certificates"][0].clone();
        one["standing"]
            .as_str()?
            .contains("in force")
            .then_some(one)
    });
    assert_eq!(standing["names"], json!(["shop.example"]));
    // Orders that were made; pebble rejects a nonce now and then, and such a one is sent again.
    assert_eq!(pebble.count("Added order"), 2);
    drop(gateway);

    let config = config.replace("shortlived", "shortlifed");
    let gateway = Gateway::before(&app.origin(), &config);
    let said = refused(&gateway);
    assert!(said.contains("`acme.profile`"), "{said}");
}
