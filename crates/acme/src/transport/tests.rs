use super::*;

const DIRECTORY: &str = r#"{"newNonce":"https://ca/n","newAccount":"https://ca/a",
    "newOrder":"https://ca/o","renewalInfo":"https://ca/r","meta":{}}"#;

fn now() -> SystemTime {
    crate::plan::moment(1_800_000_000)
}

/// What becomes of an answer, and the `Retry-After` that is left of it.
fn judged(
    status: u16,
    headers: &[(&str, &str)],
    body: &str,
    is_directory: bool,
) -> (Result<(), Unusable>, Option<String>) {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    let (mut parts, ()) = answer.body(()).unwrap().into_parts();
    let judged = judge(&mut parts, body.as_bytes(), is_directory, now());
    let left = parts.headers.get(RETRY_AFTER);
    (judged, left.map(|value| value.to_str().unwrap().to_owned()))
}

fn why(status: u16, headers: &[(&str, &str)], body: &str, is_directory: bool) -> String {
    judged(status, headers, body, is_directory)
        .0
        .unwrap_err()
        .to_string()
}

#[test]
fn what_is_no_directory_is_told_as_what_it_is() {
    assert!(judged(200, &[], DIRECTORY, true).0.is_ok());
    assert_eq!(why(200, &[], " <html>", true), "the answer is a web page");
    assert_eq!(
        why(302, &[("location", "https://x/")], "", true),
        "the answer is 302 Found and leads to https://x/"
    );
    assert_eq!(
        why(500, &[], "oops", true),
        "the answer is 500 Internal Server Error"
    );
    assert_eq!(why(404, &[], "{}", true), "the answer is 404 Not Found");
    assert!(why(200, &[], "{}", true).contains("`newNonce`"));
    for (good, bad) in [
        ("https://ca/n", "not a url"),
        ("https://ca/a", "http://ca/a"),
        ("https://ca/o", "::"),
        ("https://ca/r", "https://b\u{fc}cher/r"),
    ] {
        let body = DIRECTORY.replace(good, bad);
        assert!(
            why(200, &[], &body, true).contains("begins with `https://`"),
            "{bad}"
        );
    }
}

#[test]
fn a_problem_is_left_to_who_understands_it() {
    let problem = r#"{"type":"urn:ietf:params:acme:error:badNonce"}"#;
    assert!(judged(400, &[], problem, false).0.is_ok());
    assert!(
        judged(400, &[("retry-after", "5")], problem, false)
            .0
            .is_ok()
    );
    let problem = r#"{"type":"urn:ietf:params:acme:error:serverInternal","detail":"x"}"#;
    assert!(judged(503, &[], problem, false).0.is_ok());
    let (judged, _) = judged(503, &[("retry-after", "86400")], problem, false);
    let Err(Unusable::Refused { again, .. }) = judged else {
        panic!("{judged:?}");
    };
    assert_eq!(again, now() + Duration::from_hours(24));
}

#[test]
fn a_pause_is_within_reason() {
    let left = |said| judged(200, &[("retry-after", said)], "", false).1;
    assert_eq!(left("3").as_deref(), Some("3"));
    assert_eq!(left("1000000000").as_deref(), Some("604800"));
    assert_eq!(left("18446744073709551615").as_deref(), Some("604800"));
    assert_eq!(left("99999999999999999999999").as_deref(), Some("604800"));
    assert_eq!(left("Fri, 15 Jan 2027 08:01:00 GMT").as_deref(), Some("60"));
    assert_eq!(left("Fri, 31 Dec 1999 23:59:59 GMT").as_deref(), Some("0"));
    assert_eq!(left("soon"), None);
    assert_eq!(left(""), None);
}

#[test]
fn only_what_can_be_asked_is_an_endpoint() {
    for good in [
        "https://ca",
        "https://ca:14000/dir",
        "https://[::1]:14000/dir?a=b",
    ] {
        assert!(endpoint(good).is_some(), "{good}");
    }
    for bad in [
        "https://bad host/dir",
        "https://b\u{fc}cher.example/dir",
        "https://me:pw@ca/dir",
        "https://ca:99999/dir",
        "https://",
        "http://ca",
        "/dir",
        "",
    ] {
        assert!(endpoint(bad).is_none(), "{bad}");
    }
}

#[test]
fn roots_that_are_none_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots.pem");
    let said = || read_roots(&path).unwrap_err().to_string();
    assert!(said().contains("roots.pem cannot be read"), "{}", said());
    std::fs::write(&path, "garbage").unwrap();
    assert!(said().contains("holds no certificate"), "{}", said());
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::new(vec!["ca".to_owned()]).unwrap();
    let root = root.self_signed(&key).unwrap().pem();
    std::fs::write(&path, format!("{root}{root}")).unwrap();
    assert!(!read_roots(&path).unwrap().is_empty());
}

mod calls {
    use std::net::Ipv4Addr;

    use panoply_core::ManualClock;
    use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;

    use super::*;

    /// A directory that answers with `head` and then `megabytes` of nothing, or hangs.
    async fn directory(folder: &Path, head: &'static str, megabytes: usize) -> Transport {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let roots = folder.join("roots.pem");
        std::fs::write(&roots, certificate.pem()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let mut stream = acceptor.accept(stream).await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(head.as_bytes()).await;
            for _ in 0..megabytes {
                if stream.write_all(&vec![b' '; 1 << 20]).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        });
        let url = format!("https://localhost:{port}/dir");
        Transport::new(&url, Some(&roots), Arc::new(ManualClock::new())).unwrap()
    }

    async fn asked(http: &Transport) -> String {
        let request = Request::get(&http.directory)
            .body(BodyWrapper::default())
            .unwrap();
        match http.request(request).await {
            Ok(_) => "an answer".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_body_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 629145600\r\n\r\n";
        let http = directory(folder.path(), head, 600).await;
        let said = asked(&http).await;
        assert_eq!(said, "the answer is longer than 1048576 bytes");
    }

    #[tokio::test]
    async fn a_call_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
        let http = directory(folder.path(), head, 0).await;
        // Time does not pass by itself while the handshake goes through the kernel.
        let mut asked = std::pin::pin!(asked(&http));
        let early = tokio::time::timeout(Duration::from_secs(1), asked.as_mut()).await;
        assert!(early.is_err());
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(asked.await, "there was no answer within 30 seconds");
    }
}
