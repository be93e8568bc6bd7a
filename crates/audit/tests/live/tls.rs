//! Old protocols and weak suites: against openssl's server, against rustls, and against servers of a kind
//! that is no longer built.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use panoply_audit::{LiveOptions, Report, Severity, live};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::pki::Pki;
use crate::support::report::{of, unchecked};
use crate::support::site::{Reply, Site};

fn messages(report: &Report, rule: &str) -> Vec<String> {
    let found = of(report, rule).into_iter();
    found.map(|one| one.message.clone()).collect()
}

fn is_unchecked(report: &Report, rule: &str) -> bool {
    unchecked(report, rule).is_some()
}

/// openssl's own server with what it is told to speak.
struct OpenSsl {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl OpenSsl {
    async fn serve(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "90",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-addext", "subjectAltName=DNS:localhost", "-keyout"])
            .arg(path("key.pem"))
            .arg("-out")
            .arg(path("cert.pem"))
            .stderr(Stdio::null())
            .status()
            .expect("openssl is not installed; `cargo xtask test` installs what the tests need");
        assert!(made.success());
        let port = panoply_store_test::free_port();
        let child = Command::new("timeout")
            .args(["120", "openssl", "s_server", "-www", "-quiet", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("-key")
            .arg(path("key.pem"))
            .arg("-cert")
            .arg(path("cert.pem"))
            .args(arguments)
            // What the system allows is not what this server is to allow.
            .env("OPENSSL_CONF", "/dev/null")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            port,
            folder,
        };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("openssl does not listen at {port}");
    }

    async fn audit(&self) -> Report {
        let certificate: &Path = &self.folder.path().join("cert.pem");
        // It answers nothing but GET, and is not waited for long.
        let options = LiveOptions::new()
            .authority(certificate)
            .timeout(Duration::from_secs(2));
        live(&format!("https://localhost:{}/", self.port), &options)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn old_protocols_are_found_where_they_are_spoken() {
    let arguments = ["-min_protocol", "TLSv1", "-cipher", "ALL:@SECLEVEL=0"];
    let report = OpenSsl::serve(&arguments).await.audit().await;
    assert_eq!(
        messages(&report, "tls/old-protocol"),
        ["localhost speaks TLS 1.0, TLS 1.1"]
    );
    let weak = messages(&report, "tls/weak-cipher");
    assert!(
        weak.iter()
            .any(|one| one.contains("RSA_WITH_AES_128_CBC_SHA,")),
        "{weak:?}"
    );
    assert!(
        weak.iter()
            .any(|one| one.contains("DH_anon_WITH_AES_128_CBC_SHA")),
        "{weak:?}"
    );
    assert!(
        !is_unchecked(&report, "tls/old-protocol") && !is_unchecked(&report, "tls/weak-cipher")
    );
    // The certificate is its own authority, and named as such.
    assert_eq!(messages(&report, "tls/cert"), [""; 0]);
}

#[tokio::test]
async fn one_old_protocol_alone_is_told_from_the_others() {
    let arguments = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let report = OpenSsl::serve(&arguments).await.audit().await;
    assert_eq!(
        messages(&report, "tls/old-protocol"),
        ["localhost speaks TLS 1.1"]
    );
    // Nothing else could be looked at, and nothing else is said to be right.
    assert!(is_unchecked(&report, "headers/content-security-policy"));
    assert_eq!(messages(&report, "tls/no-https"), [""; 0]);
    assert!(report.grade.is_none());
}

#[tokio::test]
async fn suites_are_found_by_their_weakness() {
    let cases: [(&str, &[&str]); 4] = [
        ("ECDHE-RSA-AES128-GCM-SHA256", &[]),
        ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA", &[]),
        (
            "ECDHE-RSA-AES128-GCM-SHA256:AES128-GCM-SHA256:AES256-SHA",
            &[
                "localhost accepts suites without forward secrecy, where the server's key opens all that was recorded: RSA_WITH_AES_256_CBC_SHA, RSA_WITH_AES_128_GCM_SHA256",
            ],
        ),
        (
            "ECDHE-RSA-AES128-GCM-SHA256:NULL-SHA256:@SECLEVEL=0",
            &["localhost accepts connections that are not encrypted: RSA_WITH_NULL_SHA256"],
        ),
    ];
    // At once, since most of an audit is waiting for what openssl does not answer.
    let mut audits = JoinSet::new();
    for (cipher, expected) in cases {
        audits.spawn(async move {
            let arguments = ["-tls1_2", "-cipher", cipher];
            (
                cipher,
                expected,
                OpenSsl::serve(&arguments).await.audit().await,
            )
        });
    }
    while let Some(audited) = audits.join_next().await {
        let (cipher, expected, report) = audited.unwrap();
        let mut found = messages(&report, "tls/weak-cipher");
        // In which order they are taken is the server's choice.
        for message in &mut found {
            if let Some((head, names)) = message.split_once(": ") {
                let mut names: Vec<&str> = names.split(", ").collect();
                names.sort_unstable_by(|a, b| b.cmp(a));
                *message = format!("{head}: {}", names.join(", "));
            }
        }
        assert_eq!(found, expected, "{cipher}: {report:#?}");
        assert_eq!(messages(&report, "tls/old-protocol"), [""; 0], "{cipher}");
    }
}

#[tokio::test]
async fn a_server_of_today_speaks_none_of_them() {
    let pki = Pki::new();
    let acceptor = pki.good(&["localhost"]).acceptor();
    let site = Site::serve(Some(acceptor), |_| Some(Reply::page(""))).await;
    let report = live(&site.https("/"), &LiveOptions::new().authority(pki.file()))
        .await
        .unwrap();
    for rule in ["tls/old-protocol", "tls/weak-cipher"] {
        assert_eq!(messages(&report, rule), [""; 0]);
        assert!(!is_unchecked(&report, rule), "{report:#?}");
    }
}

/// A server that agrees to one version and to these suites, and says nothing after its hello.
async fn museum(version: u16, suites: &'static [u16]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 5];
                stream.read_exact(&mut head).await.ok()?;
                if head[0] != 22 {
                    return None;
                }
                let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
                stream.read_exact(&mut body).await.ok()?;
                let count = usize::from(u16::from_be_bytes([body[39], body[40]])) / 2;
                let offered = body[41..]
                    .chunks(2)
                    .take(count)
                    .map(|two| u16::from_be_bytes([two[0], two[1]]));
                let offered: Vec<u16> = offered.collect();
                let taken = suites.iter().find(|suite| offered.contains(suite));
                let asked = u16::from_be_bytes([body[4], body[5]]);
                let Some(taken) = taken.filter(|_| asked == version) else {
                    stream.write_all(&[21, 3, 0, 0, 2, 2, 40]).await.ok();
                    return None;
                };
                let mut hello = vec![22, 3, 0, 0, 42, 2, 0, 0, 38];
                hello.extend(version.to_be_bytes());
                hello.extend([1; 32]);
                hello.push(0);
                hello.extend(taken.to_be_bytes());
                hello.push(0);
                stream.write_all(&hello).await.ok()?;
                stream.shutdown().await.ok()
            });
        }
    });
    port
}

