use http::Request;
use panoply_core::ClientAddress;

use super::*;

fn rule(request: http::request::Builder) -> Option<&'static str> {
    admit(&mut request.body(()).unwrap())
        .err()
        .map(|refusal| refusal.rule())
}

fn get() -> http::request::Builder {
    Request::builder().uri("/a%2f..%2fb?x=1")
}

#[test]
fn one_host_and_no_other() {
    let host = |value: &str| rule(get().header(HOST, value));
    for good in [
        "a.test",
        "a.test:8443",
        "127.0.0.1",
        "[::1]:443",
        "A-b.C",
        "xn--bcher-kva.example",
    ] {
        assert_eq!(host(good), None, "{good}");
    }
    for bad in [
        "",
        "a.test/evil@x",
        "user@a.test",
        "a.test,b.test",
        "a test",
        "a.test:",
        "a.test:65536",
        "a.test:99999",
        "a.test:+1",
        "[::1",
        "::1",
        "[1.2.3.4]",
        "a.test?x",
        "a.test#x",
        ":80",
        "a\\b",
        "a%00b",
    ] {
        assert_eq!(host(bad), Some("intake/host"), "{bad:?}");
    }
    assert_eq!(rule(get()), Some("intake/no-host"));
    assert_eq!(rule(get().version(Version::HTTP_10)), None);
    assert_eq!(
        rule(get().header(HOST, "a").header(HOST, "a")),
        Some("intake/two-hosts")
    );
}

#[test]
fn a_target_has_a_form_that_its_method_may_have() {
    let target = |method: &str, target: &str, version| {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .version(version)
            .header(HOST, "a.test")
            .body(())
            .unwrap();
        let refused = admit(&mut request).err().map(|refusal| refusal.rule());
        (refused, request.uri().to_string())
    };
    for (method, said, seen) in [
        ("GET", "http://a.test?x=1", "/?x=1"),
        ("GET", "http://a.test", "/"),
        ("OPTIONS", "*", "*"),
        ("GET", "/*", "/*"),
    ] {
        let passed = (None, seen.to_owned());
        assert_eq!(target(method, said, Version::HTTP_11), passed, "{said}");
    }
    let refused = Some("intake/target");
    for (method, said) in [("GET", "a.test"), ("GET", "*"), ("POST", "*")] {
        assert_eq!(target(method, said, Version::HTTP_11).0, refused, "{said}");
    }
    let mut request = Request::builder()
        .uri("https://a.test?x=1")
        .version(Version::HTTP_2)
        .body(())
        .unwrap();
    let rule = admit(&mut request).err().map(|refusal| refusal.rule());
    assert_eq!(rule, refused, "over HTTP/2 a path is never empty");
}

#[test]
fn an_absolute_target_must_agree_and_becomes_a_path() {
    let absolute = |target: &str, host| {
        let mut request = Request::builder()
            .uri(target)
            .header(HOST, host)
            .body(())
            .unwrap();
        admit(&mut request)
            .map(|()| request.uri().to_string())
            .map_err(|r| r.rule())
    };
    assert_eq!(
        absolute("http://A.test/p?q", "a.test"),
        Ok("/p?q".to_owned())
    );
    assert_eq!(absolute("http://a.test", "a.test"), Ok("/".to_owned()));
    assert_eq!(
        absolute("http://b.test/p", "a.test"),
        Err("intake/host-mismatch")
    );
    assert_eq!(
        absolute("http://a.test:81/p", "a.test"),
        Err("intake/host-mismatch")
    );
    assert_eq!(absolute("http://u@a.test/p", "a.test"), Err("intake/host"));
}

#[test]
fn http_2_names_its_host_in_the_target() {
    let mut request = Request::builder()
        .version(Version::HTTP_2)
        .uri("https://a.test/p")
        .body(())
        .unwrap();
    admit(&mut request).unwrap();
    assert_eq!(request.headers()[HOST], "a.test");
    assert_eq!(request.uri(), "https://a.test/p");
    for target in ["https://a.test:65536/p", "https://u@a.test/p"] {
        let request = Request::builder().version(Version::HTTP_2).uri(target);
        assert_eq!(rule(request), Some("intake/host"), "{target}");
    }
}

