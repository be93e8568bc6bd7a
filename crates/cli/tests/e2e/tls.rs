//! Certificates and the handshake, by openssl, curl and testssl.sh.

use super::support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use support::{
    Gateway, Pki, Recorder, Verdicts, curl, curl_fails, panoply, require, text, wait_for,
};

/// What `openssl s_client` says of a handshake.
pub(super) fn handshake(address: &str, arguments: &[&str]) -> String {
    require("openssl");
    let output = Command::new("timeout")
        .args(["10", "openssl", "s_client", "-connect", address])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn the_local_ca_is_kept_named_and_good_for_clients() {
    let app = Recorder::start();
    let mut gateway = Gateway::setup()
        .upstream(&app.origin())
        .arguments(&["--domain", "shop.test"])
        .config(
            "[tls]\nmode = \"local\"\n[listen]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\n",
        )
        .start();
    let mut wrong = Verdicts::default();
    let ca = gateway.ca();
    let named = ["browsers trust it once they trust ca", "ca.pem"];
    gateway.process.line_with(&named, Duration::from_secs(10));
    for host in ["localhost", "127.0.0.1", "shop.test"] {
        let url = format!("https://{host}:{}/", gateway.port());
        let answer = curl(
            &ca,
            &[
                "--resolve",
                &format!("{host}:{}:127.0.0.1", gateway.port()),
                &url,
            ],
        );
        wrong.equal(host, answer.status, 200);
    }
    let other = format!("other.test:{}:127.0.0.1", gateway.port());
    let refused = curl_fails(
        &ca,
        &[
            "--resolve",
            &other,
            &format!("https://other.test:{}/", gateway.port()),
        ],
    );
    wrong.check(refused.contains("60") || refused.contains("35"), || {
        refused.clone()
    });
    let refused = curl_fails("/etc/hostname".as_ref(), &[&gateway.url("/")]);
    wrong.check(!refused.is_empty(), String::new);

    let inspect = |what: &[&str]| {
        let output = Command::new("openssl")
            .args(["x509", "-noout", "-in"])
            .arg(&ca)
            .args(what)
            .output()
            .unwrap();
        text(&output.stdout)
    };
    wrong.check(
        inspect(&["-ext", "basicConstraints"]).contains("CA:TRUE"),
        || inspect(&["-text"]),
    );
    wrong.check(
        inspect(&["-checkend", "300000000"]).contains("will not expire"),
        || inspect(&["-enddate"]),
    );
    for entry in std::fs::read_dir(gateway.dir.path().join("state"))
        .unwrap()
        .flatten()
    {
        let private =
            std::fs::read_to_string(entry.path()).is_ok_and(|pem| pem.contains("PRIVATE KEY"));
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        wrong.check(!private || mode.trailing_zeros() >= 6, || {
            format!("{:?} has mode {mode:o}", entry.path())
        });
    }

    // A second start keeps the CA, so that who trusted it once need not do so again.
    let before = std::fs::read(&ca).unwrap();
    gateway.process.signal(Signal::TERM);
    gateway.process.status(Duration::from_secs(8));
    let again = Gateway::setup()
        .state_of(&gateway)
        .upstream(&app.origin())
        .start();
    wrong.check(std::fs::read(&ca).unwrap() == before, || {
        "the CA was made anew".to_owned()
    });
    wrong.equal("again", curl(&ca, &[&again.url("/")]).status, 200);
    wrong.settle();
}

#[test]
fn the_handshake_is_mozillas_intermediate() {
    let app = Recorder::start();
    let gateway = Gateway::before(&app.origin(), "");
    let (address, ca) = (gateway.address(), gateway.ca());
    let mut wrong = Verdicts::default();
    let ca = ca.to_str().unwrap();
    for (flag, version) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let said = handshake(
            address,
            &[
                flag,
                "-CAfile",
                ca,
                "-verify_return_error",
                "-alpn",
                "h2,http/1.1",
            ],
        );
        wrong.check(said.contains(&format!("New, {version}")), || {
            format!("{version}: {said}")
        });
        wrong.check(said.contains("ALPN protocol: h2"), || {
            format!("{version}: ALPN {said}")
        });
    }
    for flag in ["-tls1_1", "-tls1"] {
        let said = handshake(address, &[flag, "-cipher", "ALL:@SECLEVEL=0"]);
        wrong.check(said.contains("Cipher is (NONE)"), || {
            format!("{flag} was taken: {said}")
        });
    }
    for cipher in [
        "AES128-SHA",
        "AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-SHA256",
        "DHE-RSA-AES128-GCM-SHA256",
    ] {
        let said = handshake(address, &["-tls1_2", "-cipher", cipher]);
        wrong.check(said.contains("Cipher is (NONE)"), || {
            format!("{cipher} was taken")
        });
    }
    let said = handshake(address, &["-alpn", "spdy/3"]);
    wrong.check(!said.contains("ALPN protocol: spdy"), || said.clone());
    // Tickets: a session is taken up again.
    let session = gateway.dir.path().join("session");
    handshake(
        address,
        &["-tls1_2", "-sess_out", session.to_str().unwrap()],
    );
    let said = handshake(address, &["-tls1_2", "-sess_in", session.to_str().unwrap()]);
    wrong.check(said.contains("Reused, TLSv1.2"), || said.clone());

    let modern = Gateway::before(
        &app.origin(),
        "[tls]\nmode = \"local\"\nprofile = \"modern\"\n",
    );
    let said = handshake(modern.address(), &["-tls1_2"]);
    wrong.check(said.contains("Cipher is (NONE)"), || {
        "TLS 1.2 was taken in 1.3 only".to_owned()
    });
    wrong.equal(
        "1.3 only",
        curl(&modern.ca(), &[&modern.url("/")]).status,
        200,
    );
    wrong.settle();
}

