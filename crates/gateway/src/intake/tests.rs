use http::Request;
use proptest::prelude::*;

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
fn underscores_do_not_reach_the_app() {
    let mut request = get()
        .header(HOST, "a")
        .header("x_forwarded_for", "6.6.6.6")
        .header("x-a", "1")
        .body(())
        .unwrap();
    admit(&mut request).unwrap();
    assert_eq!(request.headers().len(), 2);
}

#[test]
fn the_way_to_https() {
    let to = |host: &str, port| {
        let request = get().header(HOST, host).body(()).unwrap();
        https_location(&request, port).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(to("a.test", 443).unwrap(), "https://a.test/a%2f..%2fb?x=1");
    assert_eq!(
        to("a.test:8080", 8443).unwrap(),
        "https://a.test:8443/a%2f..%2fb?x=1"
    );
    assert_eq!(
        to("[::1]:80", 8443).unwrap(),
        "https://[::1]:8443/a%2f..%2fb?x=1"
    );
}

proptest! {
    #[test]
    fn a_host_that_is_admitted_has_nothing_but_a_host(value in "\\PC{0,40}") {
        if let Some(authority) = host::parse(value.as_bytes()) {
            prop_assert!(!authority.as_str().contains(['@', '/', '?', '#', ',', ' ']));
        }
    }

    #[test]
    fn the_short_way_to_a_host_leads_to_the_same(value in "[a-z0-9.:_@\\[\\]-]{0,12}(:[0-9]{0,6})?") {
        let parsed = host::parse(value.as_bytes()).is_some();
        prop_assert_eq!(host::is_host(value.as_bytes()), parsed, "{}", value);
    }
}