#[tokio::test]
async fn what_no_library_speaks_any_more_is_found_too() {
    let port = museum(0x0300, &[0x0005, 0x000a, 0x0003]).await;
    let report = live(&format!("https://localhost:{port}/"), &LiveOptions::new())
        .await
        .unwrap();
    assert_eq!(
        messages(&report, "tls/old-protocol"),
        ["localhost speaks SSL 3"]
    );
    let weak: Vec<_> = { report.findings.iter() }
        .filter(|one| one.rule.id == "tls/weak-cipher")
        .map(|one| (one.severity, one.message.as_str()))
        .collect();
    assert_eq!(
        weak,
        [
            (
                Severity::High,
                "localhost accepts RC4: RSA_WITH_RC4_128_SHA"
            ),
            (
                Severity::High,
                "localhost accepts keys of 40 or 56 bits: RSA_EXPORT_WITH_RC4_40_MD5"
            ),
            (
                Severity::Medium,
                "localhost accepts ciphers with blocks of 64 bits: RSA_WITH_3DES_EDE_CBC_SHA"
            ),
        ]
    );
}

#[tokio::test]
async fn who_does_not_answer_has_not_passed() {
    // Plain HTTP answers; what looks like TLS is left waiting.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = [0; 1];
            if stream.peek(&mut first).await.is_ok() && first[0] != 22 {
                let asked = stream.read(&mut [0; 4096]).await;
                assert!(asked.is_ok_and(|bytes| bytes > 0));
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .await
                    .ok();
            } else {
                waiting.push(stream);
            }
        }
    });
    let options = LiveOptions::new().timeout(Duration::from_millis(300));
    let report = live(&format!("http://localhost:{port}/"), &options)
        .await
        .unwrap();
    for rule in [
        "tls/old-protocol",
        "tls/weak-cipher",
        "tls/no-https",
        "tls/cert",
    ] {
        assert!(is_unchecked(&report, rule), "{rule}: {report:#?}");
        assert_eq!(messages(&report, rule), [""; 0]);
    }
}