#[test]
fn methods_that_open_tunnels_or_echo_are_refused() {
    for method in [Method::CONNECT, Method::TRACE] {
        let request = Request::builder()
            .method(method)
            .uri("a.test:443")
            .header(HOST, "a.test");
        assert_eq!(rule(request), Some("intake/method"));
    }
}

#[test]
fn what_some_read_as_another_name_does_not_reach_the_app() {
    for name in ["x_forwarded_for", "x.real.ip", "client.cert", "x!real~ip"] {
        let mut request = get()
            .header(HOST, "a")
            .header(name, "6.6.6.6")
            .header("x-a1", "1")
            .body(())
            .unwrap();
        admit(&mut request).unwrap();
        assert_eq!(request.headers().len(), 2, "{name}");
    }
}

#[test]
fn what_would_mislead_an_app_does_not_reach_it() {
    let mut request = get()
        .header("host", "a.test")
        .header("proxy", "http://evil.test")
        .header("x-middleware-subrequest", "middleware:middleware")
        .header("accept", "*/*")
        .body(())
        .unwrap();
    admit(&mut request).unwrap();
    assert_eq!(request.headers().len(), 2);
}

#[test]
fn what_connection_names_is_missed_by_all_alike() {
    let mut request = get()
        .header("host", "a.test")
        .header(
            "connection",
            "Upgrade, te, Content-Encoding, host, content-length",
        )
        .header("connection", "close, Content-Type")
        .header("upgrade", "websocket")
        .header("te", "trailers")
        .header("content-length", "0")
        .header("content-encoding", "gzip")
        .header("content-type", "text/plain")
        .body(())
        .unwrap();
    admit(&mut request).unwrap();
    let mut left: Vec<_> = request
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    left.sort_unstable();
    assert_eq!(
        left,
        ["connection", "content-length", "host", "te", "upgrade"]
    );
}

#[test]
fn the_way_to_https() {
    let asked = |host: &str, http, https| {
        let request = get().header(HOST, host).body(()).unwrap();
        let ports = Ports {
            http: Some(http),
            https,
        };
        https_location(&request, ports, None).map(|value| value.to_str().unwrap().to_owned())
    };
    let to = |host: &str, https| asked(host, if https == 443 { 80 } else { 8080 }, https);
    assert_eq!(to("a.test", 443).unwrap(), "https://a.test/a%2f..%2fb?x=1");
    assert_eq!(
        to("a.test:8080", 8443).unwrap(),
        "https://a.test:8443/a%2f..%2fb?x=1"
    );
    assert_eq!(
        to("[::1]:8080", 8443).unwrap(),
        "https://[::1]:8443/a%2f..%2fb?x=1"
    );
    // A published port of a container: what led from 80 to 8080 leads from 443 to 8443.
    for host in ["a.test", "a.test:80"] {
        assert_eq!(to(host, 8443).unwrap(), "https://a.test/a%2f..%2fb?x=1");
    }
    // Nothing leads here: 80 itself is listened on, and HTTPS somewhere else.
    assert_eq!(
        asked("a.test", 80, 8443).unwrap(),
        "https://a.test:8443/a%2f..%2fb?x=1"
    );
    // What a trusted proxy calls the host is what the client called it.
    let mut request = get().header(HOST, "inner:8080").body(()).unwrap();
    let client = ClientAddress::direct("192.0.2.1:9".parse().unwrap(), panoply_core::Scheme::Http);
    let client = client.with_host("a.test".parse().ok());
    request.extensions_mut().insert(client);
    let ports = Ports {
        http: Some(8080),
        https: 8443,
    };
    let location = https_location(&request, ports, None).unwrap();
    assert_eq!(location, "https://a.test/a%2f..%2fb?x=1");
}

#[test]
fn the_cookies_of_a_browser_are_one_header() {
    let request = |version: Version| {
        let mut request = Request::builder().version(version).header(HOST, "a.test");
        for number in 0..150 {
            request = request.header(COOKIE, format!("name{number}=value"));
        }
        request.body(()).unwrap()
    };
    assert_eq!(fields(&request(Version::HTTP_2)), 2);
    // There nobody has a reason to.
    assert_eq!(fields(&request(Version::HTTP_11)), 151);
    let none = Request::builder()
        .version(Version::HTTP_2)
        .body(())
        .unwrap();
    assert_eq!(fields(&none), 0);
}