#[test]
fn certificates_from_files_are_reloaded_and_picked_by_name() {
    let app = Recorder::start();
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let (certificate, key) = pki.leaf("localhost", "DNS:localhost,IP:127.0.0.1");
    let config = format!(
        "[tls]\nmode = \"files\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    );
    let mut gateway = setup.config(&config).upstream(&app.origin()).start();
    let mut wrong = Verdicts::default();
    let serial = |gateway: &Gateway| {
        let said = handshake(gateway.address(), &["-servername", "localhost"]);
        let start = said
            .find("-----BEGIN")
            .unwrap_or_else(|| panic!("no certificate: {said}"));
        said[start..start + 400].to_owned()
    };
    let first = serial(&gateway);
    wrong.equal(
        "by files",
        curl(&pki.ca(), &[&gateway.url("/")]).status,
        200,
    );

    // Half a renewal, then a broken one: the old certificate stays in force.
    let (good, good_key) = (
        std::fs::read(&certificate).unwrap(),
        std::fs::read(&key).unwrap(),
    );
    std::fs::write(&certificate, "not a certificate").unwrap();
    gateway.process.signal(Signal::HUP);
    std::thread::sleep(Duration::from_millis(500));
    wrong.equal(
        "a broken file",
        curl(&pki.ca(), &[&gateway.url("/")]).status,
        200,
    );
    std::fs::write(&certificate, good).unwrap();
    std::fs::write(&key, good_key).unwrap();

    // A new leaf in the same files is served without anybody asking.
    pki.leaf("localhost", "DNS:localhost,IP:127.0.0.1");
    wait_for("the renewed certificate", Duration::from_secs(75), || {
        (serial(&gateway) != first).then_some(())
    });
    wrong.check(gateway.process.is_running(), || "it ended".to_owned());
    wrong.settle();
}

#[test]
fn a_reload_without_tls_leaves_it_to_who_is_sent_there() {
    let app = Recorder::start();
    let mut gateway = Gateway::before(&app.origin(), "");
    std::fs::write(gateway.config_path(), "[tls]\nmode = \"off\"\n").unwrap();
    gateway.process.signal(Signal::HUP);
    let limit = Duration::from_secs(10);
    gateway.process.line_with(&["has been reloaded"], limit);
    let told = ["tls.mode", "only after a restart"];
    gateway.process.line_with(&told, limit);
    let http = gateway.http.clone().unwrap();
    let ca = gateway.ca();
    let sent = curl(&ca, &[&http]).header("location").unwrap();
    assert_eq!(sent, gateway.url("/"));
    assert_eq!(curl(&ca, &[&sent]).status, 200);
}

#[test]
fn wrong_files_are_refused_at_start() {
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let (certificate, _) = pki.leaf("one", "DNS:one.test");
    let (_, other_key) = pki.leaf("two", "DNS:two.test");
    let mut wrong = Verdicts::default();
    for (what, certificate, key) in [
        (
            "a key of another certificate",
            certificate.as_path(),
            other_key.as_path(),
        ),
        ("no such file", "/none.pem".as_ref(), other_key.as_path()),
        (
            "a key in place of a certificate",
            other_key.as_path(),
            other_key.as_path(),
        ),
    ] {
        let toml = format!(
            "[app]\nupstream = \"http://127.0.0.1:9\"\n[listen]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\n\
             [tls]\nmode = \"files\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
            certificate.display(),
            key.display()
        );
        let path = setup.dir().join("panoply.toml");
        std::fs::write(&path, toml).unwrap();
        let output = Command::new("timeout")
            .arg("10")
            .arg(panoply().get_program())
            .args(["run", "--config"])
            .arg(&path)
            .current_dir(setup.dir())
            .output()
            .unwrap();
        let said = text(&output.stderr);
        wrong.check(
            output
                .status
                .code()
                .is_some_and(|code| code != 0 && code != 124),
            || format!("{what}: {} {said}", output.status),
        );
        wrong.check(said.contains(".pem") || said.contains(".key"), || {
            format!("{what} names no file: {said}")
        });
        wrong.check(!said.contains("PRIVATE KEY"), || {
            format!("{what} shows the key")
        });
    }
    wrong.settle();
}

/// A gateway with certificates from files, whose authority clients trust.
fn graded(profile: &str) -> (Gateway, PathBuf, Recorder) {
    let app = Recorder::start();
    let setup = Gateway::setup();
    let pki = Pki::new(setup.dir());
    let (certificate, key) = pki.leaf("localhost", "DNS:localhost,IP:127.0.0.1");
    let config = format!(
        "[tls]\nmode = \"files\"\nprofile = \"{profile}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    );
    let gateway = setup.config(&config).upstream(&app.origin()).start();
    (gateway, pki.ca(), app)
}

/// An `openssl` for testssl, which ends the input of a client that keeps a session only when
/// there is one to keep: with TLS 1.3 it comes after the handshake, and testssl's own client is
/// often gone by then (from openssl's own server, too), which testssl calls a connect problem.
fn patient_openssl(dir: &Path) -> PathBuf {
    const SCRIPT: &str = r#"#!/bin/sh
for argument; do
    [ "$before" != -sess_out ] || session=$argument
    before=$argument
done
[ -n "$session" ] || exec openssl "$@"
{
    tries=200
    while [ ! -s "$session" ] && [ "$tries" -gt 0 ]; do
        sleep 0.05
        tries=$((tries - 1))
    done
} | openssl "$@"
"#;
    let path = dir.join("openssl");
    std::fs::write(&path, SCRIPT).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Some forty seconds, most of them spent waiting.
#[test]
fn testssl_finds_nothing_and_grades_a_plus() {
    let (gateway, ca, _app) = graded("intermediate");
    let report = gateway.dir.path().join("report.json");
    let output = support::testssl()
        .arg("--openssl")
        .arg(patient_openssl(gateway.dir.path()))
        .args(["--quiet", "--warnings", "off", "--color", "0"])
        .args(["--nodns", "none", "--ip", "127.0.0.1", "--add-ca"])
        .arg(&ca)
        .arg("--jsonfile")
        .arg(&report)
        .arg(format!("localhost:{}", gateway.port()))
        .output()
        .unwrap();
    let written = std::fs::read_to_string(&report)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout)));
    let findings: Vec<serde_json::Value> = serde_json::from_str(&written).unwrap();
    assert!(
        findings.len() > 100,
        "too few findings to be a whole run: {written}"
    );
    let bad = |finding: &&serde_json::Value| {
        let severity = finding["severity"].as_str();
        // Of this machine's openssl, and not of the gateway.
        let own = finding["id"] == "engine_problem";
        !own && !matches!(severity, Some("OK" | "INFO"))
    };
    let bad: Vec<_> = findings
        .iter()
        .filter(bad)
        .map(ToString::to_string)
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    let found = |id: &str| {
        let one = findings.iter().find(|finding| finding["id"] == id);
        one.unwrap_or_else(|| panic!("no {id}: {written}"))["finding"].clone()
    };
    assert_eq!(found("overall_grade"), "A+");
    assert_eq!(found("sessionresumption_ticket"), "supported");
    assert_eq!(found("cert_chain_of_trust"), "passed.");
    for id in [
        "TLS_session_ticket",
        "secure_renego",
        "secure_client_renego",
        "CRIME_TLS",
    ] {
        eprintln!("{id}: {}", found(id));
    }
}

#[test]
fn sslyze_finds_mozillas_profiles() {
    for profile in ["intermediate", "modern"] {
        let (gateway, ca, _app) = graded(profile);
        let target = format!("localhost:{}", gateway.port());
        let output = support::sslyze()
            .args(["--mozilla_config", profile, "--certinfo_ca_file"])
            .arg(&ca)
            .arg(&target)
            .output()
            .unwrap();
        let said = text(&output.stdout);
        // Its status says whether the server complies.
        assert!(output.status.success(), "{said}{}", text(&output.stderr));
        assert!(said.contains("OK - Compliant"), "{said}");
    }
}

#[test]
fn nothing_is_renegotiated_compressed_or_sent_early() {
    let (gateway, _, _app) = graded("intermediate");
    let report = gateway.dir.path().join("report.json");
    let output = support::sslyze()
        .args([
            "--reneg",
            "--compression",
            "--early_data",
            "--resum",
            "--tlsv1_2",
        ])
        .arg("--json_out")
        .arg(&report)
        .arg(format!("localhost:{}", gateway.port()))
        .output()
        .unwrap();
    let report = std::fs::read_to_string(&report)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let found = &report["server_scan_results"][0]["scan_result"];
    let of = |what: &str| &found[what]["result"];
    let renegotiation = of("session_renegotiation");
    assert_eq!(
        renegotiation["is_vulnerable_to_client_renegotiation_dos"],
        false
    );
    assert_eq!(of("tls_compression")["supports_compression"], false);
    assert_eq!(of("tls_1_3_early_data")["supports_early_data"], false);
    let suites = of("tls_1_2_cipher_suites")["accepted_cipher_suites"].as_array();
    let names: Vec<&str> = suites
        .unwrap()
        .iter()
        .map(|suite| suite["cipher_suite"]["name"].as_str().unwrap())
        .collect();
    assert!(!names.is_empty());
    assert!(!names.iter().any(|name| name.contains("CBC")), "{names:?}");
}
